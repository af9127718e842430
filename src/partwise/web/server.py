"""What all routes share: the library, the songs that were dropped on the page, and the model."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import Request

from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.stores.faults import Unavailable
from partwise.paths import shown

if TYPE_CHECKING:
    from partwise.embedding.embeddings import PartEmbeddings

UPLOAD_PREFIX = "upload-"


class NotHere(PartwiseError):
    """A song that is asked for and cannot be heard here (HTTP 404)."""


@dataclass(frozen=True)
class Song:
    """Anything that can be asked about or heard: a track of the library, or an upload.

    song_id : a track's content hash, or ``upload-<hex>``. path : the file as it is now.
    title : from the tags, else the file's name without its ending.
    """

    song_id: str
    path: Path
    title: str
    artist: str | None
    album: str | None
    year: int | None
    duration_s: float
    in_library: bool


class Server:
    """One library, served.

    model : ONNX file to hear uploads with; None for the shipped one.
    find_upload : set by ``uploads``: from an id to the song and its embeddings, or None.
    """

    def __init__(self, library: Library, model: Path | None = None) -> None:
        self.library = library
        self.model = model
        self.find_upload: Callable[[str], tuple[Song, PartEmbeddings] | None] = lambda _: None

    def warm(self) -> None:
        """Read into memory what the first search would have to wait for, if there is a library.

        Raises Unavailable for a library that is damaged.
        """
        try:
            searcher = self.library.searcher
            for name in ("tracks", "segments"):
                searcher.index(name)
            _ = searcher.matcher
        except Unavailable:
            raise
        except PartwiseError:  # none yet: the page makes one
            return
        # What was just read stays: without this, every full collection walks through all of it.
        gc.collect()
        gc.freeze()

    def song(self, song_id: str) -> Song:
        """The song with this id. Raises NotHere when there is none, or its file has changed.

        Only files that the ledger knows as indexed are ever opened, and only while they are the
        very files that were indexed: same size, same time of change.
        """
        if song_id.startswith(UPLOAD_PREFIX):
            return self._upload(song_id)[0]
        track = self.library.catalogue.get(song_id)
        if track is None:
            raise NotHere("there is no such song in the library")
        path = self._unchanged_file(song_id)
        tags = track.tags
        title = tags.title or shown(path.stem)
        return Song(
            song_id, path, title, tags.artist, tags.album, tags.year, track.duration_s, True
        )

    def segments(self, song_id: str) -> PartEmbeddings:
        """What was heard in a song. Raises NotHere."""
        if song_id.startswith(UPLOAD_PREFIX):
            return self._upload(song_id)[1]
        found = self.library.searcher.segments_of([song_id]).get(song_id)
        if found is None:
            raise NotHere("there is no such song in the library")
        return found

    def _upload(self, song_id: str) -> tuple[Song, PartEmbeddings]:
        found = self.find_upload(song_id)
        if found is None:
            raise NotHere("this upload is not kept any more: drop the file again")
        return found

    def _unchanged_file(self, track_id: str) -> Path:
        for row in self.library.store.rows_of_content(track_id):
            try:
                status = os.stat(row.os_path)
            except OSError:
                continue
            if (status.st_size, status.st_mtime_ns) == (row.size, row.mtime_ns):
                return Path(row.os_path)
        raise NotHere("its file is gone or has changed since it was indexed: index again")


def server_of(request: Request) -> Server:
    """For ``Depends``: the server that an application was made for."""
    return request.app.state.server
