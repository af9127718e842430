"""What is asked: songs, or passages, or other songs for other parts, as one vector per part."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part, PartWeights, by_part

if TYPE_CHECKING:
    from partwise.embedding.embeddings import PartEmbeddings

# A range may end this much past a song's end: players round up what they show.
END_TOLERANCE_S = 1.0

_CLOCK = r"(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d+)?)"
_RANGE = re.compile(rf"\s*{_CLOCK}\s*-\s*{_CLOCK}\s*")


@dataclass(frozen=True)
class Seed:
    """One song of a query, or a passage of one.

    name : how people know it (a printable path).
    segments : what was asked about: all segments, or those of the passage.
    vector : float32 [parts=5, dim] of those, unit norm, zeros where a part is absent.
    presence : float32 [parts=5] of those.
    whole : all segments of the song.
    track_id : its id when it is in the library, else None.
    """

    name: str
    segments: PartEmbeddings
    vector: np.ndarray
    presence: np.ndarray
    whole: PartEmbeddings
    track_id: str | None = None

    @classmethod
    def of(cls, embeddings: PartEmbeddings, name: str, track_id: str | None = None) -> Seed:
        """A whole song."""
        vector, presence = embeddings.track()
        return cls(name, embeddings, vector, presence, embeddings, track_id)

    @property
    def duration_s(self) -> float:
        """Seconds of the whole song."""
        return float(self.whole.seconds)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that can be heard in it."""
        return tuple(part for part in PARTS if self.vector[part.index].any())

    def passage(self, start_s: float, end_s: float) -> Seed:
        """The same song, asked about from ``start_s`` to ``end_s`` only.

        Raises PartwiseError when the range leaves the song.
        """
        length = f"{self.name} is {clock(self.duration_s)} long"
        if start_s >= self.duration_s:
            raise PartwiseError(f"{length}: {clock(start_s)}-{clock(end_s)} is past its end")
        if end_s > self.duration_s + END_TOLERANCE_S:
            raise PartwiseError(f"{length}: {clock(start_s)}-{clock(end_s)} goes past its end")
        segments = passage_of(self.segments, start_s, end_s)
        vector, presence = segments.track()
        return replace(self, segments=segments, vector=vector, presence=presence)


@dataclass(frozen=True)
class Source:
    """Songs that together supply some parts of a query."""

    parts: tuple[Part, ...]
    seeds: tuple[Seed, ...]


