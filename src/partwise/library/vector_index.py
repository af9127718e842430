"""Nearest rows of a table of part vectors, for any part weights.

``sum_p w_p <q_p, x_p>`` is the inner product of one scaled query with the stored row, so one
inner-product index answers every weighting: the query is scaled, never the index. Three methods
give the same answers at different sizes:

- ``exact``: all vectors in memory, one matrix product. The oracle, and the fastest while it fits.
- ``lancedb-flat``: LanceDB reads every row from disk. Needs neither memory nor an index.
- ``lancedb-ivf-rq``: LanceDB's IVF_RQ index. Every partition is probed, because a query for one
  part lies far from the centroids of whole rows; the best of the quantised scores are computed
  again from the full vectors.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from partwise.library.exact_index import Candidates, ExactIndex, Method, columns, unpack
from partwise.library.index_upkeep import EXACT_MAX_ROWS, index_name
from partwise.library.store import PRESENCE_COLUMNS, in_list

if TYPE_CHECKING:
    from lancedb.table import Table

# How many of the best quantised scores are computed again: see RQ_BITS.
REFINE_FACTOR = 20
ALL_PARTITIONS = 1_000_000

# A filter by track ids travels as text; above this many ids, ask for more rows and drop the rest.
MAX_LISTED_IDS = 2_000


class VectorIndex(Protocol):
    """What every method offers."""

    method: Method
    rows: int

    def nearest(
        self,
        query: np.ndarray,
        weights: np.ndarray,
        k: int,
        *,
        complete: bool = True,
        allowed: Collection[str] | None = None,
    ) -> Candidates:
        """The ``k`` rows of highest score (fewer if there are fewer).

        query : float32 [parts=5, dim], zeros where a part is absent.
        weights : float32 [parts=5], not negative, at least one above 0.
        complete : True for rows in which every wanted part is present, False for the others.
        allowed : only rows of these tracks; None for all.
        """
        ...


class LanceIndex:
    """LanceDB answers, with or without its IVF_RQ index; nothing is held in memory."""

    def __init__(self, table: Table, thresholds: Sequence[float], indexed: bool) -> None:
        """thresholds : presence from which each part counts as present, [parts=5]."""
        self.method = Method.IVF_RQ if indexed else Method.FLAT
        self.rows = table.count_rows()
        self._table = table
        self._timed = "start_s" in table.schema.names
        # The float32 threshold, written in full, so that the comparison is the encoder's own.
        self._present = [
            f"{column} >= {float(np.float32(threshold))!r}"
            for column, threshold in zip(PRESENCE_COLUMNS, thresholds, strict=True)
        ]

    def nearest(
        self,
        query: np.ndarray,
        weights: np.ndarray,
        k: int,
        *,
        complete: bool = True,
        allowed: Collection[str] | None = None,
    ) -> Candidates:
        parts = " AND ".join(self._present[part] for part in np.flatnonzero(weights > 0))
        conditions = [f"({parts})" if complete else f"NOT ({parts})"]
        if allowed is None:
            return self._ask(query, weights, k, conditions)
        if len(allowed) <= MAX_LISTED_IDS:
            listed = in_list("track_id", sorted(allowed) or [""])
            return self._ask(query, weights, k, [*conditions, listed])
        allowed = frozenset(allowed)
        asked = k
        while True:
            found = self._ask(query, weights, asked, conditions)
            kept = np.array([track_id in allowed for track_id in found.track_ids], dtype=bool)
            if kept.sum() >= k or found.exhausted:
                return _take(found, np.flatnonzero(kept)[:k], found.exhausted and kept.sum() <= k)
            asked *= 4

    def _ask(
        self, query: np.ndarray, weights: np.ndarray, k: int, conditions: list[str]
    ) -> Candidates:
        scaled = (query * (weights / weights.sum())[:, None]).astype(np.float32)
        builder: Any = self._table.search(
            scaled.reshape(-1), vector_column_name="vector", query_type="vector"
        )
        builder = (
            builder.distance_type("dot")
            .where(" AND ".join(conditions), prefilter=True)
            .select([*columns(self._timed), "_distance"])
            .limit(k)
        )
        if self.method is Method.IVF_RQ:
            builder = builder.nprobes(ALL_PARTITIONS).refine_factor(REFINE_FACTOR)
        else:
            builder = builder.bypass_vector_index()
        result = builder.to_arrow()
        track_ids, vectors, presence, times = unpack(result, self._timed)
        scores = np.einsum("pd,npd->n", scaled, vectors)
        found = Candidates(
            track_ids, scores, vectors, presence, *times, exhausted=len(track_ids) < k
        )
        return _take(found, np.argsort(-scores, kind="stable"), found.exhausted)


def open_index(
    table: Table,
    thresholds: Sequence[float],
    method: Method | None = None,
    exact_max_rows: int | None = None,
    former: VectorIndex | None = None,
) -> VectorIndex:
    """The method that suits the number of rows, unless ``method`` names one.

    Exact up to ``exact_max_rows`` rows (None: ``EXACT_MAX_ROWS``); above, the IVF_RQ index if the
    table has one, else a scan. former : an index of the same table, from which to go on.
    """
    if method is None:
        if table.count_rows() <= (EXACT_MAX_ROWS if exact_max_rows is None else exact_max_rows):
            method = Method.EXACT
        else:
            method = Method.IVF_RQ if index_name(table) else Method.FLAT
    if method is Method.EXACT:
        return former.renewed(table) if isinstance(former, ExactIndex) else ExactIndex.load(table)
    return LanceIndex(table, thresholds, indexed=method is Method.IVF_RQ)


def _take(found: Candidates, order: np.ndarray, exhausted: bool) -> Candidates:
    return Candidates(
        [found.track_ids[i] for i in order],
        found.scores[order],
        found.vectors[order],
        found.presence[order],
        found.start_s[order],
        found.end_s[order],
        exhausted,
    )
