"""Ranking: which tracks of a library have parts that sound like those of a query.

A whole song is compared with whole tracks, less what is typical of the library (``typical``); a
passage (``at``) with passages: a track then counts by its best segment. The score is
``sum_p w_p <q_p, x_p> / sum_p w_p``. Tracks in which a wanted part cannot be heard come after all
tracks that have every wanted part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.search.cache import Kept, Same
from partwise.library.search.conditions import Conditions, album_key
from partwise.library.search.duplicates import Duplicates
from partwise.library.search.folding import Folding
from partwise.library.search.heard import Heard
from partwise.library.search.hits import Hit, Scored, files_of
from partwise.library.search.less import away_from
from partwise.library.search.matcher import Matcher, name_key
from partwise.library.search.moments import Moment, best_moments
from partwise.library.search.options import SearchOptions
from partwise.library.search.query import Query
from partwise.library.search.server_ids import ServerIds
from partwise.library.search.typical import SAMPLE, beyond, typical
from partwise.library.search.usual import PASSAGE_TRACKS, Usual, usual_passages, usual_tracks
from partwise.library.stores.exact_index import ExactIndex
from partwise.library.stores.protocol import Searchable
from partwise.library.stores.rows import columns, unpack, vectors_of
from partwise.library.tables.catalogue import Existing, Track, existing, read_catalogue
from partwise.library.tables.reader import modified
from partwise.library.tables.server_songs import FILE_NAME as SERVERS
from partwise.library.tables.server_songs import read_listings
from partwise.parts import PARTS, PartWeights

if TYPE_CHECKING:
    from partwise.library.tables.reader import Store


# Up to here a server holds vectors in memory (384 MB at 5 x 64 floats): exact, and faster than
# LanceDB's index. A command, which would have to load them for one answer, stops earlier.
RESIDENT_MAX_ROWS = 300_000


class Searcher:
    """Answers over one store; keeps in memory what it read until the tables change.

    exact_max_rows : number of rows up to which vectors are held in memory; None for the measured
    one (``exact_index.open_index``).
    resident : for a server. More is held in memory, and what has changed on disk is read beside
    the answers: a track that was just indexed comes up some seconds later.
    """

    def __init__(
        self, store: Store, exact_max_rows: int | None = None, resident: bool = False
    ) -> None:
        self.store = store
        self._kept = Kept(resident)
        self._max_rows = RESIDENT_MAX_ROWS if resident else exact_max_rows
        self._existing = Existing() if resident else existing

    # --- what is kept

    @property
    def catalogue(self) -> dict[str, Track]:
        """The tracks that have a file, by id."""
        return self._kept.get(
            "catalogue",
            lambda: self.store.state("tracks", "ledger"),
            lambda _: read_catalogue(self.store),
        )

    @property
    def matcher(self) -> Matcher:
        """Finds tracks of the catalogue by text."""
        catalogue = self.catalogue
        return self._kept.get(
            "matcher",
            lambda: (self.store.digest, Same(catalogue)),
            lambda _: Matcher(catalogue),
        )

    @property
    def conditions(self) -> Conditions:
        """Chooses among the tracks of the catalogue."""
        catalogue = self.catalogue
        return self._kept.get(
            "conditions",
            lambda: (self.store.digest, Same(catalogue)),
            lambda _: Conditions(catalogue, self.heard),
        )

    def heard(self, track_ids: Sequence[str]) -> Heard:
        """What is heard in these tracks, in this order; read when it is asked for."""
        return Heard(track_ids, self.store, self.index)

    @property
    def server_ids(self) -> ServerIds:
        """What tracks are called on the servers that they were heard from."""
        catalogue, folder = self.catalogue, self.store.folder
        return self._kept.get(
            "server ids",
            lambda: (self.store.digest, Same(catalogue), modified(folder / SERVERS)),
            lambda _: ServerIds(catalogue, read_listings(folder)),
        )

    def index(self, table_name: str) -> Searchable:
        """The vector index of ``"tracks"`` or ``"segments"``."""
        return self._kept.get(
            table_name,
            lambda: self.store.state(table_name),
            lambda former: self.store.index(table_name, self._max_rows, former),
        )

    def index_for(self, query: Query) -> Searchable:
        """The index that answers: whole songs are compared with tracks, passages with segments."""
        return self.index("segments" if query.passage else "tracks")

    def vector_for(self, query: Query) -> np.ndarray:
        """float32 [parts=5, dim]: what its rows are compared with."""
        common = None if query.passage else self.typical
        asked = query.vector if common is None else beyond(query.vector, common)
        return away_from(asked, query.vector, query.less_vector, common) if query.less else asked

    @property
    def typical(self) -> np.ndarray:
        """float32 [parts=5, dim]: see ``typical.typical``; the same whatever the store is."""
        index, catalogue = self.index("tracks"), self.catalogue
        return self._kept.get(
            "typical",
            lambda: (self.store.digest, Same(index), Same(catalogue)),
            lambda _: typical(self._sample(index, catalogue)),
        )

    def _sample(self, index: Searchable, catalogue: Mapping[str, Track]) -> np.ndarray:
        """float32 [n, parts=5, dim] of some tracks."""
        ids = sorted(catalogue)[:SAMPLE]  # they are hashes: the first are drawn at random
        if isinstance(index, ExactIndex):
            return index.vectors[index.rows_of(ids)]
        return vectors_of(self.store.tracks.fetch(ids, ["vector"]))

    def usual(self, passages: bool = False) -> Usual:
        """What random pairs of the library's tracks are like, to compare scores with.

        passages : of a passage and a track, instead of two tracks.
        """
        index, catalogue = self.index("tracks"), self.catalogue

        def make(_: object) -> Usual:
            if passages:
                return usual_passages(self.segments_of(sorted(catalogue)[:PASSAGE_TRACKS]))
            return usual_tracks(self._sample(index, catalogue), self.typical)

        return self._kept.get(
            "usual passages" if passages else "usual",
            lambda: (self.store.digest, Same(index), Same(catalogue)),
            make,
        )

    def segments_of(self, track_ids: Iterable[str]) -> dict[str, PartEmbeddings]:
        """Segments of some tracks, in order of time: from memory where they are held there."""
        index = self.index("segments") if self._kept.resident else None
        if not isinstance(index, ExactIndex):
            return self.store.segments_of(track_ids)
        threshold = np.asarray(self.store.active.presence_threshold, np.float32)
        catalogue = self.catalogue
        found: dict[str, PartEmbeddings] = {}
        for track_id in track_ids:
            track, rows = catalogue.get(track_id), index.rows_of_track(track_id)
            if track is not None and len(rows):
                found[track_id] = PartEmbeddings(
                    embeddings=index.vectors[rows],
                    presence=index.presence[rows],
                    start_s=index.start_s[rows],
                    end_s=index.end_s[rows],
                    seconds=track.duration_s,
                    presence_threshold=threshold,
                )
        return found

    def vectors_of(self, track_ids: Collection[str]) -> dict[str, np.ndarray]:
        """The vectors [parts=5, dim] of whole tracks; those that are not there are left out."""
        index = self.index("tracks")
        if isinstance(index, ExactIndex):
            rows = np.flatnonzero(index.rows_of(track_ids))
            return dict(zip(index.track_ids_at(rows), index.vectors[rows], strict=True))
        ids, vectors, _, _ = unpack(
            self.store.tracks.fetch(list(track_ids), columns(timed=False)), timed=False
        )
        return dict(zip(ids, vectors, strict=True))

    # --- answers

    def search(
        self,
        query: Query,
        weights: PartWeights,
        options: SearchOptions = SearchOptions(),
        index: Searchable | None = None,
    ) -> list[Hit]:
        """Rank tracks by how alike the wanted parts sound, best first.

        weights : of parts that the query has (``Query.weights``).
        index : what is searched; None for ``index_for``.

        The songs of the query are never among the hits, nor those to be less like, nor tracks
        whose files are all gone. Raises PartwiseError for a condition that makes no sense.
        """
        top = options.top
        catalogue = self.catalogue
        chosen = self.conditions.chosen(options)
        # A track has many segments among the best; of whole tracks, few are passed over.
        first = 4 * top if query.passage else top + top // 2
        ranking = self._ranking(query, weights, first=first + 16, allowed=chosen, index=index)
        # A track goes here when it is asked about, has been answered, or is folded into an answer.
        songs = (*query.seeds, *query.less_seeds)
        done = {seed.track_id for seed in songs}
        folding = None if options.include_duplicates else self._folding()
        if folding:
            for seed in songs:
                done.update(folding.of_seed(seed))
        most_per_artist = options.max_per_artist
        per_artist: Counter[str] = Counter()
        per_album: Counter[tuple[str, str]] = Counter()
        hits: list[Hit] = []
        for track_id, scored in ranking:
            track = catalogue.get(track_id)
            if track is None or track_id in done:
                continue
            artists = set(map(name_key, track.tags.artists)) if most_per_artist else ()
            if most_per_artist and any(per_artist[one] >= most_per_artist for one in artists):
                continue
            album = album_key(track) if options.max_per_album else None
            if album and per_album[album] >= (options.max_per_album or 0):
                continue
            files = files_of(track, None if chosen is None else chosen[track_id], self._existing)
            if not files:
                continue
            done.add(track_id)
            per_artist.update(artists)
            if album:
                per_album[album] += 1
            folded: list[Path] = []
            if folding:
                for other in folding.of_track(track_id, track.duration_s):
                    if other in done or other not in catalogue:
                        continue
                    if chosen is None or other in chosen:
                        folded += [
                            Path(path) for path in self._existing(catalogue[other].paths)[:1]
                        ]
                    done.add(other)
            hits.append(
                Hit(
                    rank=len(hits) + 1,
                    track_id=track_id,
                    path=files[0],
                    score=scored.score,
                    similarities=scored.similarities,
                    presence=scored.presence,
                    parts=scored.parts,
                    moments=(),
                    tags=track.tags,
                    duration_s=track.duration_s,
                    paths=files,
                    alike=tuple(folded),
                )
            )
            if len(hits) == top:
                break
        moments = len(hits) if options.moments is None else options.moments
        return self._with_moments(query, weights, hits, moments)

    def moments(
        self, query: Query, weights: PartWeights, track_id: str, count: int = 3
    ) -> tuple[Moment, ...]:
        """Where one track sounds most like the query; none when it is not in the library."""
        segments = self.segments_of([track_id]).get(track_id)
        return () if segments is None else best_moments(query, weights, segments, count)

    def _ranking(
        self,
        query: Query,
        weights: PartWeights,
        first: int,
        allowed: Mapping[str, Any] | None,
        index: Searchable | None,
    ) -> Iterator[tuple[str, Scored]]:
        """Every track once, best first: those with all wanted parts, then the others."""
        index = index or self.index_for(query)
        asked = self.vector_for(query)
        shares = weights.as_array() / weights.as_array().sum()
        seen: set[str] = set()
        for complete in (True, False):
            k = first
            while True:
                found = index.search(
                    asked, weights.as_array(), k, complete=complete, allowed=allowed
                )
                # Similarities are 0 where the part is absent on either side.
                similarities = np.einsum("pd,npd->np", asked, found.vectors).clip(-1.0, 1.0)
                scores = similarities @ shares
                present = np.asarray(found.vectors.any(axis=-1))
                for at, track_id in enumerate(found.track_ids):
                    if track_id not in seen:
                        seen.add(track_id)
                        yield (
                            track_id,
                            Scored(
                                float(scores[at]),
                                tuple(similarities[at].tolist()),
                                tuple(found.presence[at].tolist()),
                                tuple(compress(PARTS, present[at].tolist())),
                            ),
                        )
                if found.exhausted:
                    break
                k *= 4

    def _folding(self) -> Folding:
        index = self.index("tracks")
        duplicates = self._duplicates(index) if isinstance(index, ExactIndex) else None
        return Folding(
            index, lambda: self.store.tracks, duplicates, self.segments_of, self._durations_s
        )

    def _duplicates(self, index: ExactIndex) -> Duplicates:
        catalogue = self.catalogue

        def make(_: object) -> Duplicates:
            ids = index.track_ids_at(np.arange(index.rows))
            return Duplicates(ids, index.vectors, self._durations_s(ids), index.presence)

        # Both are replaced as a whole when they change: which ones they are is their version.
        return self._kept.get(
            "duplicates",
            lambda: (self.store.digest, Same(index), Same(catalogue)),
            make,
        )

    def _durations_s(self, track_ids: Sequence[str]) -> np.ndarray:
        """float64 [n]; infinite for a track without a file, which is like no other then."""
        catalogue = self.catalogue  # asks the tables for their versions: once, not for every track
        known = [catalogue.get(track_id) for track_id in track_ids]
        return np.array([np.inf if track is None else track.duration_s for track in known])

    def _with_moments(
        self, query: Query, weights: PartWeights, hits: list[Hit], count: int
    ) -> list[Hit]:
        segments = self.segments_of([hit.track_id for hit in hits[:count]]) if count else {}
        return [
            replace(hit, moments=best_moments(query, weights, segments[hit.track_id]))
            if hit.track_id in segments
            else hit
            for hit in hits
        ]
