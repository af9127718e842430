"""Stores in LanceDB: tables in a folder, or the same tables in a bucket (``s3://``).

Beside what it is given, a table has the column ``parts``: which parts a row holds, one bit each,
so that a search filters by it before it compares. Tables made before that column existed are asked
by the presence from which a part counted, until ``LanceStore.upgrade`` adds it.

A small table is scanned. A large one has an IVF_RQ index, of which every partition is probed,
because a query for one part lies far from the centroids of whole rows; the best of the quantised
scores are computed again from the stored vectors. LanceDB has neither for int8: such a table is
scanned block by block here.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.stores.accuracy import measure_recall
from partwise.library.stores.exact_index import EXACT_MAX_ROWS
from partwise.library.stores.precision import (
    SCALE,
    decoded,
    encoded,
    precision_of,
    scan,
    stored_schema,
)
from partwise.library.stores.protocol import Accuracy, Candidates
from partwise.library.stores.rows import (
    PRESENCE_COLUMNS,
    chunks,
    columns,
    dim_of,
    in_list,
    is_timed,
    pattern_of,
    scaled_query,
    take,
    unpack,
    vectors_of,
    wanted_bits,
)
from partwise.parts import PARTS

if TYPE_CHECKING:
    import pyarrow as pa
    from lancedb.table import Table

PATTERN = "parts"
GENRE = "genre"
# Readers may still hold a version that is a little older than the newest.
_KEEP_VERSIONS = timedelta(minutes=10)
# Every write adds a piece to its table; reading slows down when there are many.
_MAX_SMALL_PIECES = 16
# Above this many segments, finding a track's segments through an index beats a scan.
_INDEXED_SEGMENTS = 100_000
_BLOCK_ROWS = 65_536

# How many of the best quantised scores are computed again: see RQ_BITS.
REFINE_FACTOR = 20
ALL_PARTITIONS = 1_000_000
# A filter by track ids travels as text; above this many ids, ask for more rows and drop the rest.
MAX_LISTED_IDS = 2_000
_RECALL = "partwise:recall"


def table_schema(schema: pa.Schema, precision: str) -> pa.Schema:
    """The schema of a table, from that of the rows that are given to its store."""
    import pyarrow as pa

    return stored_schema(schema, precision).append(pa.field(PATTERN, pa.int8()))


class LanceStore:
    """One LanceDB table behind ``VectorStore``; nothing of it is held in memory.

    table : guarded, so that its failures are sentences (``faults``).
    precision : of the stored vectors.
    former_threshold : presence from which each part counted, [parts=5]; only a table without the
    column ``parts`` needs it.
    """

    def __init__(self, table: Any, uri: str) -> None:
        self.table = table
        self.name: str = table.name
        self.former_threshold: Sequence[float] | None = None
        self._uri = uri
        self._stored: pa.Schema = table.schema
        self.precision = precision_of(self._stored)
        self.dim = dim_of(self._stored)
        self._timed = is_timed(self._stored)
        self._index: tuple[int, bool] | None = None

    @property
    def schema(self) -> pa.Schema:
        import pyarrow as pa

        fields = [field for field in self._stored if field.name not in (PATTERN, SCALE)]
        vector = pa.field("vector", pa.list_(pa.float32(), len(PARTS) * self.dim))
        return pa.schema([vector if field.name == "vector" else field for field in fields])

    @property
    def version(self) -> int:
        return self.table.version

    @property
    def indexed(self) -> bool:
        """Whether searches go through the IVF_RQ index."""
        version = self.version
        if self._index is None or self._index[0] != version:
            self._index = (version, index_name(self.table) is not None)
        return self._index[1]

    @property
    def accuracy(self) -> Accuracy:
        if not self.indexed:
            return Accuracy(exact=True)
        told = (self.table.schema.field("vector").metadata or {}).get(_RECALL.encode())
        return Accuracy(exact=False, recall={} if told is None else json.loads(told))

    # --- writing

    def upsert(self, rows: pa.Table, *, new: bool = False) -> None:
        stored = self._as_stored(rows)
        if new:
            self.table.add(stored)
            return
        if not rows.num_rows:
            return
        key = ["track_id", "segment"] if self._timed else ["track_id"]
        tracks = in_list("track_id", sorted(set(rows.column("track_id").to_pylist())))
        merge = self.table.merge_insert(key).when_matched_update_all()
        merge = merge.when_not_matched_insert_all()
        # In the same commit: what a track has no more, such as segments past its new end.
        merge.when_not_matched_by_source_delete(tracks).execute(stored)

    def _as_stored(self, rows: pa.Table) -> pa.Table:
        stored = encoded(rows, self.precision)
        if PATTERN in self._stored.names:
            import pyarrow as pa

            patterns = pattern_of(vectors_of(rows)).astype(np.int8)
            stored = stored.append_column(PATTERN, pa.array(patterns))
        return stored.select(self._stored.names).cast(self._stored)

    def delete(self, track_ids: Iterable[str]) -> None:
        for ids in chunks(track_ids):
            self.table.delete(in_list("track_id", ids))

    def upgrade(self, threshold: Sequence[float]) -> None:
        """Add the columns ``parts`` and ``genre`` to a table that was made before there were any.

        threshold : presence from which each part counted, [parts=5].
        """
        new: dict[str, str] = {}
        if PATTERN not in self._stored.names:
            bits = [
                f"{1 << part.index} * cast({condition} as int)"
                for part, condition in zip(PARTS, _heard(threshold), strict=True)
            ]
            new[PATTERN] = " + ".join(bits)
        if not self._timed and GENRE not in self._stored.names:
            new[GENRE] = "cast(null as string)"
        if new:
            self.table.add_columns(new)
            self._stored = self.table.schema

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
        condition = self._condition(weights, complete)
        if allowed is None:
            return self._ask(query, weights, k, condition)
        if len(allowed) <= MAX_LISTED_IDS:
            listed = in_list("track_id", sorted(allowed) or [""])
            return self._ask(query, weights, k, f"{condition} AND {listed}")
        allowed = frozenset(allowed)
        asked = k
        while True:
            found = self._ask(query, weights, asked, condition)
            kept = np.array([track_id in allowed for track_id in found.track_ids], dtype=bool)
            if kept.sum() >= k or found.exhausted:
                return take(found, np.flatnonzero(kept)[:k], found.exhausted and kept.sum() <= k)
            asked *= 4

    def _condition(self, weights: np.ndarray, complete: bool) -> str:
        if PATTERN in self._stored.names:
            bits = wanted_bits(weights)
            # The filter knows no bit operations: the patterns that have all the wanted bits.
            having = [str(p) for p in range(1 << len(PARTS)) if p & bits == bits]
            return f"{PATTERN} {'IN' if complete else 'NOT IN'} ({', '.join(having)})"
        if self.former_threshold is None:
            raise PartwiseError(
                f"the table {self.name!r} in {self._uri} was made by an older partwise:"
                " run `partwise index` once to bring it up to date"
            )
        heard = _heard(self.former_threshold)
        parts = " AND ".join(heard[part] for part in np.flatnonzero(weights > 0))
        return f"({parts})" if complete else f"NOT ({parts})"

    def _ask(self, query: np.ndarray, weights: np.ndarray, k: int, condition: str) -> Candidates:
        scaled = scaled_query(query, weights)
        if self.precision == "int8":
            asked = columns(self._timed)
            rows = self._rows(asked).where(condition).to_batches(_BLOCK_ROWS)
            return scan(map(decoded_batch, rows), scaled, k, self._timed)
        builder: Any = self.table.search(
            scaled.reshape(-1), vector_column_name="vector", query_type="vector"
        )
        builder = (
            builder.distance_type("dot")
            .where(condition, prefilter=True)
            .select([*columns(self._timed), "_distance"])
            .limit(k)
        )
        if self.indexed:
            builder = builder.nprobes(ALL_PARTITIONS).refine_factor(REFINE_FACTOR)
        else:
            builder = builder.bypass_vector_index()
        result = decoded(builder.to_arrow())
        track_ids, vectors, presence, times = unpack(result, self._timed)
        scores = np.einsum("pd,npd->n", scaled, vectors)
        found = Candidates(
            track_ids, scores, vectors, presence, *times, exhausted=len(track_ids) < k
        )
        return take(found, np.argsort(-scores, kind="stable"), found.exhausted)

    def fetch(
        self, track_ids: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        import pyarrow as pa

        names = self.schema.names if columns is None else list(columns)
        if track_ids is None:
            found = [self._rows(names).to_arrow()]
        else:
            found = [
                self._rows(names).where(in_list("track_id", ids)).to_arrow()
                for ids in chunks(track_ids)
            ]
        if not found:
            return self.schema.empty_table().select(names)
        return decoded(pa.concat_tables(found)).select(names)

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        names = self.schema.names if columns is None else list(columns)
        for batch in self._rows(names).to_batches(_BLOCK_ROWS):
            yield decoded_batch(batch).select(names)

    def _rows(self, names: Sequence[str]) -> Any:
        more = [SCALE] if self.precision == "int8" and "vector" in names else []
        return self.table.search().select([*names, *more])

    def count(self, track_ids: Iterable[str] | None = None) -> int:
        if track_ids is None:
            return self.table.count_rows()
        return sum(self.table.count_rows(in_list("track_id", i)) for i in chunks(track_ids))

    # --- upkeep

    def optimise(self, min_rows: int | None = None) -> bool:
        # Every joining adds a piece to the table's indexes: not for a few rows.
        joined = join_pieces(self.table)
        if (
            self._timed
            and self.table.count_rows() > _INDEXED_SEGMENTS
            and not any(list(i.columns) == ["track_id"] for i in self.table.list_indices())
        ):
            from lancedb.index import BTree

            self.table.create_index("track_id", config=BTree())
            joined = True
        refreshed = self.precision != "int8" and refresh_index(self.table, min_rows)
        if refreshed:
            told = {_RECALL: json.dumps(measure_recall(self))}
            self.table.update_field_metadata({"path": "vector", "metadata": told})
        return refreshed or joined


def join_pieces(table: Any) -> bool:
    """Join the pieces that writes left in a LanceDB table, when there are many; True if done."""
    if table.stats()["fragment_stats"]["num_small_fragments"] <= _MAX_SMALL_PIECES:
        return False
    table.optimize(cleanup_older_than=_KEEP_VERSIONS)
    return True


def _heard(threshold: Sequence[float]) -> list[str]:
    """SQL conditions [parts=5]. The float32 threshold, written in full, so that the comparison is
    the encoder's own."""
    return [
        f"{column} >= {float(np.float32(least))!r}"
        for column, least in zip(PRESENCE_COLUMNS, threshold, strict=True)
    ]


