"""All vectors of a table in memory, scored by one matrix product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from partwise.library.store import PRESENCE_COLUMNS, chunks, in_list, presence_of, vectors_of
from partwise.parts import PARTS

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

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
        self._pattern = pattern_of(vectors)
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
        names = columns(timed)
        rows = table.count_rows()
        size = table.schema.field("vector").type.list_size
        # Filled batch by batch, so that the peak stays near the size of the result.
        vectors = np.empty((rows, len(PARTS), size // len(PARTS)), np.float32)
        presence = np.empty((rows, len(PARTS)), np.float32)
        times = np.zeros((2, rows))
        track_ids: list[str] = []
        for batch in table.search().select(names).to_batches(_BLOCK_ROWS):
            here = slice(len(track_ids), len(track_ids) + batch.num_rows)
            ids, vectors[here], presence[here], times[:, here] = unpack(
                pa.Table.from_batches([batch]), timed
            )
            track_ids += ids
        return cls(track_ids, vectors, presence, *times)

    def renewed(self, table: Table) -> ExactIndex:
        """The same table some time later: only rows of tracks that are new are read.

        A track's rows never change while their number is the same: its id names its content.
        """
        column = table.search().select(["track_id"]).to_arrow().column("track_id")
        there = Counter(column.to_pylist())
        kept = [i for i in self._ids if there.get(i) == len(self.rows_of_track(i))]
        new = sorted(there.keys() - set(kept))
        if len(new) > len(kept):
            return ExactIndex.load(table)
        stay = self.rows_of(kept)
        timed = "start_s" in table.schema.names
        ids = self.track_ids_at(np.flatnonzero(stay))
        vectors, presence = [self.vectors[stay]], [self.presence[stay]]
        times = [np.stack([self.start_s[stay], self.end_s[stay]])]
        for some in chunks(new):
            rows = table.search().where(in_list("track_id", some)).select(columns(timed))
            names, more, heard, when = unpack(rows.to_arrow(), timed)
            ids += names
            vectors.append(more)
            presence.append(heard)
            times.append(when)
        joined = np.concatenate(times, axis=1)
        return ExactIndex(ids, np.concatenate(vectors), np.concatenate(presence), *joined)

    @cached_property
    def _by_track(self) -> tuple[np.ndarray, np.ndarray]:
        """Rows ordered by track, and where each track's begin: int [n], int [tracks + 1]."""
        order = np.argsort(self._codes, kind="stable")
        bounds = np.searchsorted(self._codes[order], np.arange(len(self._ids) + 1))
        return order, bounds

    def rows_of_track(self, track_id: str) -> np.ndarray:
        """int [m]: the rows of one track in order of time; none if it is not there."""
        code = self._code_of.get(track_id)
        if code is None:
            return np.zeros(0, np.int64)
        order, bounds = self._by_track
        rows = order[bounds[code] : bounds[code + 1]]
        return rows[np.argsort(self.start_s[rows], kind="stable")]

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
        bits = np.uint8(np.sum(1 << wanted))
        eligible = (self._pattern & bits) == bits
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


def pattern_of(vectors: np.ndarray) -> np.ndarray:
    """uint8 [n]: which parts float32 [n, parts=5, dim] holds, one bit each."""
    return (vectors.any(axis=-1) @ (1 << np.arange(len(PARTS)))).astype(np.uint8)


def columns(timed: bool) -> list[str]:
    return ["track_id", "vector", *PRESENCE_COLUMNS, *(["start_s", "end_s"] if timed else [])]


def unpack(rows: pa.Table, timed: bool) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Ids [k], vectors [k, 5, dim], presence [k, 5] and times [start and end, k] of rows."""
    times = np.zeros((2, rows.num_rows))
    if timed:
        times[:] = rows.column("start_s").to_numpy(), rows.column("end_s").to_numpy()
    return rows.column("track_id").to_pylist(), vectors_of(rows), presence_of(rows), times
