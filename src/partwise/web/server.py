"""What all routes share: one library, served, and all that is kept beside it.

Whatever is kept belongs to the ``Server``: recordings that were dropped on the page, copies that
browsers play, waves, the map, the run of the moment. It is made once per state of the tables.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.overview import LibraryStatus, overview
from partwise.library.search.cache import Kept, Same
from partwise.library.search.clusters import Cluster
from partwise.library.search.listing import Listing
from partwise.library.search.matcher import words_of
from partwise.library.search.seeds import track_meant
from partwise.library.tables.catalogue import Track, existing
from partwise.library.tables.ledger import LedgerRow
from partwise.parts import Part
from partwise.paths import is_address, shown
from partwise.servers.address import parted
from partwise.web.auditions import Auditions
from partwise.web.background import KnownCovers, MapState, SharedWork
from partwise.web.collection import Collection, read_added_s
from partwise.web.folders import Folders
from partwise.web.hearing import Ears
from partwise.web.jobs import Jobs
from partwise.web.marks import FILE_NAME as MARKS
from partwise.web.marks import Marks
from partwise.web.pictures import Pictures
from partwise.web.playable import Copies, Waves
from partwise.web.responses import NotHere
from partwise.web.schema_types import SONG_ID
from partwise.web.start import FirstScreen
from partwise.web.transcode import Transcoder
from partwise.web.uploads import UPLOAD_PREFIX, Song, Uploads


class Server:
    """One library, served.

    model : ONNX file to hear uploads with; None for the shipped one.
    """

    def __init__(self, library: Library, model: Path | None = None) -> None:
        self.library = library
        self.uploads = Uploads()
        self.ears = Ears(library, model)
        self.jobs = Jobs(library, model)
        self.folders = Folders(library, self.jobs)
        self.streams = 0  # of events, open now; touched in the event loop's thread alone
        self.covers = KnownCovers()
        self.map = MapState(library)
        self.first_screen = FirstScreen(library)
        self.copies = Copies(library.path / "cache" / "audio")
        self.auditions = Auditions(library.path / "cache" / "audition", model)
        self.waves = Waves(library.path)
        self.work = SharedWork()
        self.marks = Marks(library.path / MARKS)
        self.pictures = Pictures()
        self.transcoder = Transcoder(library.path / "cache" / "streams")
        self._kept = Kept()
        self._collections = Kept(library.resident)

    def close(self) -> None:
        """End what runs and remove what is temporary."""
        self.folders.close()
        self.jobs.close()
        self.transcoder.close()
        self.auditions.close()
        self.marks.close()
        self.uploads.close()

    # --- songs: tracks and uploads

    def song(self, song_id: str) -> Song:
        """The song with this id. Raises NotHere when there is none, or its file has changed.

        Only files that the ledger knows as indexed are ever opened, and only while they are the
        very files that were indexed: same size, same time of change.
        """
        if song_id.startswith(UPLOAD_PREFIX):
            return self.uploads.get(song_id).song
        track = self.track(song_id)
        path = self._unchanged_file(song_id)
        return Song(song_id, path, track.title, track.tags, track.duration_s, in_library=True)

    def id_of(self, name: str) -> str:
        """The id of a song that is asked for by it, or by what means one track of the library.

        Raises NotHere, and PartwiseError where several can be meant, naming them. Names are looked
        up among those of the library, never on the disk.
        """
        if re.fullmatch(SONG_ID, name):
            return name
        found = track_meant(self.library.searcher, name)
        if found is None:
            raise NotHere(f"no track of the server's library has {shown(name)} in its names")
        return found.track_id

    def title(self, song_id: str) -> str:
        """A song's title, whether or not its file can be played. Raises NotHere."""
        upload = song_id.startswith(UPLOAD_PREFIX)
        return (self.song(song_id) if upload else self.track(song_id)).title

    def segments(self, song_id: str) -> PartEmbeddings:
        """What was heard in a song. Raises NotHere."""
        if song_id.startswith(UPLOAD_PREFIX):
            return self.uploads.get(song_id).heard.embeddings
        found = self.library.searcher.segments_of([song_id]).get(song_id)
        if found is None:
            raise NotHere("there is no such song in the library")
        return found

    def track(self, track_id: str) -> Track:
        """A track of the library. Raises NotHere."""
        found = self.library.catalogue.get(track_id) if self.library.exists else None
        if found is None:
            raise NotHere("there is no such song in the library")
        return found

    def file_of(self, track: Track) -> Path:
        """A file of the track that is there. Raises NotHere."""
        there = existing(track.paths)
        if not there:
            raise NotHere(f"{shown(track.paths[0])} is not there any more: index again")
        here = [path for path in there if not is_address(path)]
        if not here:
            raise _elsewhere(there[0])
        return Path(here[0])

    def _unchanged_file(self, track_id: str) -> Path:
        rows = self.library.store.rows_of_content(track_id)
        for row in rows:
            if is_address(row.path):
                continue
            try:
                status = os.stat(row.os_path)
            except OSError:
                continue
            if (status.st_size, status.st_mtime_ns) == (row.size, row.mtime_ns):
                return Path(row.os_path)
        if rows and all(is_address(row.path) for row in rows):
            raise _elsewhere(rows[0].path)
        raise NotHere("its file is gone or has changed since it was indexed: index again")

    # --- the library

    @property
    def collection(self) -> Collection:
        """The artists and albums of the catalogue; none while there is no library."""
        if not self.library.exists:
            return Collection({}, {})
        catalogue, store = self.library.catalogue, self.library.store
        return self._collections.get(
            "collection",
            lambda: (store.digest, Same(catalogue)),
            lambda _: Collection(catalogue, read_added_s(store)),
        )

    def check(self) -> None:
        """Raises PartwiseError, in words for the page, where there is nothing to search yet."""
        if not self.library.exists or not self.library.catalogue:
            raise PartwiseError("the library holds no tracks yet: index a folder first")

    def overview(self) -> LibraryStatus | None:
        """What it holds in numbers, and its failures; None while there is no library."""
        if not self.library.exists:
            return None
        store = self.library.store
        return self._kept.get(
            "overview",
            lambda: store.state("tracks", "segments", "ledger"),
            lambda _: overview(store),
        )

    def tracks(
        self,
        text: str,
        limit: int,
        offset: int,
        sort: str | None = None,
        descending: bool = False,
    ) -> tuple[int, list[Track]]:
        """How many tracks a text finds, and some of them: see ``listing.Listing.page``."""
        if not self.library.exists:
            return 0, []
        searcher = self.library.searcher
        matcher = searcher.matcher
        listing = self._collections.get(
            "listing",
            lambda: (searcher.store.digest, Same(matcher)),
            lambda _: Listing(matcher, searcher.heard),
        )
        return listing.page(text, sort, descending, limit, offset)

    def clusters(self, part: Part, count: int | None) -> list[Cluster]:
        """``Library.clusters``, made once for the library as it is; of each part for one count."""
        self.check()
        library, searcher = self.library, self.library.searcher
        index, catalogue = searcher.index("tracks"), searcher.catalogue
        return self._kept.get(
            f"clusters {part}",
            lambda: (library.store.digest, Same(index), Same(catalogue), count),
            lambda _: library.clusters(part, count),
        )

    def failures(self, text: str, limit: int, offset: int) -> tuple[int, list[LedgerRow]]:
        """How many failures have the words of a text in path or reason, and some of them."""
        held = self.overview()
        rows = [] if held is None else held.failed
        words = words_of(text)
        if words:
            rows = [row for row in rows if _tells(row, words)]
        return len(rows), rows[offset : offset + limit]


def _tells(row: LedgerRow, words: list[str]) -> bool:
    said = " ".join(words_of(f"{row.shown_path} {row.reason or ''}"))
    return all(word in said for word in words)


def _elsewhere(address: str) -> NotHere:
    root, _ = parted(address)
    return NotHere(f"this song lies on {root}, and only what was heard in it here: play it there")


def server_of(request: Request) -> Server:
    """The server that an application was made for."""
    return request.app.state.server


OneServer = Annotated[Server, Depends(server_of)]
