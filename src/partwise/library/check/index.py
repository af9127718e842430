"""Whether the indexes of a store answer, and answer what a comparison with every row does."""

from __future__ import annotations

from itertools import islice

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.stores.precision import scan
from partwise.library.stores.protocol import VectorStore
from partwise.library.stores.rows import columns, is_timed, scaled_query, unpack

_QUERIES = 3
_HITS = 10
# Of the best ten scores, so many have to be found; stores promise 0.98 on average.
_LEAST = 8
_SCORE = 0.02


def index_problem(vectors: VectorStore) -> str | None:
    """What is wrong with the indexes of a store, a clause; None when they are of use."""
    try:
        ids = vectors.fetch(columns=["track_id"]).column("track_id").to_pylist()
        if not ids:
            return None
        chosen = sorted(set(ids[:: max(1, len(ids) // _QUERIES)]))[:_QUERIES]
        rows = vectors.fetch(chosen, columns(is_timed(vectors.schema)))
        if rows.num_rows < len(chosen):
            return "the index of track ids does not find every track"
        if vectors.accuracy.exact:
            return None
        _, queries, _, _ = unpack(rows, is_timed(vectors.schema))
        for query in islice(queries, _QUERIES):
            if _found(vectors, query) < _LEAST:
                return "the vector index misses rows that a comparison with all of them finds"
    except PartwiseError as error:
        return f"a search through its index fails: {error}"
    return None


def _found(vectors: VectorStore, query: np.ndarray) -> int:
    """How many of the best ten scores the search finds; query : float32 [parts=5, dim]."""
    weights = np.asarray(np.any(query, axis=-1), np.float32)
    if not weights.any():
        return _HITS
    timed = is_timed(vectors.schema)
    every = scan(vectors.batches(columns(timed)), scaled_query(query, weights), _HITS, timed)
    found = [vectors.search(query, weights, _HITS, complete=c).scores for c in (True, False)]
    best = -np.sort(-np.concatenate(found))[: len(every)]
    hits = int((best >= every.scores[: len(best)] - _SCORE).sum())
    return hits + _HITS - len(every)
