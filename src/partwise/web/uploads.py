"""Recordings that were dropped on the page: kept for a while, in a folder of the server's own."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from partwise.audio.types import USUAL_SUFFIX
from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.library.media.covers import has_cover
from partwise.web.hearing import Heard
from partwise.web.server import UPLOAD_PREFIX, NotHere, Server, Song

MOST_KEPT = 50
MOST_BYTES = 2_000_000_000


@dataclass(frozen=True)
class Upload:
    """One recording as it was heard."""

    song: Song
    heard: Heard
    size: int
    has_cover: bool


class Uploads:
    """The recordings that are kept, the oldest given up first; all are gone when the server ends.

    most_kept, most_bytes : how many, and how much of the disk.
    """

    def __init__(
        self, server: Server, most_kept: int = MOST_KEPT, most_bytes: int = MOST_BYTES
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="partwise-uploads-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._most_kept = most_kept
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._guard = threading.Lock()
        server.find_upload = self._find

    def new_path(self) -> Path:
        """Where to write a recording that is arriving."""
        return self.folder / secrets.token_hex(16)

    def keep(self, path: Path, heard: Heard, name: str) -> Upload:
        """Keep a recording from now on. name : what the client calls its file, for show only."""
        song_id = f"{UPLOAD_PREFIX}{secrets.token_hex(16)}"
        kept = path.with_name(song_id + USUAL_SUFFIX.get(heard.kind, ""))
        path.rename(kept)
        tags = heard.tags
        title = tags.title or shown_name(name)
        seconds = heard.embeddings.seconds
        song = Song(song_id, kept, title, tags.artist, tags.album, tags.year, seconds, False)
        upload = Upload(song, heard, kept.stat().st_size, has_cover(kept, beside=False))
        with self._guard:
            self._kept[song_id] = upload
            while len(self._kept) > 1 and self._too_much():
                _, oldest = self._kept.popitem(last=False)
                oldest.song.path.unlink(missing_ok=True)
        return upload

    def get(self, song_id: str) -> Upload:
        """Raises NotHere."""
        with self._guard:
            found = self._kept.get(song_id)
        if found is None:
            raise NotHere("this upload is not kept any more: drop the file again")
        return found

    def remove(self, song_id: str) -> None:
        """Forget a recording. Raises NotHere."""
        with self._guard:
            found = self._kept.pop(song_id, None)
        if found is None:
            raise NotHere("this upload is not kept any more: drop the file again")
        with suppress(OSError):
            found.song.path.unlink()

    def check_model(self, song_id: str, digest: str) -> str:
        """The content hash of an upload: the id of the track with the same content, if any.

        Raises PartwiseError where another model heard it than the library's.
        """
        heard = self.get(song_id).heard
        if heard.digest != digest:
            raise PartwiseError(
                f"this recording was heard by the model {heard.digest}, and the library by"
                f" {digest}: they cannot be compared; drop it again, or index again"
            )
        return heard.content_hash

    def close(self) -> None:
        """Remove everything."""
        with self._guard:
            self._kept.clear()
        self._remove()

    def _find(self, song_id: str) -> tuple[Song, PartEmbeddings] | None:
        with self._guard:
            found = self._kept.get(song_id)
        return None if found is None else (found.song, found.heard.embeddings)

    def _too_much(self) -> bool:
        size = sum(upload.size for upload in self._kept.values())
        return len(self._kept) > self._most_kept or size > self._most_bytes


def shown_name(name: str) -> str:
    """A client's file name as a title: no folders, no ending, nothing that is not printable."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(sign if sign.isprintable() else " " for sign in last)
    stem = Path(printable.strip()).stem.strip(" .")
    return stem[:200] or "upload"
