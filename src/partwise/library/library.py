"""``Library``: the one object that a program needs."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partwise.errors import PartwiseError
from partwise.library.overview import LibraryStatus, overview
from partwise.library.tables.ledger import LedgerRow
from partwise.library.tables.manifest import FILE_NAME
from partwise.library.tables.reader import Store, TrackTable
from partwise.parts import PartWeights, Weights
from partwise.paths import library_folder

if TYPE_CHECKING:
    import numpy as np

    from partwise.library.export.embeddings import LibraryEmbeddings, Rows
    from partwise.library.holdings import Holding
    from partwise.library.index.forget import Forgotten
    from partwise.library.reports import IndexSummary, Progress, Report, Reporter, Stage
    from partwise.library.search.clusters import Cluster
    from partwise.library.search.hits import Hit
    from partwise.library.search.journey import Step
    from partwise.library.search.matcher import Matcher
    from partwise.library.search.query import Query
    from partwise.library.search.searcher import Searcher
    from partwise.library.search.seeds import Song, Songs
    from partwise.library.tables.catalogue import Track
    from partwise.parts import Part


class Library:
    """A folder of what was heard in recordings, and the questions that can be asked of it.

    path : the library's folder; None means ``PARTWISE_LIBRARY``, else the platform's data folder.
    resident : for a program that answers many questions, such as a server: vectors stay in memory,
    and what an indexing run adds is read beside the answers (see ``search.searcher.Searcher``).

    Nothing is opened before it is needed, so ``Library(path).index(...)`` also makes a new one.
    Use ``Library.open`` to be told at once that there is none.
    """

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, resident: bool = False
    ) -> None:
        self.path: Path = library_folder(path)
        self.resident = resident
        self._guard = threading.Lock()
        self._close()

    def _close(self) -> None:
        """Forget what is open: it would show the former state for a moment longer."""
        self._store: Store | None = None
        self._searcher: Searcher | None = None
        self._tracks: tuple[tuple[str, int], TrackTable] | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str] | None = None) -> Library:
        """An existing library. Raises PartwiseError when there is none, or it cannot be read."""
        library = cls(path)
        _ = library.store
        return library

    @property
    def exists(self) -> bool:
        """Whether there is one yet: the first indexing run makes it."""
        return (self.path / FILE_NAME).is_file()

    @property
    def store(self) -> Store:
        """The tables, opened on first use."""
        if self._store is None:
            self._store = Store(self.path, snapshot=not self.resident)
        return self._store

    @property
    def searcher(self) -> Searcher:
        """What answers, and keeps in memory what it read until the tables change."""
        with self._guard:  # a server asks from many threads, and its vectors are read once
            if self._searcher is None:
                from partwise.library.search.searcher import Searcher

                self._searcher = Searcher(self.store, resident=self.resident)
            return self._searcher

    @property
    def catalogue(self) -> dict[str, Track]:
        """The tracks that have a file, by id; kept in memory until they change."""
        return self.searcher.catalogue

    @property
    def matcher(self) -> Matcher:
        """Finds tracks by text, ``library.matcher.find("bjork joga")``; kept like the catalogue."""
        return self.searcher.matcher

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

    def embeddings(self, of: Rows = "tracks") -> LibraryEmbeddings:
        """The vectors of its tracks or ``"segments"`` as arrays, with whose they are.

        ``library.embeddings("segments").to_arrow()``

        Tracks whose files were all gone in the last run are left out. All of it is in memory:
        ``partwise export`` writes larger ones piece by piece (``export.embeddings.batches``).
        """
        from partwise.library.export.embeddings import read_all

        return read_all(self.store, of)

    def paths_of(self, track_id: str) -> list[str]:
        """The files of a track as far as the last run saw them; empty when all are gone."""
        return sorted(row.os_path for row in self.store.rows_of_content(track_id))

    def find(self, path_or_id: str | os.PathLike[str]) -> str | None:
        """The track id of a file of the library, or of a track id itself; None when not there."""
        return self.store.find(path_or_id)

    def status(self) -> LibraryStatus:
        """What it holds, in numbers, and which files could not be heard."""
        return overview(self.store)

    def folders(self) -> list[Holding]:
        """The folders that it was indexed from, and what it holds of each."""
        from partwise.library.holdings import holdings

        return holdings(self.store)

    def check(
        self,
        *,
        repair: bool = False,
        files: bool = False,
        model: str | os.PathLike[str] | None = None,
        reporter: Reporter[Stage] | None = None,
    ) -> Report:
        """Look whether everything is whole, and mend it: see ``check.check.check``."""
        from partwise.library.check.check import check

        path = None if model is None else Path(model)
        try:
            return check(self.path, repair=repair, files=files, model=path, reporter=reporter)
        finally:
            self._close()

    # --- filling it

    def index(
        self,
        folders: Sequence[str | os.PathLike[str]] | str | os.PathLike[str] = (),
        *,
        reporter: Reporter[Progress] | None = None,
        stop: threading.Event | None = None,
        **options: Any,
    ) -> IndexSummary:
        """Hear every recording below ``folders`` that is new or has changed.

        ``server=Subsonic("subsonic://me@host", password)`` hears the songs of a server instead.
        Makes the library when there is none. reporter, stop : see ``index.run.index``.
        options : see ``index.options.IndexOptions``.
        """
        from partwise.library.index.options import IndexOptions
        from partwise.library.index.run import index

        roots = [folders] if isinstance(folders, (str, os.PathLike)) else list(folders)
        try:
            return index(self.path, roots, IndexOptions(**options), reporter, stop)
        finally:
            if not self.resident:  # a server reads beside its answers what is new
                self._close()

    def forget(self, folder: str | os.PathLike[str]) -> Forgotten:
        """Remove what it holds of a folder; the files stay: see ``index.forget.forget``."""
        from partwise.library.index.forget import forget

        _ = self.store  # says so where there is none
        try:
            return forget(self.path, folder)
        finally:
            if not self.resident:
                self._close()

    # --- questions

    def query(
        self,
        songs: Songs | Query | None = None,
        *,
        at: str | tuple[float, float] | None = None,
        per_part_of: Mapping[Part, Song] | None = None,
        less_like: Songs | Mapping[Part, Songs] | None = None,
        model: str | Path | None = None,
    ) -> Query:
        """What is asked, from songs as people name them: see ``search.seeds.build_query``."""
        from partwise.library.search.seeds import build_query

        return build_query(
            self.searcher,
            songs,
            at=at,
            per_part_of=per_part_of,
            less_like=less_like,
            model=model,
        )

    def search(
        self,
        query: Songs | Query | None = None,
        weights: Weights | None = None,
        top: int = 10,
        *,
        at: str | tuple[float, float] | None = None,
        per_part_of: Mapping[Part, Song] | None = None,
        less_like: Songs | Mapping[Part, Songs] | None = None,
        model: str | Path | None = None,
        **options: Any,
    ) -> list[Hit]:
        """Rank tracks by how alike the wanted parts sound; best first, at most ``top``.

        ``library.search("song.mp3", "drums=2,bass")``

        query, at, per_part_of, less_like, model : what is asked, see ``query``: files, names,
            samples, embeddings or vectors.
        weights : ``"drums=2,bass"``, ``{"drums": 2, "bass": 1}`` or ``PartWeights``; by default all
            parts of the query, or the parts named in ``per_part_of``, count the same.
        options : see ``search.options.SearchOptions``.

        The songs of the query are never among the hits, nor are tracks whose files are all gone.
        Raises PartwiseError for a song, part, range, condition or number that makes no sense.
        """
        from partwise.library.search.options import SearchOptions

        wanted = SearchOptions(top=top, **options)
        asked = None if weights is None else PartWeights.parse(weights)
        built = self.query(query, at=at, per_part_of=per_part_of, less_like=less_like, model=model)
        return self.searcher.search(built, built.weights(asked), wanted)

    def search_many(
        self,
        queries: Sequence[Songs | Query] | np.ndarray,
        weights: Weights | Sequence[Weights | None] | None = None,
        top: int = 10,
        *,
        model: str | Path | None = None,
        **options: Any,
    ) -> list[list[Hit]]:
        """The hits of each of many queries, in their order: see ``search``.

        ``library.search_many(["a.mp3", "b.mp3"], "drums")``

        queries : each a song, several that are averaged, or a ``Query`` (for a passage, or songs
            for single parts); or vectors, float [queries, parts=5, dim].
        weights : for all of them, or a list with those of each.

        Where vectors are held in memory (``resident``, or a library that is not large), they are
        compared with all queries by one matrix product. Raises PartwiseError where ``search`` would
        for one of them, naming its number.
        """
        from partwise.library.search.many import search_many
        from partwise.library.search.options import SearchOptions

        wanted = SearchOptions(top=top, **options)
        if isinstance(weights, Sequence) and not isinstance(weights, str):
            each: list[Weights | None] = list(weights)
        else:
            each = [weights] * len(queries)
        if len(each) != len(queries):
            raise PartwiseError(f"{len(queries)} queries have {len(each)} part weights")
        questions = []
        for number, (query, weighed) in enumerate(zip(queries, each, strict=True), 1):
            try:
                asked = None if weighed is None else PartWeights.parse(weighed)
                built = self.query(query, model=model)
                questions.append((built, built.weights(asked), wanted))
            except PartwiseError as error:
                raise PartwiseError(f"query {number}: {error}") from None
        return search_many(self.searcher, questions)

    def radio(
        self,
        query: Songs | Query | None = None,
        weights: Weights | None = None,
        top: int = 10,
        *,
        played: Sequence[str] = (),
        skipped: Sequence[str] = (),
        at: str | tuple[float, float] | None = None,
        per_part_of: Mapping[Part, Song] | None = None,
        model: str | Path | None = None,
        **options: Any,
    ) -> list[Hit]:
        """The tracks to play next, at most ``top``, in this order; none when all were played.

        ``library.radio("song.mp3", "drums=2,bass", played=[hit.track_id for hit in so_far])``

        The wanted parts stay as they are asked for and the others drift from track to track:
        ``search.radio.next_hits`` has the rules. played, skipped : ids of tracks, the last one
        played last. Everything else is as in ``search``.
        """
        from partwise.library.search.options import SearchOptions
        from partwise.library.search.radio import next_hits

        wanted = SearchOptions(top=top, **options)
        asked = None if weights is None else PartWeights.parse(weights)
        built = self.query(query, at=at, per_part_of=per_part_of, model=model)
        return next_hits(self.searcher, built, built.weights(asked), wanted, played, skipped)

    def journey(
        self, start: str, end: str, count: int = 25, weights: Weights | None = None
    ) -> list[Step]:
        """Tracks that lead evenly from one to another: see ``search.journey.find_path``."""
        from partwise.library.search.journey import find_path

        return find_path(self.searcher, start, end, count, weights)

    def clusters(self, part: Part | str, count: int | None = None) -> list[Cluster]:
        """Its tracks by how alike a part sounds, largest cluster first.

        ``for cluster in library.clusters("bass"): print(cluster.size, cluster.name)``

        count : of clusters; by default the root of the number of tracks, at most 24. See
        ``search.clusters.find_clusters``.
        """
        from partwise.library.search.clusters import find_clusters

        return find_clusters(self.searcher, part, count)

    def optimise(self, min_rows: int | None = None) -> bool:
        """Build or refresh the vector indexes now; True if there was anything to do.

        ``index`` does this at its end. min_rows : size from which a table gets an index; None for
        the measured one. Raises PartwiseError while another process writes.
        """
        from partwise.library.tables.lock import WriterLock
        from partwise.library.tables.writer import write_snapshot

        with WriterLock(self.path):
            store = Store(self.path)
            done = [table.optimise(min_rows) for table in (store.tracks, store.segments)]
            write_snapshot(store)
        self._close()
        return any(done)
