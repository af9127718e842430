"""Stores in Milvus: a collection each, on a server, a cluster, or Milvus Lite.

How rows lie in a collection is in ``milvus_rows``, the connection in ``milvus_server``, what is
known of each store in ``milvus_register``. A database holds one library, as a folder does.

Small collections have the index FLAT, which compares every row. A large one gets HNSW, searched as
widely as it takes to find 98 of 100 of the true best for every kind of weights.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.stores.accuracy import measure_recall
from partwise.library.stores.milvus_register import (
    MAX_ANSWER_ROWS,
    MAX_WIDTH,
    VECTOR_INDEX,
    WIDTHS,
    Entry,
    Register,
    add_index,
    create_collection,
    new_version,
)
from partwise.library.stores.milvus_rows import (
    ROW_ID,
    arrow_schema,
    batch_rows,
    best_of,
    both,
    from_milvus,
    holds,
    key_of,
    listed,
    milvus_schema,
    row_key,
    to_milvus,
)
from partwise.library.stores.milvus_server import Address, Server
from partwise.library.stores.precision import scan
from partwise.library.stores.protocol import Accuracy, Candidates
from partwise.library.stores.rows import (
    chunks,
    columns,
    dim_of,
    is_timed,
    scaled_query,
    take,
    unpack,
)

if TYPE_CHECKING:
    import pyarrow as pa

# A filter lists at most so many ids; above, ask for more rows and drop the rest, then go through
# the ids list by list.
_MAX_LISTED_IDS = 2_000
_OVER_ASKED = (4, 16)
_MAX_OVER_ASKED_ROWS = 2_048

# So few rows are compared one by one rather than looked for in an index.
_MAX_COMPARED_ROWS = 4_096

# Which index a table has is asked at most this often.
_READ_INTERVAL_S = 2.0

# Comparing a million rows of 5 x 64 takes about 0.1 s on two cores: until then nothing is gained.
INDEXED_ROWS = 1_000_000
GOOD_RECALL = 0.98
# An index that has grown by this factor is measured again.
_GROWN = 1.5


class MilvusPlace:
    """A database of a Milvus server, or a Milvus Lite file.

    Nothing is connected before it is needed. Raises PartwiseError for an address or precision that
    it cannot serve.
    """

    def __init__(self, uri: str, precision: str = "float32") -> None:
        if precision != "float32":
            raise PartwiseError(
                f"a store in Milvus keeps vectors as float32, not {precision};"
                " leave out --precision"
            )
        self.uri = uri
        self._server = Server(Address.parse(uri))
        self._register = Register(self._server)

    def _has_database(self) -> bool:
        database = self._server.address.database
        return not database or database in self._server.ask("list_databases")

    def names(self) -> set[str]:
        if not self._has_database():
            return set()
        return self._register.names() & set(self._server.ask("list_collections"))

    def create(self, name: str, schema: pa.Schema) -> MilvusStore:
        if not self._has_database():
            self._server.ask("create_database", self._server.address.database)
        self._register.make()
        if not self._server.ask("has_collection", name):
            made = milvus_schema(self._server.client, schema)
            create_collection(self._server, name, made, "vector")
            self._register.remove(name)  # of one that was dropped by half
        store = MilvusStore(self._server, self._register, name)
        known = self._register.read(name)
        # A creation that was cut short left an empty collection; any other is somebody else's.
        former = schema.remove(at) if (at := schema.get_field_index("genre")) >= 0 else schema
        if store.schema not in (schema, former) or (known is None and store.count()):
            raise PartwiseError(
                f"{self.uri} holds a collection {name!r} that is no store of partwise;"
                " name another database"
            )
        if known is None:
            self._register.write(name, Entry(version=new_version()))
        return store

    def open(self, name: str) -> MilvusStore:
        if name not in self.names():
            raise PartwiseError(f"the table {name!r} in {self.uri} cannot be read: there is none")
        store = MilvusStore(self._server, self._register, name)
        store.ready()
        return store

    def drop(self, name: str) -> None:
        if not self._has_database() or name not in self._register.names():
            return
        if self._server.ask("has_collection", name):
            self._server.ask("drop_collection", name)
        self._register.remove(name)


class MilvusStore:
    """One collection behind ``VectorStore``; nothing of it is held in memory."""

    def __init__(self, server: Server, register: Register, name: str) -> None:
        self.name = name
        self._server = server
        self._register = register
        self.schema = arrow_schema(server.ask("describe_collection", name))
        self.dim = dim_of(self.schema)
        self._key = key_of(self.schema)
        self._timed = is_timed(self.schema)
        # What one answer may hold, in rows and in bytes.
        self._most = min(MAX_ANSWER_ROWS, 3 * batch_rows(self.schema))
        self._known: tuple[float, Entry] | None = None

    def ready(self) -> None:
        """Index and load the collection as the register says, unless it is."""
        wanted, there = self._entry.index, self._index_type()
        state = self._server.ask("get_load_state", self.name)["state"]
        loaded = getattr(state, "name", "") == "Loaded"
        if there == wanted and loaded:
            return
        if there != wanted:
            # Until the other index is built, nothing can be searched.
            self._server.ask("release_collection", self.name)
            if there is not None:
                self._server.ask("drop_index", self.name, VECTOR_INDEX)
            index = self._server.client.prepare_index_params()
            add_index(index, "vector", wanted)
            self._server.ask("create_index", self.name, index, timeout=None)
        self._server.ask("load_collection", self.name, timeout=None)

    def _index_type(self) -> str | None:
        found = self._server.ask("describe_index", self.name, VECTOR_INDEX)
        return found["index_type"] if found else None

    def _ask(self, name: str, **kwargs: Any) -> Any:
        return self._server.ask_of(self.name, name, **kwargs)

    @property
    def _entry(self) -> Entry:
        entry = self._register.read(self.name)
        if entry is None:
            raise PartwiseError(
                f"the table {self.name!r} in {self._server.address.uri} has been removed"
            )
        return entry

    @property
    def _recent(self) -> Entry:
        """As ``_entry``, at most ``_READ_INTERVAL_S`` old: for what changes once in years."""
        if self._known is None or time.monotonic() - self._known[0] > _READ_INTERVAL_S:
            self._known = (time.monotonic(), self._entry)
        return self._known[1]

    @property
    def version(self) -> int:
        return self._entry.version

    @property
    def accuracy(self) -> Accuracy:
        entry = self._entry
        return Accuracy(exact=entry.index == "FLAT", recall=entry.recall)

    # --- writing

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A new version before the first change, which a killed writer may leave, and after."""
        self._register.write(self.name, replace(self._entry, version=new_version()))
        yield
        self._register.write(self.name, replace(self._entry, version=new_version()))

    def upsert(self, rows: pa.Table, *, new: bool = False) -> None:
        if not rows.num_rows:
            return
        rows = rows.select(self.schema.names).cast(self.schema)
        stale = [] if new or self._key != ROW_ID else self._stale(rows)
        with self._changing():
            for batch in to_milvus(rows):
                self._ask("insert" if new else "upsert", data=batch)
            # Afterwards: rows of a former, longer track are found and removed by a repetition,
            # rows that are missing would have to be heard again.
            for ids in chunks(stale, _MAX_LISTED_IDS):
                self._ask("delete", filter=listed(ROW_ID, ids))

    def _stale(self, rows: pa.Table) -> list[str]:
        """Keys of rows that these tracks have and shall not have."""
        tracks, segments = (rows.column(name).to_pylist() for name in ("track_id", "segment"))
        kept = set(map(row_key, tracks, segments))
        there = self.fetch(tracks, ["track_id", "segment"]).to_pydict()
        found = map(row_key, there["track_id"], there["segment"])
        return [key for key in found if key not in kept]

    def delete(self, track_ids: Iterable[str]) -> None:
        ids = sorted(set(track_ids))
        if not ids:
            return
        with self._changing():
            for some in chunks(ids):
                self._ask("delete", filter=listed("track_id", some))

    # --- reading

    def search(
        self,
        query: np.ndarray,
        weights: np.ndarray,
        k: int,
        *,
        complete: bool = True,
        allowed: Collection[str] | None = None,
    ) -> Candidates:
        scaled = scaled_query(query, weights)
        condition = holds(weights, complete)
        if allowed is None:
            return self._nearest(scaled, k, condition, few=not complete)
        ids = sorted(set(allowed))
        if len(ids) > _MAX_LISTED_IDS:
            among = frozenset(ids)
            for factor in _OVER_ASKED:
                asked = min(factor * k, _MAX_OVER_ASKED_ROWS)
                found = self._nearest(scaled, asked, condition, few=not complete)
                kept = np.flatnonzero([i in among for i in found.track_ids])
                if len(kept) >= k or found.exhausted:
                    return take(found, kept[:k], found.exhausted and len(kept) <= k)
        parts = [
            self._nearest(scaled, k, both(condition, listed("track_id", some)), few=True)
            for some in chunks(ids, _MAX_LISTED_IDS)
        ]
        return best_of(parts, k) if parts else scan([], scaled, k, self._timed)

    def _nearest(
        self, scaled: np.ndarray, k: int, condition: str, *, few: bool = False
    ) -> Candidates:
        """scaled : the query of ``rows.scaled_query``, float32 [parts=5, dim].

        few : the condition may leave so few rows that a walk through a graph would pass them by.
        """
        names = columns(self._timed)
        entry = self._recent
        width = max(entry.width, 2 * k)
        if entry.index == "HNSW" and few:
            there = self._count(condition)
            if there <= _MAX_COMPARED_ROWS:
                return scan(self._batches(names, condition), scaled, k, self._timed)
            width = min(MAX_WIDTH, width * self.count() // there)
        if k > self._most:
            return scan(self._batches(names, condition), scaled, k, self._timed)
        params = {"ef": width} if entry.index == "HNSW" else {}
        (hits,) = self._ask(
            "search",
            data=[scaled.reshape(-1)],
            anns_field="vector",
            filter=condition,
            limit=k,
            output_fields=names,
            search_params={"metric_type": "IP", "params": params},
        )
        if params and len(hits) < k and self._count(condition) > len(hits):
            # The walk ended before it had met all the rows that the condition leaves.
            return scan(self._batches(names, condition), scaled, k, self._timed)
        rows = from_milvus([hit["entity"] for hit in hits], self._schema_of(names))
        track_ids, vectors, presence, times = unpack(rows, self._timed)
        scores = np.einsum("pd,npd->n", scaled, vectors)
        found = Candidates(track_ids, scores, vectors, presence, *times, exhausted=len(hits) < k)
        return take(found, np.argsort(-scores, kind="stable"), found.exhausted)

    def fetch(
        self, track_ids: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        import pyarrow as pa

        names = self.schema.names if columns is None else list(columns)
        schema = self._schema_of(names)
        if track_ids is None:
            return pa.Table.from_batches(self._batches(names), schema)
        found = []
        for ids in chunks(track_ids):
            condition = listed("track_id", ids)
            rows = self._ask("query", filter=condition, output_fields=names, limit=self._most)
            if len(rows) < self._most:
                found.append(from_milvus(rows, schema))
            else:
                found.append(pa.Table.from_batches(self._batches(names, condition), schema))
        return pa.concat_tables(found) if found else schema.empty_table()

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        yield from self._batches(self.schema.names if columns is None else list(columns))

    def _batches(self, names: Sequence[str], condition: str = "") -> Iterator[pa.RecordBatch]:
        schema = self._schema_of(names)
        rows = self._ask(
            "query_iterator",
            batch_size=min(batch_rows(self.schema), MAX_ANSWER_ROWS // 2),
            filter=condition,
            output_fields=list(names),
        )
        try:
            while found := self._server.said(rows.next, "query"):
                yield from from_milvus(found, schema).to_batches()
        finally:
            rows.close()

    def _schema_of(self, names: Sequence[str]) -> pa.Schema:
        import pyarrow as pa

        return pa.schema([self.schema.field(name) for name in names])

    def count(self, track_ids: Iterable[str] | None = None) -> int:
        if track_ids is None:
            return self._count("")
        return sum(self._count(listed("track_id", ids)) for ids in chunks(track_ids))

    def _count(self, condition: str) -> int:
        rows = self._ask("query", filter=condition, output_fields=["count(*)"])
        return int(rows[0]["count(*)"])

    # --- upkeep

    def optimise(self, min_rows: int | None = None) -> bool:
        entry = self._entry
        rows = self.count()
        wanted = rows >= max(1, INDEXED_ROWS if min_rows is None else min_rows)
        grown = entry.index == "HNSW" and rows >= _GROWN * entry.measured_rows
        waiting = rows > 0 and entry.settled != entry.version
        if not (waiting or grown or (wanted and entry.index == "FLAT")):
            return False
        # What has been written lately waits in a buffer that has no index.
        self._server.ask("flush", self.name)
        if entry.index == "FLAT" and wanted:
            entry = replace(entry, index="HNSW", recall={})
            self._register.write(self.name, entry)
            self.ready()
            grown = True
        if grown:
            entry = self._measured(replace(entry, measured_rows=rows))
        self._register.write(self.name, replace(entry, settled=entry.version))
        return True

    def _measured(self, entry: Entry) -> Entry:
        """The narrowest search that finds enough, and what it finds."""
        for width in WIDTHS:
            entry = replace(entry, width=width)
            self._register.write(self.name, entry)
            self._known = None
            entry = replace(entry, recall=measure_recall(self))
            if min(entry.recall.values(), default=1.0) >= GOOD_RECALL:
                break
        return entry
