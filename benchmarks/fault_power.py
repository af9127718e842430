"""Power cuts: a run's file operations in their order, cut off after each of them.

The folder is copied after every write of the run. What a write added is then put there file by
file, in the order in which LanceDB writes (rows, then the transaction, then the version that makes
them count, then the hint), so that every prefix of the run is a library to be opened. Systems lose
more than the last operation: what was not forced to the disk may be there with its name and its
size, but cut short or full of zeros. That is done to the last file, and to all files of the last
write at once.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from fault_files import faults_of
from fault_seed import Seed
from partwise.library.stores import faults as guarded
from partwise.library.tables import writer as writing

_ORDER = ("data", "_deletions", "_indices", "_transactions", "_versions")

State = dict[str, bytes]


@dataclass(frozen=True)
class Cut:
    """A moment of the run: files as they would be on the disk. name : for messages."""

    name: str
    files: State


def record_run(seed: Seed, library: Path, songs: int) -> list[State]:
    """Index the seed's music, with the folder's state after each write."""
    states: list[State] = [{}]

    def look() -> None:
        now = _state(library)
        if now != states[-1]:
            states.append(now)

    with _after_writes(look):
        seed.index(library)
    look()
    assert len(states) > songs
    return states


@contextmanager
def _after_writes(look: Callable[[], None]) -> Iterator[None]:
    calling = guarded.Guarded._calling
    manifest = writing.write_manifest

    def watched(self: Any, function: Any) -> Any:
        call = calling(self, function)

        def then_look(*arguments: Any, **options: Any) -> Any:
            result = call(*arguments, **options)
            look()
            return result

        return then_look

    def written(folder: Path, its: Any) -> None:
        look()  # the tables are there, library.json is not
        manifest(folder, its)
        look()

    guarded.Guarded._calling = watched  # type: ignore[method-assign]
    writing.write_manifest = written
    try:
        yield
    finally:
        guarded.Guarded._calling = calling  # type: ignore[method-assign]
        writing.write_manifest = manifest


def cuts(states: list[State]) -> Iterator[Cut]:
    """Every prefix of the run, and the same with the last files not yet on the disk."""
    for number, (before, after) in enumerate(pairwise(states)):
        kept = {name: content for name, content in before.items() if name in after}
        new = sorted(
            (name for name in after if after[name] != before.get(name)), key=_place_in_order
        )
        for done, name in enumerate(new):
            files = kept | {other: after[other] for other in new[: done + 1]}
            yield Cut(f"write {number}, {name} written", files)
            yield Cut(f"write {number}, {name} half", files | {name: _half(after[name])})
        lost = {name: bytes(len(after[name])) for name in new}
        yield Cut(f"write {number}, all of zeros", after | lost)
        yield Cut(f"write {number}, all empty", after | dict.fromkeys(new, b""))


def cut_faults(seed: Seed, work: Path, cut: Cut) -> tuple[bool, list[str]]:
    """Whether the next run alone goes on from there, and what should not be.

    The next run is enough unless it refuses; then ``check --repair`` has to make it possible.
    """
    shutil.rmtree(work, ignore_errors=True)
    for name, content in cut.files.items():
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return faults_of(seed, work)


def _state(library: Path) -> State:
    found: State = {}
    for path in sorted(library.rglob("*")):
        if path.is_file() and path.name != "library.lock":
            found[str(path.relative_to(library))] = path.read_bytes()
    return found


def _place_in_order(name: str) -> tuple[int, bool, str]:
    kinds = [number for number, kind in enumerate(_ORDER) if f"/{kind}/" in name]
    return (kinds[0] if kinds else len(_ORDER), name.endswith(".json"), name)


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]
