"""A path from one track to another that moves evenly through the subspaces that are wanted.

Ideal points first: in every wanted subspace the great circle from the start's vector to the end's
is walked in equal steps, all parts in step. Then tracks for them, by three rules:

- Progress. Where a track lies between the two ends is its angle to the start, as a share of its
  angles to both. Along a path progress never falls.
- Nearness. Among all choices that keep the first rule, the one is taken whose squared angles to
  the ideal points add up to least; dynamic programming finds it exactly. Squares make one far leap
  dearer than several short ones.
- No repeats, and none of near-duplicates either (``duplicates.alike``).

Angles are means over the wanted parts, by weight.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.library.search.duplicates import alike
from partwise.library.search.query import Query, Seed
from partwise.library.search.searcher import Searcher
from partwise.library.search.seeds import away, track_named
from partwise.library.tables.catalogue import Track, existing
from partwise.parts import PARTS, PartWeights, Weights
from partwise.paths import brief, shown

DEFAULT_COUNT = 25
MAX_COUNT = 100

# As many candidates per ideal point as it takes to fill the whole path from one of them, and some
# more: near-duplicates and tracks whose files are gone drop out.
_SPARE = 8


@dataclass(frozen=True)
class Step:
    """One track of a path.

    path : a file of the track that is there now.
    progress : 0 at the start, 1 at the end.
    similarity : weighted score to the start, -1..1.
    step_similarity : the same to the track before it; None for the start.
    """

    track_id: str
    path: Path
    tags: Tags
    duration_s: float
    progress: float
    similarity: float
    step_similarity: float | None

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Step:
        """From what the HTTP API answers."""
        track = Track.from_json(value)
        numbers = (value[name] for name in ("progress", "similarity", "step_similarity"))
        return cls(track.track_id, track.files[0], track.tags, track.duration_s, *numbers)


@dataclass(frozen=True)
class _Pool:
    """Tracks that a path may go through, in order of progress.

    track_ids : list of str [n]. vectors : float32 [n, parts=5, dim]. durations_s : float64 [n].
    presence : float32 [n, parts=5].
    progress : float64 [n]. cost : float64 [points, n], squared angle to each ideal point.
    """

    track_ids: list[str]
    vectors: np.ndarray
    durations_s: np.ndarray
    presence: np.ndarray
    progress: np.ndarray
    cost: np.ndarray

    def without(self, dropped: np.ndarray) -> _Pool:
        """The pool less some tracks, bool [n]."""
        kept = ~dropped
        ids = [track_id for track_id, stays in zip(self.track_ids, kept, strict=True) if stays]
        return _Pool(
            ids,
            self.vectors[kept],
            self.durations_s[kept],
            self.presence[kept],
            self.progress[kept],
            self.cost[:, kept],
        )


def find_path(
    searcher: Searcher,
    start: str,
    end: str,
    count: int = DEFAULT_COUNT,
    weights: Weights | None = None,
) -> list[Step]:
    """At most ``count`` tracks that lead from one track to another, both included.

    start, end : tracks of the library, by their ids, files or names (``seeds.track_named``).
    count : 2 to ``MAX_COUNT``. The path is shorter when fewer tracks have the wanted parts.
    weights : as ``PartWeights.parse`` reads them; by default all parts that both ends
        have count the same.

    Raises PartwiseError when an end is not in the library or could be several tracks, both are the
    same, they share no part, or one lacks a part that is asked for.
    """
    if not 2 <= count <= MAX_COUNT:
        raise PartwiseError(f"a path has 2 to {MAX_COUNT} tracks, not {count}")
    catalogue = searcher.catalogue
    seeds = [_seed(searcher, catalogue, name) for name in (start, end)]
    if seeds[0].track_id == seeds[1].track_id:
        raise PartwiseError(f"the path would end where it starts: both ends are {seeds[0].name}")
    asked = None if weights is None else PartWeights.parse(weights)
    wanted = _weights(seeds, asked)
    shares = wanted.as_array() / wanted.as_array().sum()
    first, last = seeds[0].vector, seeds[1].vector

    points = waypoints(first, last, count)[1:-1]
    pool = _pool(searcher, catalogue, points, wanted, shares, seeds)
    between = _choose(pool)
    ids = [pool.track_ids[at] for at in between]
    ids = [seeds[0].track_id or "", *ids, seeds[1].track_id or ""]
    vectors = np.stack([first, *pool.vectors[between], last])
    to_start = np.einsum("p,pd,npd->n", shares, first, vectors)[1:]
    to_previous = np.einsum("p,npd,npd->n", shares, vectors[:-1], vectors[1:])

    path = []
    for track_id, progress, similarity, step_similarity in zip(
        ids,
        [0.0, *pool.progress[between].tolist(), 1.0],
        [1.0, *to_start.tolist()],
        [None, *to_previous.tolist()],
        strict=True,
    ):
        track = catalogue[track_id]
        files = existing(track.paths) or track.paths
        about = (track_id, Path(files[0]), track.tags, track.duration_s)
        path.append(Step(*about, progress, similarity, step_similarity))
    return path


def waypoints(first: np.ndarray, last: np.ndarray, count: int) -> np.ndarray:
    """Equal steps along the great circle of every part, both ends included.

    first, last : float32 [parts=5, dim], unit norm, zeros where a part is absent.
    Returns float32 [count, parts=5, dim], unit norm where both ends have the part, else zeros.
    """
    points = np.zeros((count, *first.shape), np.float32)
    fractions = np.linspace(0.0, 1.0, count)
    for part in range(len(first)):
        a, b = first[part].astype(np.float64), last[part].astype(np.float64)
        if not a.any() or not b.any():
            continue
        across = b - (a @ b) * a  # the direction in which b lies, at right angles to a
        turns = fractions * np.arctan2(np.linalg.norm(across), a @ b)
        if np.linalg.norm(across) < 1e-6:
            # The same or opposite: every great circle through one leads to the other; take the
            # one through the axis that is least like it.
            across = np.eye(len(a))[np.argmin(np.abs(a))]
            across = across - (a @ across) * a
        across = across / np.linalg.norm(across)
        points[:, part] = np.cos(turns)[:, None] * a + np.sin(turns)[:, None] * across
    return points


def _seed(searcher: Searcher, catalogue: Mapping[str, Track], name: str) -> Seed:
    meant = track_named(searcher, name)
    track = None if meant is None else catalogue.get(meant[0])
    if meant is not None and track is None:
        raise away(name)
    found = {} if track is None else searcher.segments_of([track.track_id])
    if track is None or track.track_id not in found:
        raise PartwiseError(
            f"{shown(name)} is not in the library: a path leads from track to track of it"
        )
    called = brief(track.tags.title or os.path.basename(track.paths[0]))
    return Seed.of(found[track.track_id], called, track.track_id)


def _weights(seeds: list[Seed], asked: PartWeights | None) -> PartWeights:
    """The weights to use: those asked for, or 1 for every part that both ends have."""
    for seed in seeds:
        Query.of([seed]).weights(asked)  # says which part is absent, and in which song
    if asked is not None:
        return asked
    shared = [part for part in PARTS if all(part in seed.parts for seed in seeds)]
    if not shared:
        raise PartwiseError(
            f"no part can be heard in both {seeds[0].name} and {seeds[1].name}: nothing leads"
            " from one to the other"
        )
    return PartWeights.of(dict.fromkeys(shared, 1.0))


def _angles(vector: np.ndarray, vectors: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """float64 [n]: mean angle between one track and others over the parts, by weight."""
    cosines = np.einsum("pd,npd->np", vector, vectors, dtype=np.float64)
    return np.arccos(np.clip(cosines, -1.0, 1.0)) @ shares


def _pool(
    searcher: Searcher,
    catalogue: Mapping[str, Track],
    points: np.ndarray,
    weights: PartWeights,
    shares: np.ndarray,
    seeds: list[Seed],
) -> _Pool:
    """Tracks near any ideal point that have every wanted part and a file, less the ends' twins."""
    index = searcher.index("tracks")
    ends = {seed.track_id for seed in seeds}
    near: dict[str, tuple[np.ndarray, np.ndarray]] = {}  # id -> vector, presence
    for point in points:
        k = len(points) + len(ends) + _SPARE
        while True:
            found = index.search(point, weights.as_array(), k)
            usable = [
                (track_id, (vector, presence))
                for track_id, vector, presence in zip(
                    found.track_ids, found.vectors, found.presence, strict=True
                )
                if track_id not in ends
                and track_id in catalogue
                and existing(catalogue[track_id].paths)
            ]
            if found.exhausted or len(usable) >= len(points):
                break
            k *= 4
        near.update(usable)
    ids = sorted(near)
    shape = (len(ids), *seeds[0].vector.shape)
    vectors = np.array([near[track_id][0] for track_id in ids], np.float32).reshape(shape)
    presence = np.array([near[track_id][1] for track_id in ids], np.float32).reshape(shape[:2])
    durations_s = np.array([catalogue[track_id].duration_s for track_id in ids])
    there = _angles(seeds[0].vector, vectors, shares)
    left = _angles(seeds[1].vector, vectors, shares)
    progress = there / np.maximum(there + left, 1e-9)
    cost = np.array([_angles(point, vectors, shares) for point in points]) ** 2
    order = np.argsort(progress, kind="stable")
    pool = _Pool(
        [ids[at] for at in order],
        vectors[order],
        durations_s[order],
        presence[order],
        progress[order],
        cost.reshape(len(points), len(ids))[:, order],
    )
    twins = np.zeros(len(ids), dtype=bool)
    for seed in seeds:
        twins |= alike(
            seed.vector,
            seed.duration_s,
            pool.vectors,
            pool.durations_s,
            seed.presence,
            pool.presence,
        )
    return pool.without(twins)


