"""Part radio: what to play next, so that the chosen parts stay as they were asked for.

Tracks are ranked by the one search, so a chosen part never wanders off from the question. Of the
best, that one comes next which has the most of

    score(q, x; w) + DRIFT * follows(last, x) - TEACH * taught(x)

``follows`` compares the other parts with the track that was played last, and with nothing else: so
they go on from track to track, and drift. A part is another one as far as it weighs less than the
heaviest. ``taught`` is how near a track is, in the chosen parts, to the nearest that was skipped.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from partwise.library.search.hits import Hit
from partwise.library.search.matcher import name_key
from partwise.library.search.options import SearchOptions
from partwise.library.search.query import Query
from partwise.library.search.searcher import Searcher
from partwise.library.search.typical import beyond
from partwise.parts import PartWeights

# Of scores that the chosen parts have, from -1 to 1: a tie is decided, a clear lead is not undone.
DRIFT = 0.1
# What is as near to a skipped track as that is to itself falls by half of all there is.
TEACH = 0.5
# Tracks to choose from beside those that were played.
_POOL = 60


def next_hits(
    searcher: Searcher,
    query: Query,
    weights: PartWeights,
    options: SearchOptions = SearchOptions(),
    played: Sequence[str] = (),
    skipped: Collection[str] = (),
) -> list[Hit]:
    """The tracks to play next, in this order, at most ``options.top``; none when all were played.

    Every one has all wanted parts. None was played or skipped, also not in other bytes, and none
    has an artist of the one before, unless nothing else is left. A hit's rank is its place in the
    search, its score that of the chosen parts.

    played : ids, the last one last; without any, the query's song counts as the last one.
    skipped : ids that what comes should be unlike.
    """
    catalogue = searcher.catalogue
    gone = {*played, *skipped}
    files = {Path(path) for one in gone if one in catalogue for path in catalogue[one].paths}
    seeds = [seed.track_id for seed in query.seeds if seed.track_id in catalogue]
    last = next((one for one in reversed(played) if one in catalogue), None)
    if last is None and len(seeds) == 1:
        last = seeds[0]
    artists = frozenset() if last is None else _keys(catalogue[last].tags.artists)
    wanted = set(weights.wanted)

    most = _POOL + options.top + len(gone)
    while True:
        found = searcher.search(query, weights, replace(options, top=most, moments=0))
        left = [
            hit
            for hit in found
            if wanted.issubset(hit.parts)
            and hit.track_id not in gone
            and files.isdisjoint((hit.path, *hit.alike))
        ]
        exhausted = len(found) < most
        chosen = _chosen(searcher, weights, left, last, artists, skipped, options.top, exhausted)
        if exhausted or len(chosen) == options.top:
            return chosen
        most *= 4


def _chosen(
    searcher: Searcher,
    weights: PartWeights,
    left: list[Hit],
    last: str | None,
    artists: frozenset[str],
    skipped: Collection[str],
    count: int,
    exhausted: bool,
) -> list[Hit]:
    """One track after another; fewer where the artist before is in the way and more can be had."""
    ids = [hit.track_id for hit in left]
    others = [] if last is None else [last]
    known = searcher.vectors_of({*ids, *skipped, *others})
    pool = [hit for hit in left if hit.track_id in known]
    if not pool:
        return []
    vectors = np.stack([known[hit.track_id] for hit in pool])  # [n, parts, dim]
    kept = weights.as_array() / weights.as_array().sum()
    free = 1.0 - weights.as_array() / weights.as_array().max()

    def near(to: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Similarity [n] to one track, from -1 to 1, over shares of the parts."""
        asked = beyond(to, searcher.typical)
        return np.einsum("pd,npd->np", asked, vectors).clip(-1.0, 1.0) @ shares

    merit = np.array([hit.score for hit in pool])
    taught = [near(known[one], kept) for one in skipped if one in known]
    if taught:
        merit -= TEACH * np.max(taught, axis=0).clip(0.0)
    drifting = free / free.sum() if free.any() else free
    keys = [_keys(hit.tags.artists) for hit in pool]
    open_ = np.ones(len(pool), dtype=bool)
    chosen: list[Hit] = []
    while len(chosen) < count and open_.any():
        allowed = open_ & np.array([artists.isdisjoint(key) for key in keys])
        if not allowed.any():
            if not exhausted:
                break
            allowed = open_
        value = merit if last is None else merit + DRIFT * near(known[last], drifting)
        at = int(np.argmax(np.where(allowed, value, -np.inf)))
        open_[at] = False
        chosen.append(pool[at])
        last, artists = pool[at].track_id, keys[at]
    return chosen


def _keys(artists: Collection[str]) -> frozenset[str]:
    return frozenset(map(name_key, artists))
