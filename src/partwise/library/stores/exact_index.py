"""All vectors of a store in memory, scored by one matrix product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from functools import cached_property

import numpy as np

from partwise.library.stores.protocol import Accuracy, Candidates, Searchable, VectorStore
from partwise.library.stores.rows import (
    chunks,
    columns,
    is_timed,
    pattern_of,
    scaled_query,
    unpack,
    wanted_bits,
)
from partwise.parts import PARTS

# Above this many rows a store gets an index, and answers itself. Measured by benchmarks/search.py
# on 5 x 64 in a LanceDB folder: loading all vectors for a first answer, which a command pays each
# time, takes 0.05 s at 1e4 rows, 0.56 s at 1e5 and 5 s at 1e6; with the index it takes 0.03, 0.04
# and 0.26 s. Later answers take 0.3, 8 and 77 ms from memory, 5, 10 and 55 ms with the index.
EXACT_MAX_ROWS = 50_000
_BLOCK_ROWS = 65_536


class ExactIndex:
    """All vectors in memory, scored by one float32 matrix product."""

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
    def load(cls, store: VectorStore) -> ExactIndex:
        """Read all rows of a store."""
        import pyarrow as pa

        timed = is_timed(store.schema)
        rows = store.count()
        # Filled batch by batch, so that the peak stays near the size of the result.
        vectors = np.empty((rows, len(PARTS), store.dim), np.float32)
        presence = np.empty((rows, len(PARTS)), np.float32)
        times = np.zeros((2, rows))
        track_ids: list[str] = []
        for batch in store.batches(columns(timed)):
            # What is written since the rows were counted belongs to a later version.
            batch = batch.slice(0, rows - len(track_ids))
            here = slice(len(track_ids), len(track_ids) + batch.num_rows)
            ids, vectors[here], presence[here], times[:, here] = unpack(
                pa.Table.from_batches([batch]), timed
            )
            track_ids += ids
        there = slice(0, len(track_ids))
        return cls(track_ids, vectors[there], presence[there], *times[:, there])

    def renewed(self, store: VectorStore) -> ExactIndex:
        """The same store some time later: only rows of tracks that are new are read.

        A track's rows never change while their number is the same: its id names its content.
        """
        there = Counter(store.fetch(columns=["track_id"]).column("track_id").to_pylist())
        kept = [i for i in self._ids if there.get(i) == len(self.rows_of_track(i))]
        new = sorted(there.keys() - set(kept))
        if len(new) > len(kept):
            return ExactIndex.load(store)
        stay = self.rows_of(kept)
        timed = is_timed(store.schema)
        ids = self.track_ids_at(np.flatnonzero(stay))
        vectors, presence = [self.vectors[stay]], [self.presence[stay]]
        times = [np.stack([self.start_s[stay], self.end_s[stay]])]
        for some in chunks(new):
            names, more, heard, when = unpack(store.fetch(some, columns(timed)), timed)
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

    def search(
        self,
        query: np.ndarray,
        weights: np.ndarray,
        k: int,
        *,
        complete: bool = True,
        allowed: Collection[str] | None = None,
    ) -> Candidates:
        """See ``Searchable.search``."""
        scores = self._scores(query, weights)
        return self._best(scores, weights, k, complete=complete, allowed=allowed)

    def scored(self, queries: np.ndarray, weights: np.ndarray) -> list[Searchable]:
        """For each of several questions what answers it, all scored by one matrix product.

        queries : float32 [m, parts=5, dim]. weights : float32 [m, parts=5]. They hold m times as
        many floats as there are rows.
        """
        scaled = np.stack([scaled_query(q, w) for q, w in zip(queries, weights, strict=True)])
        scores = np.empty((len(scaled), self.rows), np.float32)
        for start in range(0, self.rows, _BLOCK_ROWS):
            block = self.vectors[start : start + _BLOCK_ROWS]
            flat = block.reshape(len(block), -1)
            scores[:, start : start + _BLOCK_ROWS] = scaled.reshape(len(scaled), -1) @ flat.T
        return [_Scored(self, row) for row in scores]

    def _best(
        self,
        scores: np.ndarray,
        weights: np.ndarray,
        k: int,
        *,
        complete: bool,
        allowed: Collection[str] | None,
    ) -> Candidates:
        """The best rows, float32 [n] being the score of every row."""
        bits = np.uint8(wanted_bits(weights))
        eligible = (self._pattern & bits) == bits
        if not complete:
            eligible = ~eligible
        if allowed is not None:
            eligible &= self.rows_of(allowed)
        rows = np.flatnonzero(eligible)
        scores = scores[rows]
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
        scaled = scaled_query(query, weights)
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


class _Scored:
    """An index that has scored all rows for one question, and gives the best when it is asked."""

    def __init__(self, index: ExactIndex, scores: np.ndarray) -> None:
        self._index = index
        self._scores = scores

    def search(
        self,
        query: np.ndarray,
        weights: np.ndarray,
        k: int,
        *,
        complete: bool = True,
        allowed: Collection[str] | None = None,
    ) -> Candidates:
        """See ``Searchable.search``. query, weights : those that were scored."""
        return self._index._best(self._scores, weights, k, complete=complete, allowed=allowed)


def open_index(
    store: VectorStore, exact_max_rows: int | None = None, former: Searchable | None = None
) -> Searchable:
    """All vectors in memory up to ``exact_max_rows`` rows, above that the store itself.

    exact_max_rows : None for ``EXACT_MAX_ROWS``. former : an index of the same store, from which
    to go on.
    """
    if not fits_in_memory(store, exact_max_rows):
        return store
    return former.renewed(store) if isinstance(former, ExactIndex) else ExactIndex.load(store)


def fits_in_memory(store: VectorStore, exact_max_rows: int | None = None) -> bool:
    """Whether ``open_index`` holds the vectors in memory."""
    return store.count() <= (EXACT_MAX_ROWS if exact_max_rows is None else exact_max_rows)


def accuracy_of(store: VectorStore) -> Accuracy:
    """How exact the searches of a command are."""
    return Accuracy(exact=True) if fits_in_memory(store) else store.accuracy