def _choose(pool: _Pool) -> list[int]:
    """Which tracks of the pool to go through, in order; no two of them near-duplicates."""
    banned = np.zeros(len(pool.track_ids), dtype=bool)
    while True:
        free = np.flatnonzero(~banned)
        chosen = [int(free[at]) for at in rising(pool.cost[:, free])]
        again = _worse_twin(pool, chosen)
        if again is None:
            return chosen
        banned[again] = True


def _worse_twin(pool: _Pool, chosen: list[int]) -> int | None:
    """Of the first two near-duplicates on a path, the one farther from every ideal point."""
    for number, at in enumerate(chosen):
        rest = np.array(chosen[number + 1 :], dtype=int)
        same = alike(
            pool.vectors[at],
            pool.durations_s[at],
            pool.vectors[rest],
            pool.durations_s[rest],
            pool.presence[at],
            pool.presence[rest],
        )
        if same.any():
            other = int(rest[np.argmax(same)])
            return max(at, other, key=lambda one: float(pool.cost[:, one].min()))
    return None


def rising(cost: np.ndarray) -> list[int]:
    """One column for each row, each to the right of the one before, at the least total cost.

    cost : float64 [rows, n]. With fewer columns than rows, evenly spread rows are served.
    Returns the columns, rising.
    """
    rows, n = cost.shape
    if rows > n:
        cost = cost[np.linspace(0, rows - 1, n + 2).round().astype(int)[1:-1]]
        rows = n
    if not rows:
        return []
    best = np.full((rows, n), np.inf)  # least cost of the rows so far when the last takes column j
    came_from = np.zeros((rows, n), dtype=int)
    best[0] = cost[0]
    for row in range(1, rows):
        before = best[row - 1, :-1]
        least = np.minimum.accumulate(before)
        first_seen = np.concatenate([[True], least[1:] < least[:-1]])
        came_from[row, 1:] = np.maximum.accumulate(np.where(first_seen, np.arange(n - 1), 0))
        best[row, 1:] = cost[row, 1:] + least
    column = int(np.argmin(best[-1]))
    columns = [column]
    for row in range(rows - 1, 0, -1):
        column = int(came_from[row, column])
        columns.append(column)
    return columns[::-1]
