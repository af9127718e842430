"""Recordings that strangers send: received into a folder of the server's own, and kept a while."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
import threading
import weakref
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request

from partwise.audio.tags import Tags
from partwise.audio.types import USUAL_SUFFIX
from partwise.errors import PartwiseError
from partwise.library.media.covers import has_cover
from partwise.web.hearing import Heard
from partwise.web.responses import NotHere, Refused
from partwise.web.security import MAX_UPLOAD_BYTES

UPLOAD_PREFIX = "upload-"
MOST_KEPT = 50
MOST_BYTES = 2_000_000_000
# Bodies that may arrive at the same time.
MOST_ARRIVING = 8
# How often it looks whether the client is still there.
_LOOK_S = 0.25

T = TypeVar("T")


@dataclass(frozen=True)
class Song:
    """Anything that can be asked about or heard: a track of the library, or an upload.

    song_id : a track's content hash, or ``upload-<hex>``. path : the file as it is now.
    title : from the tags, else the file's name without its ending.
    """

    song_id: str
    path: Path
    title: str
    tags: Tags
    duration_s: float
    in_library: bool


@dataclass(frozen=True)
class Upload:
    """One recording as it was heard."""

    song: Song
    heard: Heard
    size: int
    has_cover: bool


class Uploads:
    """The recordings that are kept, the oldest given up first; all are gone when the server ends.

    most_kept, most_bytes : how many, and how much of the disk. most_arriving : bodies at a time.
    """

    def __init__(
        self,
        most_kept: int = MOST_KEPT,
        most_bytes: int = MOST_BYTES,
        most_arriving: int = MOST_ARRIVING,
    ) -> None:
        self.places = asyncio.Semaphore(most_arriving)
        self.folder = Path(tempfile.mkdtemp(prefix="partwise-uploads-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self._most_kept = most_kept
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Upload] = OrderedDict()
        self._guard = threading.Lock()

    def new_path(self) -> Path:
        """Where to write a recording that is arriving."""
        return self.folder / secrets.token_hex(16)

    def keep(self, path: Path, heard: Heard, name: str) -> Upload:
        """Keep a recording from now on. name : what the client calls its file, for show only."""
        song_id = f"{UPLOAD_PREFIX}{secrets.token_hex(16)}"
        # What the client called it is never part of a path.
        kept = path.with_name(song_id + USUAL_SUFFIX.get(heard.kind, ""))
        path.rename(kept)
        title = heard.tags.title or shown_name(name)
        seconds = heard.embeddings.seconds
        song = Song(song_id, kept, title, heard.tags, seconds, in_library=False)
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
            return _there(self._kept.get(song_id))

    def remove(self, song_id: str) -> None:
        """Forget a recording. Raises NotHere."""
        with self._guard:
            found = _there(self._kept.pop(song_id, None))
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

    def _too_much(self) -> bool:
        size = sum(upload.size for upload in self._kept.values())
        return len(self._kept) > self._most_kept or size > self._most_bytes


def _there(upload: Upload | None) -> Upload:
    if upload is None:
        raise NotHere("this upload is not kept any more: drop the file again")
    return upload


def shown_name(name: str) -> str:
    """A client's file name as a title: no folders, no ending, nothing that is not printable."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    printable = "".join(sign if sign.isprintable() else " " for sign in last)
    stem = Path(printable.strip()).stem.strip(" .")
    return stem[:200] or "upload"


@dataclass(frozen=True)
class Received:
    """A file as it arrived. name : what the client calls it."""

    path: Path
    name: str


@asynccontextmanager
async def received(request: Request, uploads: Uploads) -> AsyncIterator[Received]:
    """The part called ``file`` of the request's body, which is gone at the end unless moved.

    ``security.BodyLimits`` counts the body as it comes. Raises Refused for anything else than one
    file that is not empty, and when too many are arriving: nobody waits for a place.
    """
    if uploads.places.locked():
        raise Refused(429, "too many uploads at a time: try again in a minute")
    async with uploads.places:
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise Refused(415, "send the recording as multipart/form-data, in a field called file")
        path = uploads.new_path()
        try:
            async with request.form(max_files=1, max_fields=4) as form:
                file = form.get("file")
                if not isinstance(file, UploadFile):
                    raise Refused(422, "there is no field called file with a recording in it")
                await run_in_threadpool(_write, file, path)
                yield Received(path, file.filename or "")
        except ClientDisconnect:
            raise Refused(408, "the client has gone") from None
        finally:
            path.unlink(missing_ok=True)


def _write(file: UploadFile, path: Path) -> None:
    file.file.seek(0)
    with path.open("xb") as out:
        shutil.copyfileobj(file.file, out, 1 << 20)
        size = out.tell()
    if size == 0:
        raise Refused(422, "the file is empty")
    if size > MAX_UPLOAD_BYTES:
        raise Refused(413, f"too large: at most {MAX_UPLOAD_BYTES / 1e6:g} MB")


async def while_there(request: Request, work: Callable[[threading.Event], T]) -> T:
    """What ``work`` returns, in a thread; its event is set when the client has gone."""
    gone = threading.Event()
    running = asyncio.ensure_future(run_in_threadpool(work, gone))
    try:
        while not running.done():
            await asyncio.wait({running}, timeout=_LOOK_S)
            if not running.done() and await request.is_disconnected():
                gone.set()
        return await running
    finally:
        gone.set()
