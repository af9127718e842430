"""A recording in a multipart body: to a file of the server's own, while somebody is listening."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect, Request

from partwise.web.errors import Refused
from partwise.web.limits import MAX_UPLOAD_BYTES
from partwise.web.uploads import Uploads

T = TypeVar("T")

# Bodies that may arrive at the same time.
MOST_ARRIVING = 8
_LOOK_S = 0.25

MULTIPART_BODY: dict[str, Any] = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {
                    "type": "string",
                    "format": "binary",
                    "description": "a recording, at most 200 MB and 30 minutes",
                }
            },
        }
    }
}


@dataclass(frozen=True)
class Received:
    """A file as it arrived. name : what the client calls it."""

    path: Path
    name: str


class Gate:
    """Lets so many bodies in at a time."""

    def __init__(self, most: int = MOST_ARRIVING) -> None:
        self._most = most
        self._inside = 0  # touched in the event loop's thread alone

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[None]:
        if self._inside >= self._most:
            raise Refused(429, "too many uploads at a time: try again in a minute")
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1


@asynccontextmanager
async def received(
    request: Request, uploads: Uploads, most_bytes: int = MAX_UPLOAD_BYTES
) -> AsyncIterator[Received]:
    """The part called ``file`` of the request's body, which is gone at the end unless moved.

    ``limits.BodyLimits`` counts the body as it comes. Raises Refused for anything else than one
    file that is not empty.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refused(415, "send the recording as multipart/form-data, in a field called file")
    path = uploads.new_path()
    try:
        async with request.form(max_files=1, max_fields=4) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Refused(422, "there is no field called file with a recording in it")
            await run_in_threadpool(_write, file, path, most_bytes)
            yield Received(path, file.filename or "")
    except ClientDisconnect:
        raise Refused(408, "the client has gone") from None
    finally:
        path.unlink(missing_ok=True)


def _write(file: UploadFile, path: Path, most_bytes: int) -> None:
    file.file.seek(0)
    with path.open("xb") as out:
        shutil.copyfileobj(file.file, out, 1 << 20)
        size = out.tell()
    if size == 0:
        raise Refused(422, "the file is empty")
    if size > most_bytes:
        raise Refused(413, f"too large: at most {most_bytes / 1e6:g} MB")


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
