"""What a library holds of each folder that it was indexed from."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from partwise.library.tables.folders import KeptFolder, read_folders
from partwise.library.tables.ledger import State
from partwise.library.tables.reader import Store
from partwise.paths import is_under, text_to_path


@dataclass(frozen=True)
class Holding:
    """One folder.

    folder : as it is kept. kept : whether a run was asked for it by name, since runs are noted;
    else it is where files lie that nothing else explains.
    tracks, files : that answer searches. failed, missing : files below it that do not.
    leaving : tracks that go when the folder is forgotten, those with a file elsewhere not among
    them.
    """

    folder: KeptFolder
    kept: bool
    tracks: int
    files: int
    failed: int
    missing: int
    leaving: int

    @property
    def path(self) -> str:
        return self.folder.path

    @property
    def known(self) -> int:
        """Files of the ledger, whatever became of them."""
        return self.files + self.failed + self.missing


@dataclass(frozen=True)
class _File:
    path: str
    content: str | None
    state: str


def holdings(store: Store) -> list[Holding]:
    """Every folder that the library was indexed from, by path, with what is held of it.

    Files outside all of them (named one by one, or indexed before runs were noted) are told by the
    folders that they have in common.
    """
    files = _files(store)
    kept = read_folders(store.folder)
    paths = [folder.path for folder in kept]
    others = [file for file in files if not any(is_under(file.path, path) for path in paths)]
    listed = [(folder, True) for folder in kept]
    listed += [(KeptFolder(path), False) for path in common_folders(f.path for f in others)]
    uses = _uses(files)
    found = [_holding(folder, is_kept, files, uses) for folder, is_kept in listed]
    return sorted(found, key=lambda holding: holding.path)


def holding_of(store: Store, path: str) -> Holding:
    """What is held of a folder, or of a file, whether or not a run was asked for it."""
    files = _files(store)
    kept = {folder.path: folder for folder in read_folders(store.folder)}
    return _holding(kept.get(path, KeptFolder(path)), path in kept, files, _uses(files))


def common_folders(paths: Iterable[str]) -> list[str]:
    """The deepest folders that hold all of some files: one for each folder of a root (a drive)."""
    tops: dict[tuple[str, str], list[str]] = {}
    for path in paths:
        if os.path.isabs(path):
            folder = os.path.dirname(path)
            drive, below = os.path.splitdrive(folder)
            top = below.lstrip(os.sep).partition(os.sep)[0]
            tops.setdefault((os.path.normcase(drive), os.path.normcase(top)), []).append(folder)
    return sorted(os.path.commonpath(folders) for folders in tops.values())


def _files(store: Store) -> list[_File]:
    columns = store.ledger_table.to_arrow().select(["path", "content_hash", "state"]).columns
    return [
        _File(text_to_path(path), content, state)
        for path, content, state in zip(*(column.to_pylist() for column in columns), strict=True)
    ]


def _uses(files: Sequence[_File]) -> Counter[str]:
    """How many files have a content, whatever became of them."""
    return Counter(file.content for file in files if file.content is not None)


def _holding(
    folder: KeptFolder, kept: bool, files: Sequence[_File], uses: Mapping[str, int]
) -> Holding:
    here = [file for file in files if is_under(file.path, folder.path)]
    states = Counter(file.state for file in here)
    heard = {f.content for f in here if f.state != State.FAILED and f.content is not None}
    leaving = sum(
        uses[content] == count for content, count in _uses(here).items() if content in heard
    )
    return Holding(
        folder,
        kept,
        tracks=len({file.content for file in here if file.state == State.INDEXED}),
        files=states[State.INDEXED],
        failed=states[State.FAILED],
        missing=states[State.MISSING],
        leaving=leaving,
    )
