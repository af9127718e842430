"""How much an index misses, measured against a comparison with all of a store's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from partwise.library.stores.protocol import VectorStore
from partwise.library.stores.rows import (
    pattern_of,
    scaled_query,
    vectors_of,
    wanted_bits,
)
from partwise.parts import PARTS

if TYPE_CHECKING:
    import pyarrow as pa

WEIGHTINGS = ("one part", "two parts", "uniform", "random")
QUERIES = 24  # per weighting
TOP = 10
_SEED = 6


def draw_weights(present: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """float32 [parts=5] by weighting, of parts that a query has.

    present : bool [parts=5], at least two of them True.
    """
    there = np.flatnonzero(present)
    drawn = {name: np.zeros(len(PARTS), np.float32) for name in WEIGHTINGS}
    pair = rng.choice(there, 2, replace=False)
    drawn["one part"][pair[0]] = 1
    drawn["two parts"][pair] = 1, 2
    drawn["uniform"][there] = 1
    drawn["random"][there] = rng.dirichlet(np.ones(len(there)))
    return drawn


def measure_recall(store: VectorStore, queries: int = QUERIES) -> dict[str, float]:
    """recall@10 of ``store.search`` by weighting, for songs that the store does not hold.

    A query lies half-way between two rows of different tracks: a row itself would find its own
    track's rows first, which every index does. All rows are read once; a row that scores as high as
    the tenth counts as found.
    """
    rng = np.random.default_rng(_SEED)
    vectors = between(_draw_rows(store, 2 * queries, rng))
    asked = [
        (name, query, weights)
        for query in vectors
        for name, weights in draw_weights(query.any(axis=-1), rng).items()
    ]
    if not asked:
        return {}
    scaled = np.stack([scaled_query(query, weights) for _, query, weights in asked])
    bits = np.array([wanted_bits(weights) for _, _, weights in asked], np.uint8)
    best = np.full((len(asked), TOP), -np.inf, np.float32)
    for batch in store.batches(["vector"]):
        rows = vectors_of(_table(batch))
        scores = scaled.reshape(len(asked), -1) @ rows.reshape(len(rows), -1).T  # [asked, rows]
        scores[(pattern_of(rows)[None] & bits[:, None]) != bits[:, None]] = -np.inf
        both = np.concatenate([best, scores], axis=1)
        best = -np.partition(-both, TOP - 1, axis=1)[:, :TOP]
    found: dict[str, list[float]] = {name: [] for name in WEIGHTINGS}
    for at, (name, query, weights) in enumerate(asked):
        expected = best[at][np.isfinite(best[at])]
        if not len(expected):
            continue
        hits = store.search(query, weights, TOP)
        there = int(np.sum(hits.scores >= expected.min() - 1e-5))
        found[name].append(min(there, len(expected)) / len(expected))
    return {name: float(np.mean(shares)) for name, shares in found.items() if shares}


def between(rows: np.ndarray) -> np.ndarray:
    """float32 [n, parts=5, dim] to [n // 2, ...]: what lies half-way between two rows each.

    Part by part, of unit length; a part that only one of the two holds is that one's.
    """
    pairs = len(rows) // 2
    middle = rows[:pairs] + rows[pairs : 2 * pairs]
    length = np.linalg.norm(middle, axis=-1, keepdims=True)
    return np.divide(middle, length, out=np.zeros_like(middle), where=length > 1e-6)


def _draw_rows(store: VectorStore, count: int, rng: np.random.Generator) -> np.ndarray:
    """float32 [count, parts=5, dim]: rows of different tracks that hold two parts or more."""
    ids = np.unique(store.fetch(columns=["track_id"]).column("track_id").to_numpy())
    drawn = rng.permutation(len(ids))[: 4 * count]
    rows = store.fetch(ids[drawn].tolist())
    vectors, owners = vectors_of(rows), rows.column("track_id").to_numpy()
    several = np.flatnonzero(vectors.any(axis=-1).sum(axis=-1) >= 2)
    several = several[rng.permutation(len(several))]
    _, first = np.unique(owners[several], return_index=True)
    return vectors[several[np.sort(first)[:count]]]


def _table(batch: pa.RecordBatch) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_batches([batch])
