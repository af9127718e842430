"""The store of which nothing can be wrong: all rows in memory, compared by NumPy. The oracle."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.stores.exact_index import ExactIndex
from partwise.library.stores.protocol import Accuracy, Candidates
from partwise.library.stores.rows import columns as search_columns
from partwise.library.stores.rows import dim_of, is_timed, unpack

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 4096


class ExactPlace:
    """Stores in the memory of this process."""

    uri = "memory://"

    def __init__(self) -> None:
        self._stores: dict[str, ExactStore] = {}

    def names(self) -> set[str]:
        return set(self._stores)

    def create(self, name: str, schema: pa.Schema) -> ExactStore:
        return self._stores.setdefault(name, ExactStore(name, schema))

    def open(self, name: str) -> ExactStore:
        if name not in self._stores:
            raise PartwiseError(f"the table {name!r} in {self.uri} cannot be read: there is none")
        return self._stores[name]

    def drop(self, name: str) -> None:
        self._stores.pop(name, None)


class ExactStore:
    """One table in memory, searched through an ``ExactIndex``."""

    accuracy = Accuracy(exact=True)

    def __init__(self, name: str, schema: pa.Schema) -> None:
        self.name = name
        self.schema = schema
        self.dim = dim_of(schema)
        self.version = 0
        self._rows = schema.empty_table()

    def _replace(self, rows: pa.Table) -> None:
        self._rows = rows
        self.__dict__.pop("_index", None)
        self.version += 1

    @cached_property
    def _index(self) -> ExactIndex:
        timed = is_timed(self.schema)
        ids, vectors, presence, times = unpack(
            self._rows.select(search_columns(timed)).combine_chunks(), timed
        )
        return ExactIndex(ids, vectors, presence, *times)

    def upsert(self, rows: pa.Table, *, new: bool = False) -> None:
        import pyarrow as pa

        kept = self._rows if new else self._without(rows.column("track_id").to_pylist())
        self._replace(pa.concat_tables([kept, rows.select(self.schema.names).cast(self.schema)]))

    def delete(self, track_ids: Iterable[str]) -> None:
        kept = self._without(track_ids)
        if kept.num_rows < self._rows.num_rows:
            self._replace(kept)

    def search(
        self,
        query: np.ndarray,
        weights: np.ndarray,
        k: int,
        *,
        complete: bool = True,
        allowed: Collection[str] | None = None,
    ) -> Candidates:
        return self._index.search(query, weights, k, complete=complete, allowed=allowed)

    def fetch(
        self, track_ids: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        import pyarrow as pa

        rows = self._rows if track_ids is None else self._rows.filter(pa.array(self._of(track_ids)))
        return rows if columns is None else rows.select(list(columns))

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        rows = self.fetch(columns=columns).to_batches(_BATCH_ROWS)
        yield from (batch for batch in rows if batch.num_rows)

    def count(self, track_ids: Iterable[str] | None = None) -> int:
        return self.fetch(track_ids, ["track_id"]).num_rows

    def optimise(self, min_rows: int | None = None) -> bool:
        return False

    def _without(self, track_ids: Iterable[str]) -> pa.Table:
        import pyarrow as pa

        return self._rows.filter(pa.array(~self._of(track_ids)))

    def _of(self, track_ids: Iterable[str]) -> np.ndarray:
        """bool [rows]"""
        owners = self._rows.column("track_id").to_numpy()
        return np.isin(owners, np.array(sorted(set(track_ids)), dtype=object))
