"""For one search: which tracks are a song of the query, or a hit, again in other bytes.

Vectors of whole tracks tell who may be (``duplicates.alike``), and of those few the segments are
read to see that they are (``duplicates.in_step``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.search.duplicates import Duplicates, alike_in, in_step
from partwise.library.search.query import Seed
from partwise.library.stores.exact_index import ExactIndex
from partwise.library.stores.protocol import Searchable, VectorStore
from partwise.library.stores.rows import columns, unpack


class Folding:
    """Finds the near-duplicates of seeds and tracks.

    index : of whole tracks. tracks : the store behind it, opened when it is called.
    duplicates : of the tracks in memory; None where the store answers.
    segments_of, durations_of : of tracks by their ids (``Searcher``).
    """

    def __init__(
        self,
        index: Searchable,
        tracks: Callable[[], VectorStore],
        duplicates: Duplicates | None,
        segments_of: Callable[[Iterable[str]], Mapping[str, PartEmbeddings]],
        durations_of: Callable[[list[str]], np.ndarray],
    ) -> None:
        self._index = index
        self._tracks = tracks
        self._duplicates = duplicates
        self._segments_of = segments_of
        self._durations_of = durations_of

    def of_seed(self, seed: Seed) -> list[str]:
        """Ids of near-duplicates that have a file, itself included when it is in the library."""
        vector, presence = seed.whole.track()
        return self._of(vector, presence, seed.duration_s, seed.track_id, seed.whole)

    def of_track(self, track_id: str, duration_s: float) -> list[str]:
        """The same of a track of the library."""
        known = self._duplicates.known(track_id) if self._duplicates else None
        if known is not None:
            return known
        index = self._index
        if isinstance(index, ExactIndex) and len(rows := index.rows_of_track(track_id)):
            vector, presence = index.vectors[rows[0]], index.presence[rows[0]]
        else:
            row = self._tracks().fetch([track_id], columns(timed=False))
            _, [vector], [presence], _ = unpack(row, timed=False)
        return self._of(vector, presence, duration_s, track_id)

    def _of(
        self,
        vector: np.ndarray,
        presence: np.ndarray,
        duration_s: float,
        track_id: str | None,
        heard: PartEmbeddings | None = None,
    ) -> list[str]:
        def confirmed(ids: list[str]) -> list[str]:
            if set(ids) <= {track_id}:
                return ids
            found = self._segments_of(ids if heard or track_id is None else {*ids, track_id})
            own = heard or found.get(track_id or "")
            return [i for i in ids if own and i in found and in_step(own, found[i])]

        if self._duplicates is not None:
            return self._duplicates.of(vector, duration_s, track_id, presence, confirmed)
        return confirmed(alike_in(self._index, vector, duration_s, presence, self._durations_of))
