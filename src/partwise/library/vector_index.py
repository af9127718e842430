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
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from partwise.library.index_upkeep import EXACT_MAX_ROWS, index_name
from partwise.library.store import PRESENCE_COLUMNS, in_list, presence_of, vectors_of
from partwise.parts import PARTS

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

# How many of the best quantised scores are computed again: see RQ_BITS.
REFINE_FACTOR = 20
ALL_PARTITIONS = 1_000_000

# A filter by track ids travels as text; above this many ids, ask for more rows and drop the rest.
MAX_LISTED_IDS = 2_000

_BLOCK_ROWS = 65_536


class Method(StrEnum):
    EXACT = "exact"
    FLAT = "lancedb-flat"
    IVF_RQ = "lancedb-ivf-rq"


@dataclass(frozen=True)
class Candidates:
    """Rows, best first.

    track_ids : list of str [k]. scores : float32 [k], the weighted score in -1..1.
    vectors : float32 [k, parts=5, dim]. presence : float32 [k, parts=5].
    start_s, end_s : float64 [k], zeros for a table without them.
    exhausted : True when no further row satisfies the conditions.
    """

    track_ids: list[str]
    scores: np.ndarray
    vectors: np.ndarray
    presence: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    exhausted: bool

    def __len__(self) -> int:
        return len(self.track_ids)


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


class ExactIndex:
    """All vectors in memory, scored by one float32 matrix product."""

    method = Method.EXACT

    def __init__(
        self,
        track_ids: Sequence[str],
        vectors: np.ndarray,
        presence: np.ndarray,
        start_s: np.ndarray | None = None,
        end_s: np.ndarray | None = None,
    ) -> None:
        """track_ids [n], vectors float32 [n, parts=5, dim], presence float32 [n, parts=5]."""
        self.rows = len(vectors)
        self.vectors = vectors
        self.presence = presence
        self.start_s = np.zeros(self.rows) if start_s is None else start_s
        self.end_s = np.zeros(self.rows) if end_s is None else end_s
        self.has_part = np.any(vectors, axis=-1)  # [n, parts]
        self._ids: list[str] = []
        self._code_of: dict[str, int] = {}
        for track_id in track_ids:
            if self._code_of.setdefault(track_id, len(self._ids)) == len(self._ids):
                self._ids.append(track_id)
        self._codes = np.fromiter(
            (self._code_of[track_id] for track_id in track_ids), np.int32, self.rows
        )

    @classmethod
    def load(cls, table: Table) -> ExactIndex:
        """Read all rows of a LanceDB table."""
        import pyarrow as pa

        timed = "start_s" in table.schema.names
        names = _columns(timed)
        rows = table.count_rows()
        size = table.schema.field("vector").type.list_size
        # Filled batch by batch, so that the peak stays near the size of the result.
        vectors = np.empty((rows, len(PARTS), size // len(PARTS)), np.float32)
        presence = np.empty((rows, len(PARTS)), np.float32)
        times = np.zeros((2, rows))
        track_ids: list[str] = []
        for batch in table.search().select(names).to_batches(_BLOCK_ROWS):
            here = slice(len(track_ids), len(track_ids) + batch.num_rows)
            ids, vectors[here], presence[here], times[:, here] = _unpack(
                pa.Table.from_batches([batch]), timed
            )
            track_ids += ids
        return cls(track_ids, vectors, presence, *times)

    def rows_of(self, track_ids: Collection[str]) -> np.ndarray:
        """bool [n]: the rows of these tracks."""
        codes = [self._code_of[i] for i in track_ids if i in self._code_of]
        chosen = np.zeros(len(self._ids) + 1, dtype=bool)
        chosen[codes] = True
        return chosen[self._codes]

    def track_ids_at(self, rows: np.ndarray) -> list[str]:
        return [self._ids[code] for code in self._codes[rows]]

    def nearest(
        self,
        query: np.ndarray,
        weights: np.ndarray,
        k: int,
        *,
        complete: bool = True,
        allowed: Collection[str] | None = None,
    ) -> Candidates:
        wanted = np.flatnonzero(weights > 0)
        eligible = self.has_part[:, wanted].all(axis=1)
        if not complete:
            eligible = ~eligible
        if allowed is not None:
            eligible &= self.rows_of(allowed)
        rows = np.flatnonzero(eligible)
        scores = self._scores(query, weights)[rows]
        if k < len(rows):
            best = np.argpartition(-scores, k)[:k]
            best = best[np.lexsort((best, -scores[best]))]
        else:
            best = np.argsort(-scores, kind="stable")
        chosen = rows[best]
        return Candidates(
            self.track_ids_at(chosen),
            scores[best],
            self.vectors[chosen],
            self.presence[chosen],
            self.start_s[chosen],
            self.end_s[chosen],
            exhausted=k >= len(rows),
        )

    def _scores(self, query: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """float32 [n]: the score of every row."""
        scaled = (query * (weights / weights.sum())[:, None]).astype(np.float32)
        wanted = np.flatnonzero(weights > 0)
        scores = np.zeros(self.rows, np.float32)
        for start in range(0, self.rows, _BLOCK_ROWS):
            block = self.vectors[start : start + _BLOCK_ROWS]
            out = scores[start : start + _BLOCK_ROWS]
            if len(wanted) == len(PARTS):
                np.matmul(block.reshape(len(block), -1), scaled.reshape(-1), out=out)
            else:  # reads only the subspaces that count
                for part in wanted:
                    out += block[:, part] @ scaled[part]
        return scores


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
            .select([*_columns(self._timed), "_distance"])
            .limit(k)
        )
        if self.method is Method.IVF_RQ:
            builder = builder.nprobes(ALL_PARTITIONS).refine_factor(REFINE_FACTOR)
        else:
            builder = builder.bypass_vector_index()
        result = builder.to_arrow()
        track_ids, vectors, presence, times = _unpack(result, self._timed)
        scores = np.einsum("pd,npd->n", scaled, vectors)
        found = Candidates(
            track_ids, scores, vectors, presence, *times, exhausted=len(track_ids) < k
        )
        return _take(found, np.argsort(-scores, kind="stable"), found.exhausted)


def open_index(
    table: Table, thresholds: Sequence[float], method: Method | None = None
) -> VectorIndex:
    """The method that suits the number of rows, unless ``method`` names one.

    Exact up to ``EXACT_MAX_ROWS`` rows; above, the IVF_RQ index if the table has one, else a scan.
    """
    if method is None:
        if table.count_rows() <= EXACT_MAX_ROWS:
            method = Method.EXACT
        else:
            method = Method.IVF_RQ if index_name(table) else Method.FLAT
    if method is Method.EXACT:
        return ExactIndex.load(table)
    return LanceIndex(table, thresholds, indexed=method is Method.IVF_RQ)


def _columns(timed: bool) -> list[str]:
    return ["track_id", "vector", *PRESENCE_COLUMNS, *(["start_s", "end_s"] if timed else [])]


def _unpack(rows: pa.Table, timed: bool) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Ids [k], vectors [k, 5, dim], presence [k, 5] and times [start and end, k] of rows."""
    times = np.zeros((2, rows.num_rows))
    if timed:
        times[:] = rows.column("start_s").to_numpy(), rows.column("end_s").to_numpy()
    return rows.column("track_id").to_pylist(), vectors_of(rows), presence_of(rows), times


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
