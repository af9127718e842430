"""What a run has to do: the folders as they are, against the ledger as it was.

Recordings are found by their names and one stat each; nothing is opened.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, field, replace
from pathlib import Path

from partwise.audio.types import is_audio_name
from partwise.errors import PartwiseError
from partwise.hearing.worker import LOOK_AGAIN
from partwise.library.index.aside import MARK, is_left_out, kind_of
from partwise.library.tables.ledger import LedgerRow, State, now
from partwise.paths import (
    FoundFile,
    absolute,
    is_address,
    is_under,
    path_to_text,
    shown,
    text_to_path,
)


@dataclass
class Scan:
    """What lies in the folders.

    roots : the folders and files that were asked for, absolute paths of the operating system.
    files : by path (text), in the order of their paths.
    problems : path (text) -> why it cannot be read, for names that promise audio and for folders.
    unreadable : absolute paths of folders whose contents are unknown.
    aside : how many files promise no audio, by their ending. not_entered : how many folders were
    left out, by name or mark; ``left_out`` are their absolute paths. See ``aside.py``.
    """

    roots: list[str]
    files: dict[str, FoundFile] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    aside: Counter[str] = field(default_factory=Counter)
    not_entered: Counter[str] = field(default_factory=Counter)
    left_out: set[str] = field(default_factory=set)

    def covers(self, os_path: str) -> bool:
        """Whether a path was looked for: below a root, and not in an unreadable folder."""
        return any(is_under(os_path, root) for root in self.roots) and not any(
            is_under(os_path, folder) for folder in self.unreadable
        )

    def leaves_out(self, os_path: str) -> bool:
        """Whether a path lies in a folder that was left out."""
        while self.left_out and os_path not in self.left_out:
            if os_path == (os_path := os.path.dirname(os_path)):
                return False
        return bool(self.left_out)


def scan(
    roots: Iterable[str | os.PathLike[str]],
    library: Path | None = None,
    stop: threading.Event | None = None,
) -> Scan:
    """Find the recordings below ``roots``; a root may also be one file, whatever its suffix.

    Bins, former versions and folders with the mark ``.nomedia`` are left out, but not as roots.

    Symbolic links are followed; each folder is entered once, by its real name where it has one
    among the roots, so that loops end and a link added later does not rename anything.

    library : the library's own folder, which is not searched.
    stop : when set, the scan ends with KeyboardInterrupt.

    Raises PartwiseError for a root that does not exist: nothing is known of its files then.
    """
    result = Scan([absolute(root) for root in roots])
    for root in result.roots:
        try:
            os.stat(root)
        except OSError as error:
            raise PartwiseError(_no_root(root, error)) from None
    walk = _Walk(result, library, stop)
    for root in result.roots:
        if os.path.isdir(root):
            walk.folder(root)
        else:
            walk.file(root, os.stat(root))
    walk.linked_folders()
    result.files = dict(sorted(result.files.items()))
    return result


def _no_root(root: str, error: OSError) -> str:
    if is_address(root):
        return f"{shown(root)} is no folder: a server is named with --from"
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return f"{shown(root)} does not exist"
    return f"{shown(root)} cannot be read: {_cause(error)}"


class _Walk:
    def __init__(self, result: Scan, library: Path | None, stop: threading.Event | None) -> None:
        self._result = result
        self._stop = stop
        self._entered: set[tuple[int, int]] = set()  # (device, inode) of folders
        self._links: list[str] = []  # links to folders, entered after all real folders
        if library is not None and library.is_dir():
            here = library.stat()
            self._entered.add((here.st_dev, here.st_ino))

    def linked_folders(self) -> None:
        while self._links:
            self.folder(self._links.pop(0))

    def folder(self, top: str) -> None:
        waiting = [top]
        while waiting:
            path = waiting.pop()
            if self._stop is not None and self._stop.is_set():
                raise KeyboardInterrupt
            try:
                here = os.stat(path)
                if (here.st_dev, here.st_ino) in self._entered:
                    continue
                self._entered.add((here.st_dev, here.st_ino))
                with os.scandir(path) as entries:
                    ordered = sorted(entries, key=lambda entry: entry.name)
            except FileNotFoundError:
                continue  # removed while we were looking
            except OSError as error:
                self._result.unreadable.append(path)
                self._problem(path, f"folder cannot be read: {_cause(error)}")
                continue
            if path not in self._result.roots and any(entry.name == MARK for entry in ordered):
                self._leave_out(path, MARK)
                continue
            waiting += reversed([path for entry in ordered if (path := self._entry(entry))])

    def _entry(self, entry: os.DirEntry[str]) -> str | None:
        """Takes note of a file or a linked folder; returns the path of a real folder."""
        try:
            is_link = entry.is_symlink()
            if entry.is_dir():
                if is_left_out(entry.name):
                    self._leave_out(entry.path, entry.name)
                elif is_link:
                    self._links.append(entry.path)
                else:
                    return entry.path
            elif is_audio_name(entry.name):
                self.file(entry.path, entry.stat())
            elif entry.name != MARK:
                self._result.aside[kind_of(entry.name)] += 1
        except FileNotFoundError:
            if is_audio_name(entry.name) and os.path.islink(entry.path):
                target = shown(os.readlink(entry.path))
                self._problem(entry.path, f"dangling symbolic link to {target}")
        except OSError as error:
            if is_audio_name(entry.name):
                self._problem(entry.path, _cause(error))
        return None

    def _leave_out(self, path: str, why: str) -> None:
        if path not in self._result.roots:  # named itself, it is looked into all the same
            self._result.left_out.add(path)
            self._result.not_entered[why] += 1

    def file(self, path: str, status: os.stat_result) -> None:
        if stat.S_ISREG(status.st_mode):
            text = path_to_text(path)
            self._result.files[text] = FoundFile(text, status.st_size, status.st_mtime_ns)
        else:
            self._problem(path, f"not a regular file but {_kind(status.st_mode)}")

    def _problem(self, path: str, reason: str) -> None:
        self._result.problems[path_to_text(path)] = reason


def _kind(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    if stat.S_ISSOCK(mode):
        return "a socket"
    return "a device"


def _cause(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "symbolic link that leads back to itself"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "permission denied"
    return (error.strerror or str(error)).lower()


@dataclass
class Plan:
    """The work of one run.

    files : to be read: new, changed, to be tried again, or heard by another model only.
    again : paths among them (text) whose unchanged content is to be heard by a new model.
    rows : ledger rows that can be written at once.
    failures : rows of names that cannot be read at all, for a reason not yet known.
    gone : paths (text) of rows whose file is not there any more.
    unreachable : paths (text) outside the folders asked for, wanted by a new model, not to be had.
    """

    files: list[FoundFile] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    rows: list[LedgerRow] = field(default_factory=list)
    failures: list[LedgerRow] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    unreachable: list[str] = field(default_factory=list)
    unchanged: int = 0
    failed_earlier: int = 0


def plan_run(
    scan: Scan,
    ledger: dict[str, LedgerRow],
    known: Set[str],
    model_digest: str,
    *,
    retry_failed: bool = False,
) -> Plan:
    """Compare. known : content hashes that have a track of the model ``model_digest``.

    A file is unchanged when size and modification time are those of its ledger row. Costs a stat
    (already made) per found file, and one more per file that is gone.
    """
    plan = Plan()
    for path, file in scan.files.items():
        _plan_found(plan, file, ledger.get(path), known, model_digest, retry_failed)
    for path, reason in scan.problems.items():
        row = failed_row(path, reason, ledger.get(path), model_digest)
        if is_new_failure(row, ledger.get(path)):
            plan.failures.append(row)
            plan.rows.append(row)
        else:
            plan.failed_earlier += 1
    for path, row in ledger.items():
        if path in scan.files or path in scan.problems:
            continue
        name = text_to_path(path)
        if scan.covers(name):
            # A folder that could not be read has a row too; now that it can, the row is done with.
            gone = not os.path.lexists(name) or scan.leaves_out(name)
            if gone or (os.path.isdir(name) and row.state is State.FAILED):
                plan.gone.append(path)
        elif row.state is State.INDEXED and row.content_hash not in known:
            _plan_elsewhere(plan, row, name)
    plan.files.sort(key=lambda file: file.path)
    return plan


def leave_unfinished(plan: Plan, quiet_s: float) -> list[str]:
    """Take out of a plan the files that changed less than ``quiet_s`` ago; returns their paths.

    Somebody may still be writing them. A clock may be a little behind that of a file server.
    """
    if not quiet_s:
        return []
    now_s = time.time()
    fresh = {f.path for f in plan.files if abs(now_s - f.mtime_ns / 1e9) < quiet_s}
    plan.files = [file for file in plan.files if file.path not in fresh]
    plan.again = [path for path in plan.again if path not in fresh]
    return sorted(fresh)


def _plan_found(
    plan: Plan,
    file: FoundFile,
    row: LedgerRow | None,
    known: Set[str],
    model_digest: str,
    retry_failed: bool,
) -> None:
    if row is None or (row.size, row.mtime_ns) != (file.size, file.mtime_ns):
        plan.files.append(file)
    elif row.state is State.FAILED and not retry_failed:
        plan.failed_earlier += 1
    elif row.state is not State.FAILED and row.content_hash in known:
        plan.unchanged += 1
        if row.state is State.MISSING or row.model_digest != model_digest:
            plan.rows.append(
                replace(row, state=State.INDEXED, model_digest=model_digest, updated_at=now())
            )
    else:
        plan.files.append(file)
        if row.state is State.INDEXED:
            plan.again.append(file.path)


def _plan_elsewhere(plan: Plan, row: LedgerRow, name: str) -> None:
    """An indexed file outside the folders asked for, which has no track of this model."""
    try:
        status = os.stat(name)
    except OSError:
        # Its folder is there and it is not: gone. Otherwise a disk may just not be mounted.
        if os.path.isdir(os.path.dirname(name)) and not os.path.lexists(name):
            plan.gone.append(row.path)
        else:
            plan.unreachable.append(row.path)
        return
    plan.files.append(FoundFile(row.path, status.st_size, status.st_mtime_ns))
    plan.again.append(row.path)


def failed_row(
    path: str,
    reason: str,
    former: LedgerRow | None,
    model_digest: str,
    *,
    size: int = 0,
    mtime_ns: int = LOOK_AGAIN,
    content_hash: str | None = None,
    seconds: float | None = None,
) -> LedgerRow:
    """A failure. When the content could not be read, what was known of it stays known."""
    if content_hash is None and former is not None:
        content_hash = former.content_hash
    return LedgerRow(
        path, size, mtime_ns, content_hash, State.FAILED, reason, seconds, model_digest, now()
    )


def is_new_failure(row: LedgerRow, former: LedgerRow | None) -> bool:
    """Whether the ledger does not tell this failure yet."""
    return former is None or (former.state, former.reason) != (row.state, row.reason)
