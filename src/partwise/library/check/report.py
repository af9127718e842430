"""What a check found, in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from partwise.library.tables.reader import LEDGER, Store
from partwise.paths import shown, text_to_path


@dataclass(frozen=True)
class Finding:
    """where : the table or file. problem : what is wrong with it, a clause.

    remedy : what ``--repair`` does, or what has to be done by hand. mended : what it has done, None
    as long as the problem is there.
    """

    where: str
    problem: str
    remedy: str
    mended: str | None = None

    def __str__(self) -> str:
        end = f"; mended: {self.mended}" if self.mended else f"; {self.remedy}"
        return f"{self.where}: {self.problem}{end}"


@dataclass
class Report:
    """What was looked at, and what was found.

    tracks, segments : of the active model. files : ledger rows. files_read : with ``files``.
    notes : worth knowing, and nothing to mend.
    """

    folder: Path
    repaired: bool
    tracks: int = 0
    segments: int = 0
    files: int = 0
    files_read: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, or not any more."""
        return all(finding.mended for finding in self.findings)


class Names:
    """What to call tracks in messages: a file of theirs, else their id."""

    def __init__(self, store: Store, unreadable: set[str]) -> None:
        self.paths: dict[str, list[str]] = {}
        if LEDGER in unreadable:
            return
        rows = store.ledger_table.search().select(["path", "content_hash"]).to_arrow().to_pydict()
        for path, content in zip(rows["path"], rows["content_hash"], strict=True):
            if content is not None:
                self.paths.setdefault(content, []).append(text_to_path(path))

    def __call__(self, track_id: str) -> str:
        paths = self.paths.get(track_id)
        return shown(paths[0]) if paths else track_id


def some_of(ids: Collection[str], names: Names) -> str:
    """``3 tracks (such as …)``."""
    first = min(ids)
    if len(ids) == 1:
        return f"a track ({names(first)})"
    return f"{len(ids)} tracks (such as {names(first)})"


def dropped_text(count: int, again: int, hopeless: int) -> str:
    """What became of ``count`` wrong tracks: heard again, lost, and the others made anew."""
    said = []
    if again:
        said.append(f"{again} dropped, to be heard again by the next index run")
    if remade := count - again - hopeless:
        said.append(f"{remade} made anew from their segments, because no file is there")
    if hopeless:
        said.append(f"{hopeless} lost: dropped, and none of their files is there")
    return ", ".join(said)
