"""Which questions a listening test asks: XAB trials drawn from a library, part by part.

A trial is a reference X and two candidates A and B, moments of three different songs in each of
which the part is surely present. Its margin, score(X, A) - score(X, B), is what the model thinks of
it; trials are spread over the range of margins, so that a test has questions that the model finds
easy and ones that it finds hard. About one in ten is a catch trial, in which A or B is X itself:
whoever misses that was not listening.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.search.duplicates import alike
from partwise.library.search.matcher import name_key
from partwise.library.tables.reader import TrackTable
from partwise.parts import PARTS, Part

LONGEST_S, SHORTEST_S = 10.0, 5.0  # of a clip
CATCH_SHARE = 0.1
_BINS = 4  # of margins, of equal width
_POOL = 300  # tracks that a part's trials are drawn from
_CHUNK = 100
_CANDIDATES = 20_000  # triples among which a part's trials are chosen


@dataclass(frozen=True)
class Place:
    """A moment of a track. segment : its number in the library; start_s, end_s : what is heard."""

    track_id: str
    segment: int
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Trial:
    """One question. score_a, score_b : how alike the model finds the part of X and A, X and B.

    catch : A or B is X itself.
    """

    part: Part
    catch: bool
    x: Place
    a: Place
    b: Place
    score_a: float
    score_b: float

    @property
    def margin(self) -> float:
        """Above 0 where the model finds A more like X."""
        return self.score_a - self.score_b


@dataclass(frozen=True)
class Pool:
    """Moments in which one part is surely present, one of each track.

    vectors : float32 [n, dim] of the part. rows : int [n], the tracks' rows in the library's table.
    artists : int [n], equal for tracks by the same artist; unknown artists are all different.
    """

    places: Sequence[Place]
    vectors: np.ndarray
    rows: np.ndarray
    artists: np.ndarray


def clip_s(segment_s: float) -> float:
    """How long the clips of a library with such segments are. Raises PartwiseError if too short."""
    if segment_s < SHORTEST_S:
        raise PartwiseError(
            f"the library's segments last {segment_s:g} s, and a listening test needs "
            f"{SHORTEST_S:g} s or more: index the music again with a model that has them"
        )
    return min(segment_s, LONGEST_S)


def draw_trials(
    library: Library,
    parts: Sequence[Part],
    count: int,
    *,
    seed: int = 0,
    without: Collection[str] = (),
) -> list[Trial]:
    """``count`` trials shared evenly among the parts, and catch trials besides.

    without : ids of tracks that cannot be used. The same library, options and seed give the same
    trials; fewer than asked for where a small library has no more different questions.
    Raises PartwiseError for parts or a count that make no sense, and for a part that is surely
    present in fewer than three songs (by different artists, no near-duplicates).
    """
    if not parts or len(set(parts)) < len(parts):
        raise PartwiseError("name each part of the listening test once")
    if count < len(parts):
        raise PartwiseError(
            f"{count} trials are too few for {len(parts)} parts: ask for one of each at least"
        )
    table = library.tracks()
    used: Counter[str] = Counter()  # how often a track is heard: as evenly as can be
    catches = max(1, round(CATCH_SHARE * count))
    trials: list[Trial] = []
    for number, part in enumerate(parts):
        rng = np.random.default_rng([seed, part.index])
        pool = _pool(library, table, part, rng, frozenset(without))
        drawing = _Drawing(part, pool, table, used, rng)
        trials += drawing.questions(_shared(count, len(parts), number))
        trials += drawing.catches(_shared(catches, len(parts), number))
    return trials


def _shared(total: int, parts: int, number: int) -> int:
    return total // parts + (number < total % parts)


def _pool(
    library: Library,
    table: TrackTable,
    part: Part,
    rng: np.random.Generator,
    without: frozenset[str],
) -> Pool:
    """Moments of up to ``_POOL`` tracks, drawn at random."""
    model = library.store.active
    threshold = model.presence_threshold[part.index]
    surely = (1.0 + threshold) / 2.0  # half way from "present" to certainty
    length_s = clip_s(model.segment_s)
    there = library.catalogue
    rows = np.flatnonzero(table.presence[:, part.index] >= threshold)
    rows = [row for row in rng.permutation(rows).tolist() if table.track_ids[row] in there]
    rows = [row for row in rows if table.track_ids[row] not in without]
    places, vectors, kept = [], [], []
    for first in range(0, len(rows), _CHUNK):
        chunk = rows[first : first + _CHUNK]
        found = library.store.segments_of(table.track_ids[row] for row in chunk)
        for row in chunk:
            segments = found.get(table.track_ids[row])
            if segments is None or len(kept) == _POOL:
                continue
            sure = segments.presence[:, part.index] >= surely
            sure &= segments.end_s - segments.start_s >= length_s - 1e-6
            if sure.any():
                at = int(rng.choice(np.flatnonzero(sure)))
                middle_s = (segments.start_s[at] + segments.end_s[at]) / 2.0
                start_s = float(middle_s - length_s / 2.0)
                places.append(Place(table.track_ids[row], at, start_s, start_s + length_s))
                vectors.append(segments.embeddings[at, part.index])
                kept.append(row)
        if len(kept) == _POOL:
            break
    artists = [name_key(table.tags[row].artist or "") for row in kept]
    known = {artist: number for number, artist in enumerate(sorted(set(artists)))}
    codes = [known[artist] if artist else -1 - at for at, artist in enumerate(artists)]
    shape = (len(kept), model.dim)
    return Pool(places, np.reshape(vectors, shape), np.asarray(kept, int), np.asarray(codes, int))


class _Drawing:
    """The drawing of one part's trials."""

    def __init__(
        self,
        part: Part,
        pool: Pool,
        table: TrackTable,
        used: Counter[str],
        rng: np.random.Generator,
    ) -> None:
        self._part, self._pool, self._used, self._rng = part, pool, used, rng
        self._scores = pool.vectors @ pool.vectors.T  # [n, n]
        self._triples = _triples(_may_meet(pool, table), rng)
        if not len(self._triples):
            raise PartwiseError(
                f"{part} cannot be asked about: it is surely present in {len(pool.places)} songs "
                "of the library, and three by different artists are needed; name other parts"
            )

    def questions(self, count: int) -> list[Trial]:
        """Trials whose margins are spread over their range, each song as seldom as can be."""
        x, a, b = self._triples.T
        margins = np.abs(self._scores[x, a] - self._scores[x, b])
        # Of the 95th percentile: a few extreme triples would leave the last bin almost empty.
        width = max(float(np.percentile(margins, 95)), 1e-9) / _BINS
        bins = np.minimum((margins / width).astype(int), _BINS - 1)
        free = np.ones(len(margins), dtype=bool)
        chosen = []
        for number in range(min(count, len(margins))):
            wanted = number % _BINS
            nearest = np.abs(bins - wanted)
            among = np.flatnonzero(free & (nearest == nearest[free].min()))
            at = among[np.argmin(self._uses(among))]
            free[at] = False
            chosen.append(self._trial(*self._triples[at]))
        return chosen

    def catches(self, count: int) -> list[Trial]:
        """Trials in which A or B is X itself, and the other one is far from it."""
        x, a, _ = self._triples.T
        free = np.ones(len(x), dtype=bool)
        chosen = []
        for _ in range(min(count, len(x))):
            uses = self._uses(np.arange(len(x)))
            among = np.flatnonzero(free & (uses == uses[free].min()))
            at = among[np.argmin(self._scores[x[among], a[among]])]
            free[at] = False
            chosen.append(self._trial(x[at], x[at], a[at]))
        return chosen

    def _uses(self, among: np.ndarray) -> np.ndarray:
        """How often the songs of these triples are in trials already; int [len(among)]."""
        used = np.array([self._used[place.track_id] for place in self._pool.places])
        return used[self._triples[among]].sum(axis=1)

    def _trial(self, x: int, near: int, far: int) -> Trial:
        a, b = (near, far) if self._rng.random() < 0.5 else (far, near)
        places = self._pool.places
        self._used.update({places[at].track_id for at in (x, a, b)})
        scores = float(self._scores[x, a]), float(self._scores[x, b])
        return Trial(self._part, x in (a, b), places[x], places[a], places[b], *scores)


