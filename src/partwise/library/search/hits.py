"""What an answer says of one track."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from partwise.audio.tags import Tags
from partwise.library.search.moments import Moment
from partwise.library.tables.catalogue import Track, existing
from partwise.parts import Part


@dataclass(frozen=True)
class Hit:
    """One answer.

    rank : 1 for the best. score : under the weights asked for, in -1..1.
    path : a file of the track that is there now. paths : all of them.
    similarities : five floats in the order of ``PARTS``, each -1..1; 0 where a part is absent.
    presence : five floats, how surely each part is heard in what was compared, 0..1.
    parts : the parts that are present in what was compared.
    moments : where it sounds most like the query, best first.
    alike : files of near-duplicates of this track, which are left out of the answers.
    """

    rank: int
    track_id: str
    path: Path
    score: float
    similarities: tuple[float, ...]
    presence: tuple[float, ...]
    parts: tuple[Part, ...]
    moments: tuple[Moment, ...]
    tags: Tags
    duration_s: float
    paths: tuple[Path, ...]
    alike: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Scored:
    """What was compared with the query: a track, or its best segment."""

    score: float
    similarities: tuple[float, ...]
    presence: tuple[float, ...]
    parts: tuple[Part, ...]


def files_of(
    track: Track,
    wanted: Collection[str] | None,
    existing: Callable[[tuple[str, ...]], tuple[str, ...]] = existing,
) -> tuple[Path, ...]:
    """The files of a track that are there now, the wanted ones first; none unless one of those."""
    there = existing(track.paths)
    if wanted is None:
        return track.files if len(there) == len(track.paths) else tuple(map(Path, there))
    first = [path for path in there if path in wanted]
    return tuple(map(Path, (*first, *(p for p in there if p not in wanted)))) if first else ()
