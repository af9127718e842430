"""``folders.json``: the folders that a library was indexed from, and which of them are watched.

It is a convenience and never the truth: what the library holds stands in the ledger, so a file that
is lost or damaged costs the list and no track. An indexing run and a server that is told to watch
may both write it; each holds ``folders.lock`` while it reads and writes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from partwise.atomic import write_whole
from partwise.library.stores.faults import storage_errors
from partwise.library.tables.lock import lock
from partwise.paths import is_under, path_to_text, text_to_path

FILE_NAME = "folders.json"
LOCK_NAME = "folders.lock"
_FORMAT = 1


@dataclass(frozen=True)
class KeptFolder:
    """One folder that was named to an indexing run.

    path : absolute, of the operating system. last_run_at : seconds since 1970 of the end of the
    last run that was asked for it and looked at all of it; None when none has yet.
    watched : whether a server hears by itself what changes in it. polling : by looking, because the
    system does not tell (a network drive, say); None to find out.
    """

    path: str
    last_run_at: float | None = None
    watched: bool = False
    polling: bool | None = None


def read_folders(library: Path) -> tuple[KeptFolder, ...]:
    """The folders of a library, by path; none where nothing is known of them."""
    try:
        data = json.loads((library / FILE_NAME).read_bytes())
        return tuple(_folder_of(row) for row in data["folders"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ()


def note_begun(library: Path, roots: Sequence[str]) -> None:
    """Keep the folders among the roots of a run that begins; single files are not kept.

    A folder inside one that is kept already is not kept beside it, and one that takes in others
    takes their place, but for those that are watched.
    """

    def change(known: dict[str, KeptFolder]) -> None:
        for root in sorted(filter(os.path.isdir, roots)):
            if any(is_under(root, path) for path in known):
                continue
            for path in [path for path in known if is_under(path, root)]:
                if not known[path].watched:
                    del known[path]
            known[root] = KeptFolder(root)

    _change(library, change)


def note_ended(library: Path, roots: Sequence[str]) -> None:
    """A run over these roots has looked at all of them."""
    now = time.time()

    def change(known: dict[str, KeptFolder]) -> None:
        for path, folder in known.items():
            if any(is_under(path, root) for root in roots):
                known[path] = replace(folder, last_run_at=now)

    _change(library, change)


def set_watched(library: Path, folder: str, watched: bool, polling: bool | None = None) -> None:
    """Remember whether a folder is watched. One that is not kept yet is from now on."""

    def change(known: dict[str, KeptFolder]) -> None:
        known[folder] = replace(
            known.get(folder, KeptFolder(folder)), watched=watched, polling=polling
        )

    _change(library, change)


def drop_folders(library: Path, folder: str) -> None:
    """Keep neither a folder nor any below it."""

    def change(known: dict[str, KeptFolder]) -> None:
        for path in [path for path in known if is_under(path, folder)]:
            del known[path]

    _change(library, change)


def _change(library: Path, change: Callable[[dict[str, KeptFolder]], None]) -> None:
    with storage_errors(library), _locked(library):
        former = {folder.path: folder for folder in read_folders(library)}
        known = dict(former)
        change(known)
        if known == former:
            return
        rows = [{**vars(known[path]), "path": path_to_text(path)} for path in sorted(known)]
        data = {"format": _FORMAT, "folders": rows}
        write_whole(library / FILE_NAME, json.dumps(data, indent=2) + "\n")


@contextmanager
def _locked(library: Path) -> Iterator[None]:
    handle = os.open(library / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with suppress(OSError):  # a file system without locks: the last one to write is right
            lock(handle, wait=True)
        yield
    finally:
        os.close(handle)


def _folder_of(row: dict) -> KeptFolder:
    at, polling = row.get("last_run_at"), row.get("polling")
    return KeptFolder(
        text_to_path(row["path"]),
        None if at is None else float(at),
        bool(row.get("watched", False)),
        None if polling is None else bool(polling),
    )
