"""What answers the searches of a store: all its vectors in memory, or the store itself.

``sum_p w_p <q_p, x_p>`` is the inner product of one scaled query with the stored row, so one
inner-product index answers every weighting: the query is scaled, never the index. While all
vectors fit into memory one matrix product is the fastest, and exact; above, the store answers,
which may be approximate (``VectorStore.accuracy``).
"""

from __future__ import annotations

from partwise.library.stores.exact_index import EXACT_MAX_ROWS, ExactIndex
from partwise.library.stores.protocol import Accuracy, Searchable, VectorStore


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
