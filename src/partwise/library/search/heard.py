"""What is heard in each track, as numbers that a condition can be about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from partwise.library.stores.exact_index import ExactIndex
from partwise.library.stores.protocol import Searchable
from partwise.library.stores.rows import PRESENCE_COLUMNS, presence_of
from partwise.parts import PARTS

if TYPE_CHECKING:
    import pyarrow as pa

    from partwise.library.tables.reader import Store

# Rows of a table: ids [n], presence float32 [n, parts=5], start_s float64 [n] (zeros of tracks).
_Rows = tuple[list[str], np.ndarray, np.ndarray]


class Heard:
    """Presence of the parts, and when they enter, for some tracks in one order.

    Read once, when asked for: from memory where the vectors are, else without the vectors.

    track_ids : n ids. store, index_of : what they are read from; ``index_of("tracks")``.
    """

    def __init__(
        self, track_ids: Sequence[str], store: Store, index_of: Callable[[str], Searchable]
    ) -> None:
        self._row_of = {track_id: row for row, track_id in enumerate(track_ids)}
        self._store = store
        self._index_of = index_of
        self._known: dict[str, np.ndarray] = {}

    def column(self, kind: str) -> np.ndarray:
        """One of these, [n, parts=5]; the same whatever the store is.

        ``presence`` : float32, of the whole track, 0..1; 0 where the track is not there.
        ``has`` : bool, whether a part can be heard in the whole track.
        ``enters`` : float64, start in seconds of the first segment in which a part is heard; NaN
        where there is none.
        """
        if kind not in self._known:
            self._known[kind] = {
                "presence": self._presence,
                "has": lambda: self.column("presence") >= self._threshold,
                "enters": self._enters,
            }[kind]()
        return self._known[kind]

    @property
    def _threshold(self) -> np.ndarray:
        return np.asarray(self._store.active.presence_threshold, np.float32)

    def _presence(self) -> np.ndarray:
        found = np.zeros((len(self._row_of), len(PARTS)), np.float32)
        for ids, presence, _ in self._rows("tracks"):
            rows, known = self._rows_of(ids)
            found[rows] = presence[known]
        return found

    def _enters(self) -> np.ndarray:
        first = np.full((len(self._row_of), len(PARTS)), np.inf)
        for ids, presence, start_s in self._rows("segments"):
            rows, known = self._rows_of(ids)
            heard = presence[known] >= self._threshold
            for part in range(len(PARTS)):
                here = heard[:, part]
                np.minimum.at(first[:, part], rows[here], start_s[known][here])
        return np.where(np.isfinite(first), first, np.nan)

    def _rows_of(self, ids: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Where these tracks are in the order of this object, and which of them are in it."""
        rows = np.fromiter((self._row_of.get(one, -1) for one in ids), np.int64, len(ids))
        known = rows >= 0
        return rows[known], known

    def _rows(self, table: str) -> Iterator[_Rows]:
        index = self._index_of(table)
        if isinstance(index, ExactIndex):
            yield index.track_ids_at(np.arange(index.rows)), index.presence, index.start_s
            return
        timed = ["start_s"] if table == "segments" else []
        for batch in getattr(self._store, table).batches(["track_id", *PRESENCE_COLUMNS, *timed]):
            yield _unpacked(batch, bool(timed))


def _unpacked(batch: pa.RecordBatch, timed: bool) -> _Rows:
    import pyarrow as pa

    rows = pa.Table.from_batches([batch])
    start_s = rows.column("start_s").to_numpy() if timed else np.zeros(rows.num_rows)
    return rows.column("track_id").to_pylist(), presence_of(rows), start_s