def decoded_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """As ``precision.decoded``, of one batch."""
    import pyarrow as pa

    return decoded(pa.Table.from_batches([batch])).combine_chunks().to_batches()[0]


# One bit per dimension loses the order among near neighbours once clusters are wide. Lowest
# recall@10 of the four kinds of weights on 10,000 rows of 5 x 64 (benchmarks/search.py --sizes 1e4
# --noise 1.4 --bits .. --refine ..): 0.78 with 1 bit and refine 10, 0.96 with 1 and 40, 0.98 with
# 2 and 20, 1.00 with 4 and 20, at the same latency.
RQ_BITS = 4
ROWS_PER_PARTITION = 4096

# Rows added later are found by a flat scan until they join the index; past this share that scan
# costs more than the index itself. Every joining adds a piece that is searched on its own, about
# 0.4 ms each on 2 cores (20,000 rows: 8 ms with 1 piece, 14 ms with 13, 18 ms with 25).
UNINDEXED_SHARE = 0.05
MAX_INDEX_PIECES = 12


def index_name(table: Table) -> str | None:
    """Name of the table's vector index, None if there is none."""
    for index in table.list_indices():
        if list(index.columns) == ["vector"]:
            return index.name
    return None


def refresh_index(table: Table, min_rows: int | None = None) -> bool:
    """Create or bring up to date the IVF_RQ index of a table; True if anything was written.

    Nothing happens below ``min_rows`` rows (None: ``EXACT_MAX_ROWS`` and one more), nor while few
    rows wait outside an existing index: those are found all the same. Needs the library's writer
    lock.
    """
    rows = table.count_rows()
    if rows < max(EXACT_MAX_ROWS + 1 if min_rows is None else min_rows, 1):
        return False
    name = index_name(table)
    stats = table.index_stats(name) if name else None
    if stats is not None and (stats.num_indices or 1) <= MAX_INDEX_PIECES:
        if stats.num_unindexed_rows <= UNINDEXED_SHARE * rows:
            return False
        table.optimize()
        return True
    from lancedb.index import IvfRq

    table.create_index(
        "vector",
        config=IvfRq(
            distance_type="dot",
            num_partitions=max(1, rows // ROWS_PER_PARTITION),
            num_bits=RQ_BITS,
        ),
        replace=True,
    )
    return True
