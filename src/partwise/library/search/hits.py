"""What an answer says of one track."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partwise.audio.tags import Tags
from partwise.library.search.moments import Moment
from partwise.library.tables.catalogue import Track, existing
from partwise.parts import PART_NAMES, PARTS, Part
from partwise.paths import path_to_text, shown


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

    def to_json(
        self, heard: Collection[Part], ids: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Plain values, as ``partwise like --json`` prints them (``commands.answers.as_json``).

        heard : the query's parts: a similarity is null where the part is absent on either side.
        ids : of the query's songs by name, to have what the HTTP API answers instead: the tags
            beside the other fields (``Track.to_json``), parts, and ids in moments.
        """
        flat = ids is not None  # 500 hits an answer: nothing is made in vain
        plain = {
            "rank": self.rank,
            "score": self.score,
            "track_id": self.track_id,
            **({} if flat else {"path": path_to_text(self.path)}),
            "paths": [path_to_text(path) for path in self.paths],
            "similarities": {
                name: value if part in heard and part in self.parts else None
                for part, name, value in zip(PARTS, PART_NAMES, self.similarities, strict=True)
            },
            "presence": dict(zip(PART_NAMES, self.presence, strict=True)),
            "moments": [moment.to_json(ids) for moment in self.moments],
            **(vars(self.tags) if flat else {"tags": dict(vars(self.tags))}),
            "duration_s": self.duration_s,
            "alike": [shown(path) if flat else path_to_text(path) for path in self.alike],
        }
        if flat:
            plain["title"] = self.tags.title or shown(self.path.stem)
            plain["parts"] = list(map(str, self.parts))
        return plain

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON or a data frame: a hit of ``partwise like --json``.

        A similarity is None where the part is absent from the query or the hit.
        """
        # It is exactly 0 where a part is absent, and nowhere else.
        return self.to_json([part for part in PARTS if self.similarities[part.index]])

    @classmethod
    def from_json(cls, value: Mapping[str, Any], names: Mapping[str, str]) -> Hit:
        """From what the HTTP API answers. names : of the query's songs by id."""
        track = Track.from_json(value)
        return cls(
            rank=value["rank"],
            track_id=track.track_id,
            path=track.files[0],
            score=value["score"],
            similarities=tuple(value["similarities"][part] or 0.0 for part in PARTS),
            presence=tuple(value["presence"][part] for part in PARTS),
            parts=tuple(map(Part, value["parts"])),
            moments=tuple(Moment.from_json(moment, names) for moment in value["moments"]),
            tags=track.tags,
            duration_s=track.duration_s,
            paths=track.files,
            alike=tuple(map(Path, value["alike"])),
        )


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
