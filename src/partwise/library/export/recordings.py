"""What is heard in recordings that need be in no library, for one file of vectors.

Each is heard in a worker, so that a bad one costs nothing but itself, and is put aside beside the
file that is to be until all are heard: a run that was stopped, however, goes on from there.
"""

from __future__ import annotations

import os
import queue
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

from partwise.atomic import followed, is_plain
from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.hearing.child import cores
from partwise.hearing.process import Workers, WorkersUnfit
from partwise.hearing.worker import Settings
from partwise.library.index.planning import scan
from partwise.library.index.time_left import TimeLeft
from partwise.library.reports import Progress, Reporter
from partwise.paths import FoundFile, absolute, is_under, path_to_text, shown, text_to_path

_LOOK_S = 0.25
# What is put aside, also in the middle of being written.
_ASIDE = re.compile(r"\.?[0-9a-f]{32}\.npz.*")


@dataclass(frozen=True)
class Recording:
    """A file to hear. name : as it was asked for, for people and for the file that is made."""

    name: str
    file: FoundFile


@dataclass(frozen=True)
class Found:
    """Recordings in the order of the arguments, and of those that cannot be read the reasons."""

    recordings: list[Recording]
    problems: list[tuple[str, str]]


def find(arguments: Sequence[Path]) -> Found:
    """Every recording that is named, or lies below a folder that is.

    Raises PartwiseError for a folder without any.
    """
    found = Found([], [])
    for argument in arguments:
        if not argument.is_dir():
            _add_file(found, argument)
            continue
        root, inside = absolute(argument), scan([argument])
        if not inside.files and not inside.problems:
            raise PartwiseError(f"no audio files in {shown(argument)}")
        for file in inside.files.values():
            found.recordings.append(Recording(_named(file.path, root, argument), file))
        for path, reason in inside.problems.items():
            found.problems.append((_named(path, root, argument), reason))
    return found


def _add_file(found: Found, path: Path) -> None:
    try:
        status = os.stat(path)
    except FileNotFoundError:
        found.problems.append((str(path), "there is no such file"))
    except OSError as error:
        found.problems.append((str(path), (error.strerror or str(error)).lower()))
    else:
        if stat.S_ISREG(status.st_mode):
            text = path_to_text(absolute(path))
            file = FoundFile(text, status.st_size, status.st_mtime_ns)
            found.recordings.append(Recording(str(path), file))
        else:
            found.problems.append((str(path), "not a regular file"))


def _named(text: str, root: str, argument: Path) -> str:
    """A file below a folder, by the folder's name as it was given."""
    path = text_to_path(text)
    if not is_under(path, root):  # where a link leads
        return path
    return os.path.join(argument, os.path.relpath(path, root))


class Aside:
    """What was heard so far, a file each, for one model and one segmentation."""

    def __init__(self, folder: Path, digest: str, settings: Settings) -> None:
        self.folder = folder
        self._asked = (digest, settings.segment_s, settings.hop_s)

    def _path(self, file: FoundFile) -> Path:
        key = repr((file.path, file.size, file.mtime_ns, *self._asked)).encode()
        return self.folder / f"{blake2b(key, digest_size=16).hexdigest()}.npz"

    def __contains__(self, file: FoundFile) -> bool:
        try:
            self.load(file)
        except PartwiseError:  # none, or damaged
            return False
        return True

    def load(self, file: FoundFile) -> PartEmbeddings:
        return PartEmbeddings.load(self._path(file))

    def save(self, file: FoundFile, heard: PartEmbeddings) -> None:
        heard.save(self._path(file))


@contextmanager
def putting_aside(out: Path, digest: str, settings: Settings) -> Iterator[Aside]:
    """Where to put aside what is heard for ``out``; gone when the block ends well.

    Else it stays, as ``OUT.part``, for the next run. Raises PartwiseError when there is no place.
    """
    if not is_plain(out):
        with TemporaryDirectory() as folder:
            yield Aside(Path(folder), digest, settings)
        return
    folder = Path(f"{followed(out)}.part")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise PartwiseError(f"{shown(folder)} cannot be made ({error.strerror})") from None
    try:
        yield Aside(folder, digest, settings)
        for name in filter(_ASIDE.fullmatch, os.listdir(folder)):
            (folder / name).unlink()
    finally:
        with suppress(OSError):  # what was heard, or what is not ours
            folder.rmdir()


def hear(
    recordings: Sequence[Recording],
    digest: str,
    settings: Settings,
    aside: Aside,
    reporter: Reporter[Progress],
    jobs: int | None = None,
) -> list[tuple[str, str]]:
    """Hear what is not yet put aside; returns names and reasons of what cannot be used.

    jobs : worker processes, None for one per core. Raises PartwiseError when none can start, and
    OSError when there is no space left.
    """
    began_s = time.monotonic()
    names = {recording.file: recording.name for recording in recordings}
    waiting = [file for file in names if file not in aside]
    by_path = {file.path: file for file in waiting}
    if len(waiting) < len(names):
        reporter.say(f"{len(names) - len(waiting)} of {len(names)} files were heard before")
    if not waiting:
        return []
    failures: list[tuple[str, str]] = []
    done, audio_s = 0, 0.0
    jobs = min(jobs or cores(), len(waiting))
    time_left = TimeLeft(waiting, jobs)
    workers = Workers(settings, jobs, digest, lambda *_: True)
    try:
        workers.submit(*waiting)
        while done < len(waiting):
            elapsed_s = time.monotonic() - began_s
            left_s = time_left.left_s(elapsed_s)
            reporter.update(Progress(done, len(waiting), audio_s, elapsed_s, left_s))
            try:
                outcome = workers.outcomes.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(outcome, WorkersUnfit):
                raise PartwiseError(str(outcome)) from None
            file = by_path[outcome.path]
            done += 1
            time_left.ended(file, outcome.seconds, time.monotonic() - began_s)
            name, heard = names[file], outcome.embeddings
            if heard is None:
                failures.append((name, outcome.failure or "nothing was heard in it"))
                continue
            for note in heard.notes:
                reporter.say(f"partwise: {shown(name)}: {note}")
            audio_s += heard.seconds
            aside.save(file, heard)
    finally:
        workers.stop()
    return failures
