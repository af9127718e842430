"""``Library``: the one object that a program needs."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from partwise.library.overview import LibraryStatus, overview
from partwise.library.tables.ledger import LedgerRow, State
from partwise.library.tables.reader import Store, TrackTable
from partwise.paths import library_folder, path_to_text

if TYPE_CHECKING:
    from partwise.library.check.check import Tell
    from partwise.library.check.report import Report
    from partwise.library.reports import IndexSummary, Reporter
    from partwise.library.search.query import Query
    from partwise.library.search.searcher import Hit
    from partwise.library.search.seeds import Song, Songs
    from partwise.parts import Part, PartWeights


class Library:
    """A folder of what was heard in recordings, and the questions that can be asked of it.

    path : the library's folder; None means ``PARTWISE_LIBRARY``, else the platform's data folder.
    resident : for a program that answers many questions, such as a server: vectors stay in memory,
    and what an indexing run adds is read beside the answers (see ``search.Searcher``).

    Nothing is opened before it is needed, so ``Library(path).index(...)`` also makes a new one.
    Use ``Library.open`` to be told at once that there is none.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, resident: bool = False
    ) -> None:
        self.path: Path = library_folder(path)
        self.resident = resident
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
        key = (self.store.digest, self.store.tracks.version)
        if self._tracks is None or self._tracks[0] != key:
            self._tracks = (key, self.store.track_vectors())
        return self._tracks[1]

    def ledger(self) -> list[LedgerRow]:
        """One row per file that was ever seen, ordered by path."""
        return [row for _, row in sorted(self.store.ledger().items())]

    def paths_of(self, track_id: str) -> list[str]:
        """The files of a track as far as the last run saw them; empty when all are gone."""
        return sorted(row.os_path for row in self.store.rows_of_content(track_id))

    def find(self, path_or_id: str | os.PathLike[str]) -> str | None:
        """The track id of a file of the library, or of a track id itself; None when not there."""
        name = os.fspath(path_or_id)
        rows = [row for row in self.store.rows_of_file(name) if row.state is State.INDEXED]
        ids = [row.content_hash for row in rows if row.content_hash is not None]
        for track_id in [*ids, name]:
            if path_to_text(track_id) == track_id and self.store.tracks.count([track_id]):
                return track_id
        return None

    def status(self) -> LibraryStatus:
        """What it holds, in numbers, and which files could not be heard."""
        return overview(self.store)

    def check(
        self,
        *,
        repair: bool = False,
        files: bool = False,
        model: str | os.PathLike[str] | None = None,
        tell: Tell = lambda *_: None,
    ) -> Report:
        """Look whether everything is whole, and mend it: see ``check.check.check``."""
        from partwise.library.check.check import check

        path = None if model is None else Path(model)
        try:
            return check(self.path, repair=repair, files=files, model=path, tell=tell)
        finally:
            self._store = None
            self._tracks = None

    # --- filling it

    def index(
        self,
        folders: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
        *,
        jobs: int | None = None,
        nice: int = 0,
        prune: bool = False,
        retry_failed: bool = False,
        model: str | os.PathLike[str] | None = None,
        store: str | None = None,
        precision: str | None = None,
        on: str | None = None,
        reporter: Reporter | None = None,
        stop: threading.Event | None = None,
    ) -> IndexSummary:
        """Hear every recording below ``folders`` that is new or has changed.

        Makes the library when there is none; its vectors then lie in ``store`` (a URI such as
        ``s3://bucket/prefix``; None for the library's folder), in ``precision``.
        See ``partwise.library.index.run.index``.
        """
        from partwise.library.index.run import index

        roots = [folders] if isinstance(folders, (str, os.PathLike)) else list(folders)
        try:
            return index(
                self.path,
                roots,
                jobs=jobs,
                nice=nice,
                prune=prune,
                retry_failed=retry_failed,
                model=model,
                store=store,
                precision=precision,
                on=on,
                reporter=reporter,
                stop=stop,
            )
        finally:  # what is open now would show the former state for a moment longer
            self._store = None
            self._tracks = None

    # --- questions

    def search(
        self,
        query: Songs | Query | None = None,
        weights: PartWeights | str | None = None,
        top: int = 10,
        at: str | tuple[float, float] | None = None,
        per_part_of: Mapping[Part, Song] | None = None,
        max_per_artist: int | None = None,
        include_duplicates: bool = False,
        where: str | None = None,
        model: str | Path | None = None,
    ) -> list[Hit]:
        """Rank tracks by how alike the wanted parts sound: see ``search.searcher.search``.

        ``library.search("song.mp3", "drums=2,bass")``
        """
        from partwise.library.search.searcher import search

        return search(
            self,
            query,
            weights,
            top=top,
            at=at,
            per_part_of=per_part_of,
            max_per_artist=max_per_artist,
            include_duplicates=include_duplicates,
            where=where,
            model=model,
        )

    def optimise(self, min_rows: int | None = None) -> bool:
        """Build or refresh the vector indexes now; True if there was anything to do.

        ``index`` does this at its end. min_rows : size from which a table gets an index; None for
        the measured one. Raises PartwiseError while another process writes.
        """
        from partwise.library.tables.lock import WriterLock

        with WriterLock(self.path):
            tracks = self.store.tracks.optimise(min_rows)
            return self.store.segments.optimise(min_rows) or tracks
