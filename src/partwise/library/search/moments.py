"""Where two songs sound alike: the best pairs of a query's segment and a hit's segment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.library.search.query import Query, Source
from partwise.parts import PARTS, Part, PartWeights

if TYPE_CHECKING:
    from partwise.embedding.embeddings import PartEmbeddings

# Scores lie in -1..1, so this puts a pair that lacks a wanted part behind every pair that has all.
_LACKING = 4.0


@dataclass(frozen=True)
class QueryMoment:
    """The query's side of a moment: these parts of this song, from ``start_s`` to ``end_s``."""

    name: str
    parts: tuple[Part, ...]
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Moment:
    """A passage of a hit and what it resembles in the query.

    start_s, end_s : the segment of the hit. score : of this pair, in -1..1.
    query : one entry, or one per song when different songs were asked for different parts.
    """

    start_s: float
    end_s: float
    score: float
    query: tuple[QueryMoment, ...]

    def to_json(self, ids: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Plain values. ids : of the query's songs by name, to have ids instead of names."""
        return {
            "start_s": self.start_s,
            "end_s": self.end_s,
            "score": self.score,
            "query": [
                {
                    **({"name": side.name} if ids is None else {"song_id": ids[side.name]}),
                    "parts": list(map(str, side.parts)),
                    "start_s": side.start_s,
                    "end_s": side.end_s,
                }
                for side in self.query
            ],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], names: Mapping[str, str]) -> Moment:
        """From values with ids. names : by id; a song without one stands there by its id."""
        sides = tuple(
            QueryMoment(
                names.get(side["song_id"], side["song_id"]),
                tuple(map(Part, side["parts"])),
                side["start_s"],
                side["end_s"],
            )
            for side in value["query"]
        )
        return cls(value["start_s"], value["end_s"], value["score"], sides)


def best_moments(
    query: Query, weights: PartWeights, hit: PartEmbeddings, count: int = 3
) -> tuple[Moment, ...]:
    """The ``count`` best matching moments of a hit, best first, not overlapping in the hit.

    Each segment of the hit is paired with the query's segment that scores highest under the same
    weights as the ranking. Where different songs give different parts, each song's best segment
    counts for its own parts. Pairs in which a wanted part is silent come after all others.
    """
    weight = weights.as_array() / weights.as_array().sum()  # [parts]
    wanted = weight > 0
    scores = np.zeros(len(hit.start_s))  # [hit segments]
    lacking = ~np.all(np.any(hit.embeddings[:, wanted], axis=-1), axis=-1)
    sides: list[tuple[Source, np.ndarray]] = []
    for source in query.sources:
        chosen = [part.index for part in source.parts if wanted[part.index]]
        if not chosen:
            continue
        own = np.concatenate([seed.segments.embeddings for seed in source.seeds])[:, chosen]
        pairs = np.einsum("qpd,hpd,p->qh", own, hit.embeddings[:, chosen], weight[chosen])
        silent = ~np.all(np.any(own, axis=-1), axis=-1)  # [query segments]
        best = np.argmax(pairs - _LACKING * silent[:, None], axis=0)  # [hit segments]
        scores += pairs[best, np.arange(len(best))]
        lacking = lacking | silent[best]
        sides.append((source, best))

    moments: list[Moment] = []
    for at in np.argsort(-(scores - _LACKING * lacking), kind="stable"):
        start_s, end_s = float(hit.start_s[at]), float(hit.end_s[at])
        if any(start_s < other.end_s and other.start_s < end_s for other in moments):
            continue
        asked = tuple(_query_moment(source, int(best[at]), wanted) for source, best in sides)
        moments.append(Moment(start_s, end_s, float(scores[at]), asked))
        if len(moments) == count:
            break
    return tuple(moments)


def _query_moment(source: Source, segment: int, wanted: np.ndarray) -> QueryMoment:
    """Segment number ``segment`` of all the source's songs in a row."""
    for seed in source.seeds:
        if segment < len(seed.segments.start_s):
            parts = tuple(part for part in PARTS if part in source.parts and wanted[part.index])
            start_s, end_s = seed.segments.start_s[segment], seed.segments.end_s[segment]
            return QueryMoment(seed.name, parts, float(start_s), float(end_s))
        segment -= len(seed.segments.start_s)
    raise IndexError(segment)
