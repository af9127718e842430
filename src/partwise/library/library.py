"""``Library``: the one object that a program needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partwise.errors import PartwiseError
from partwise.library.ledger import LedgerRow, State
from partwise.library.paths import absolute, library_folder, path_to_text, shown
from partwise.library.store import Store, TrackTable

if TYPE_CHECKING:
    from partwise.embedding.encoder import Encoder


class Library:
    """A folder of what was heard in recordings, and the questions that can be asked of it.

    path : the library's folder; None means ``PARTWISE_LIBRARY``, else the platform's data folder.

    Nothing is opened before it is needed, so ``Library(path).index(...)`` also makes a new one.
    Use ``Library.open`` to be told at once that there is none.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path: Path = library_folder(path)
        self._store: Store | None = None
        self._tracks: tuple[tuple[str, int], TrackTable] | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None) -> Library:
        """An existing library. Raises PartwiseError when there is none, or it cannot be read."""
        library = cls(path)
        _ = library.store
        return library

    @property
    def store(self) -> Store:
        """The tables, opened on first use."""
        if self._store is None:
            self._store = Store(self.path)
        return self._store

    # --- what is in it

    def tracks(self) -> TrackTable:
        """All tracks of the active model; kept in memory until the table changes."""
        table = self.store.tracks_table
        key = (self.store.digest, table.version)
        if self._tracks is None or self._tracks[0] != key:
            self._tracks = (key, self.store.track_vectors())
        return self._tracks[1]

    def ledger(self) -> list[LedgerRow]:
        """One row per file that was ever seen, ordered by path."""
        return [row for _, row in sorted(self.store.ledger().items())]

    def paths_of(self, track_id: str) -> list[str]:
        """The files of a track as far as the last run saw them; empty when all are gone."""
        from partwise.library.store import quoted

        where = f"content_hash = {quoted(track_id)} AND state = '{State.INDEXED}'"
        rows = self.store.ledger_table.search().where(where).to_arrow()
        from partwise.library.ledger import rows_from_arrow

        return sorted(row.os_path for row in rows_from_arrow(rows).values())

    def find(self, path_or_id: str | os.PathLike[str]) -> str | None:
        """The track id of a file of the library, or of a track id itself; None when not there."""
        from partwise.library.ledger import rows_from_arrow
        from partwise.library.store import in_list, quoted

        name = os.fspath(path_or_id)
        tracks = self.store.tracks_table
        spellings = {path_to_text(absolute(name)), path_to_text(os.path.realpath(absolute(name)))}
        where = f"{in_list('path', spellings)} AND state = '{State.INDEXED}'"
        rows = rows_from_arrow(self.store.ledger_table.search().where(where).to_arrow())
        ids = [row.content_hash for row in rows.values() if row.content_hash is not None]
        for track_id in [*ids, name]:
            if path_to_text(track_id) == track_id and tracks.count_rows(
                f"track_id = {quoted(track_id)}"
            ):
                return track_id
        return None

    # --- questions

    def search(self, *args: Any, **kwargs: Any) -> Any:
        """Rank tracks by how alike the wanted parts sound: see ``partwise.library.search``."""
        from partwise.library.search import search

        return search(self, *args, **kwargs)