@dataclass(frozen=True)
class Query:
    """What is asked.

    sources : who supplies which parts; every part at most once.
    named : parts asked for by name ("the drums of A"), which are then the default weights.
    passage : (start_s, end_s) when only a passage counts; it is compared with passages.
    less : songs that hits are to be less like, in these parts (``search.less``).
    """

    sources: tuple[Source, ...]
    named: tuple[Part, ...] = ()
    passage: tuple[float, float] | None = None
    less: tuple[Source, ...] = ()

    @classmethod
    def of(cls, seeds: Sequence[Seed], part_seeds: Mapping[Part, Seed] | None = None) -> Query:
        """Songs alike in all parts, with single parts taken from other songs instead.

        Raises PartwiseError when nothing is asked, or a song lacks the part asked of it.
        """
        part_seeds = part_seeds or {}
        for part, seed in part_seeds.items():
            if part not in seed.parts:
                raise PartwiseError(f"{part} cannot be heard in {seed.name}: {_heard(seed.parts)}")
        if not seeds and not part_seeds:
            raise PartwiseError("nothing is asked: name a song, or a song for a part")
        sources = []
        if seeds:
            rest = tuple(part for part in PARTS if part not in part_seeds)
            sources.append(Source(rest, tuple(seeds)))
        # Parts of one song stay together: they sound together in its best moments.
        for seed in {id(seed): seed for seed in part_seeds.values()}.values():
            parts = tuple(part for part in PARTS if part_seeds.get(part) is seed)
            sources.append(Source(parts, (seed,)))
        named = () if seeds else tuple(part for part in PARTS if part in part_seeds)
        return cls(tuple(sources), named)

    @classmethod
    def of_passage(cls, seed: Seed, start_s: float, end_s: float) -> Query:
        """A passage of one song. Raises PartwiseError when the range is none, or leaves it."""
        if not 0 <= start_s < end_s:
            raise PartwiseError(f"the range {start_s:g}-{end_s:g} s must end after it starts")
        passage = seed.passage(start_s, end_s)
        return cls((Source(PARTS, (passage,)),), passage=(start_s, end_s))

    def less_like(self, sources: Sequence[Source]) -> Query:
        """The same question, turned away from some songs in some parts.

        Raises PartwiseError when a song has none of its parts.
        """
        for source in sources:
            for seed in source.seeds:
                if not set(source.parts) & set(seed.parts):
                    raise PartwiseError(
                        f"{_listed(source.parts)} cannot be heard in {seed.name}:"
                        f" {_heard(seed.parts)}"
                    )
        return replace(self, less=(*self.less, *sources))

    @property
    def seeds(self) -> tuple[Seed, ...]:
        """All songs of the query; not those that hits are to be less like."""
        return tuple(seed for source in self.sources for seed in source.seeds)

    @property
    def less_seeds(self) -> tuple[Seed, ...]:
        """The songs that hits are to be less like."""
        return tuple(seed for source in self.less for seed in source.seeds)

    @cached_property
    def vector(self) -> np.ndarray:
        """float32 [parts=5, dim]: per part the normalised mean over the seeds that have it."""
        return self._mean_of(self.sources)

    @cached_property
    def less_vector(self) -> np.ndarray:
        """The same of the songs that hits are to be less like; zeros where there is none."""
        return self._mean_of(self.less)

    def _mean_of(self, sources: Sequence[Source]) -> np.ndarray:
        vector = np.zeros_like(self.seeds[0].vector)
        for part in PARTS:
            seeds = [seed for source in sources if part in source.parts for seed in source.seeds]
            total = np.sum([seed.vector[part.index] for seed in seeds], axis=0)
            norm = np.linalg.norm(total)
            if norm > 1e-6:
                vector[part.index] = total / norm
        return vector

    @cached_property
    def presence(self) -> np.ndarray:
        """float32 [parts=5]: per part the highest presence among its seeds."""
        presence = np.zeros(len(PARTS), np.float32)
        for source in self.sources:
            for part in source.parts:
                presence[part.index] = max(seed.presence[part.index] for seed in source.seeds)
        return presence

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that can be asked for."""
        return tuple(part for part in PARTS if self.vector[part.index].any())

    @property
    def description(self) -> str:
        """For people: ``a.mp3``, ``a.mp3 and b.mp3``, ``drums of a.mp3, bass of b.mp3``; and
        ``a.mp3, less like b.mp3 and drums of c.mp3``."""
        less = _listed(
            [
                (f"{_listed(source.parts)} of " if source.parts != PARTS else "") + seed.name
                for source in self.less
                for seed in source.seeds
            ]
        )
        return self._asked + (f", less like {less}" if less else "")

    @property
    def _asked(self) -> str:
        if len(self.sources) == 1 and not self.named:
            text = _listed([seed.name for seed in self.sources[0].seeds])
            if self.passage:
                text += f" from {clock(self.passage[0])} to {clock(self.passage[1])}"
            return text
        return ", ".join(
            f"{_listed(source.parts)} of {_listed([seed.name for seed in source.seeds])}"
            for source in self.sources
        )

    def title(self, weights: PartWeights) -> str:
        """What answers to it are called: ``like a.mp3 and b.mp3, by drums, bass``."""
        return f"like {self.description}, by {weights.words}"

    def to_json(self) -> dict[str, Any]:
        """Plain values, as ``partwise like --json`` prints them (``commands.answers.as_json``)."""
        return {
            "songs": [
                {
                    "name": seed.name,
                    "track_id": seed.track_id,
                    "parts": list(map(str, source.parts)),
                    "duration_s": seed.duration_s,
                }
                for source in self.sources
                for seed in source.seeds
            ],
            "parts": list(map(str, self.parts)),
            "presence": by_part(self.presence),
            "passage": None if self.passage is None else list(self.passage),
            "less_like": [
                {
                    "name": seed.name,
                    "track_id": seed.track_id,
                    "parts": list(map(str, source.parts)),
                }
                for source in self.less
                for seed in source.seeds
            ],
        }

    def weights(self, asked: PartWeights | None = None) -> PartWeights:
        """The weights to use; by default the named parts, or all that are there, count the same.

        Raises PartwiseError when a part is asked for that the query does not have.
        """
        if not self.parts:
            raise PartwiseError(f"none of the five parts can be heard in {self._asked}")
        if asked is None:
            return PartWeights.of(dict.fromkeys(self.named or self.parts, 1.0))
        absent = [part for part in asked.wanted if part not in self.parts]
        if absent:
            raise PartwiseError(
                f"{_listed(absent)} cannot be heard in {self._asked}: {_heard(self.parts)}"
            )
        return asked


def parse_range(text: str) -> tuple[float, float]:
    """Read ``1:10-1:30``, ``70-90`` or ``1:02:03-1:02:30`` as seconds.

    Raises PartwiseError when it is none of these, or ends before it starts.
    """
    match = _RANGE.fullmatch(text)
    if not match:
        raise PartwiseError(
            f"{text!r} is not a range of time: write for example 1:10-1:30, or 70-90 in seconds"
        )
    times = []
    for first, second, seconds in (match.groups()[:3], match.groups()[3:]):
        fields = [int(field) for field in (first, second) if field is not None]
        if fields and (float(seconds) >= 60 or any(field >= 60 for field in fields[1:])):
            raise PartwiseError(f"{text!r} is not a range of time: 60 seconds are a minute more")
        total = 0
        for field in fields:
            total = (total + field) * 60
        times.append(total + float(seconds))
    start_s, end_s = times
    if end_s <= start_s:
        raise PartwiseError(f"the range {text!r} must end after it starts")
    return start_s, end_s


def clock(seconds: float) -> str:
    """``m:ss`` or ``h:mm:ss``."""
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def passage_of(segments: PartEmbeddings, start_s: float, end_s: float) -> PartEmbeddings:
    """The segments that lie in a range at least by half (of the segment or of the range).

    At least one: that which overlaps most, or lies nearest.
    """
    overlap_s = np.minimum(segments.end_s, end_s) - np.maximum(segments.start_s, start_s)
    enough_s = 0.5 * np.minimum(segments.end_s - segments.start_s, end_s - start_s)
    chosen = overlap_s >= enough_s - 1e-6
    if not chosen.any():
        chosen[np.argmax(overlap_s)] = True
    return segments.take(chosen)


def _listed(items: Sequence[str | os.PathLike[str]]) -> str:
    names = [str(item) for item in items]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _heard(parts: Sequence[Part]) -> str:
    if not parts:
        return "none of the five parts is there"
    return f"there {'is' if len(parts) == 1 else 'are'} {_listed(parts)}"
