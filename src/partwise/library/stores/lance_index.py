"""When a LanceDB table gets an IVF_RQ index, how it is built, and when it is brought up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from partwise.library.stores.exact_index import EXACT_MAX_ROWS

if TYPE_CHECKING:
    from lancedb.table import Table

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