def _may_meet(pool: Pool, table: TrackTable) -> np.ndarray:
    """bool [n, n]: different songs by different artists, and no near-duplicates."""
    meet = pool.artists[:, None] != pool.artists[None, :]
    vectors, durations_s = table.vectors[pool.rows], table.duration_s[pool.rows]
    presence = table.presence[pool.rows]
    for at in range(len(pool.rows)):
        meet[at] &= ~alike(
            vectors[at], float(durations_s[at]), vectors, durations_s, presence[at], presence
        )
    meet &= meet.T  # the heuristic's window of durations is not quite symmetrical
    return meet


def _triples(meet: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """int [m, 3]: different (X, one, other) that may meet, in random order; one < other."""
    n = len(meet)
    if n**3 <= _CANDIDATES:
        drawn = np.stack(np.meshgrid(*[np.arange(n)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    else:
        drawn = rng.integers(n, size=(_CANDIDATES, 3))
    x, one, other = drawn.T
    fine = (one < other) & meet[x, one] & meet[x, other] & meet[one, other]
    return rng.permutation(np.unique(drawn[fine], axis=0), axis=0)


def parse_parts(text: str | None) -> tuple[Part, ...]:
    """The parts that ``--parts drums,bass`` names, in that order; all five for None."""
    if text is None:
        return PARTS
    return tuple(Part.parse(name) for name in text.split(",") if name.strip())
