"""What a song sounds and looks like: the recording itself, its cover, its wave, its parts in time.

Nothing here takes a path: songs are found by their id, and ``Server.song`` gives only files that
are the very ones that were indexed, or uploads.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, JSONResponse, Response

from partwise.library.media.covers import find_cover
from partwise.parts import PART_NAMES
from partwise.web.playable import media_type_of
from partwise.web.responses import NotHere, is_known
from partwise.web.schemas import content, error_answers
from partwise.web.server import OneServer, Server
from partwise.web.uploads import Song

router = APIRouter(prefix="/api/v1/tracks/{song_id}", tags=["media"])

_NO_SNIFFING = {"x-content-type-options": "nosniff"}
# The address holds a hash of the content, so what it gives never changes; but the file may go.
_KEEP_AN_HOUR = "private, max-age=3600"


_ERRORS = error_answers(404, 422)
_NOT_CHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Not changed."}}
_AUDIO = content("The whole recording.", "audio/*") | _NOT_CHANGED | error_answers(404, 416, 422)
_AUDIO[206] = content("The range asked for.", "audio/*")[200]
_COVER = content("An image.", "image/*") | _NOT_CHANGED | _ERRORS


def keeping(etag: str) -> dict[str, str]:
    """Headers of what a browser may keep for an hour, and play or draw as what it is."""
    return {**_NO_SNIFFING, "etag": etag, "cache-control": _KEEP_AN_HOUR}


# --- the recording


@router.head("/audio", include_in_schema=False)
@router.get("/audio", response_class=Response, responses=_AUDIO)
async def audio(song_id: str, request: Request, server: OneServer) -> Response:
    """The recording, whole or the range asked for; as FLAC where browsers do not play its kind."""
    song = await run_in_threadpool(server.song, song_id)
    media_type = await run_in_threadpool(media_type_of, song.path)
    path = song.path if media_type else await _copy(song, request, server)
    return await run_in_threadpool(_file_answer, song, path, media_type, request)


async def _copy(song: Song, request: Request, server: Server) -> Path:
    copy = await run_in_threadpool(server.copies.find, song.song_id, song.in_library)
    return copy or await server.work.result(
        f"copy {song.song_id}",
        lambda stop: server.copies.make(song.song_id, song.path, song.in_library, stop),
        request.is_disconnected,
    )


def _file_answer(song: Song, path: Path, media_type: str | None, request: Request) -> Response:
    """media_type : None for a copy in FLAC."""
    try:
        status = os.stat(path)
    except OSError:
        raise NotHere("its file is gone: index again") from None
    etag = f'"{song.song_id}{"" if media_type else "-flac"}"'
    headers = {
        **keeping(etag),
        "content-disposition": "inline",
        "accept-ranges": "bytes",
    }
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    if _is_beyond(request, etag, status.st_size):
        return JSONResponse(
            {"error": "the range asked for lies beyond the end of the recording."},
            416,
            {**_NO_SNIFFING, "content-range": f"bytes */{status.st_size}"},
        )
    media_type = media_type or "audio/flac"
    return FileResponse(path, headers=headers, media_type=media_type, stat_result=status)


def _is_beyond(request: Request, etag: str, size: int) -> bool:
    """Whether a single range lies beyond the end; If-Range may say that it is not meant then."""
    asked = request.headers.get("range", "")
    one = re.fullmatch(r"bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", asked, re.IGNORECASE | re.ASCII)
    if one is None or request.headers.get("if-range", etag) != etag:
        return False
    first, last = one.groups()
    return int(first) >= size if first else last.strip("0") == "" or size == 0


# --- the cover


@router.head("/cover", include_in_schema=False)
@router.get("/cover", response_class=Response, responses=_COVER)
def cover(song_id: str, request: Request, server: OneServer) -> Response:
    """The picture in the recording's tags, or one beside its file."""
    song = server.song(song_id)
    found = find_cover(song.path, beside=song.in_library)
    if found is None:
        raise NotHere("this song has no cover")
    etag = f'"{song_id}-{len(found.data)}"'
    headers = keeping(etag)
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    return Response(found.data, media_type=found.media_type, headers=headers)


# --- the wave


@router.get("/peaks", responses=_ERRORS)
async def peaks(
    song_id: str,
    request: Request,
    server: OneServer,
    points: Annotated[int, Query(ge=1, le=4000)] = 1000,
    start_s: Annotated[float | None, Query(ge=0, le=1e6)] = None,
    end_s: Annotated[float | None, Query(ge=0, le=1e6)] = None,
) -> Response:
    """The wave at so many points (fewer in a very short song), and what levels its loudness.

    With start_s or end_s the loudness (rms_dbfs, gain_db) is that of the passage; the wave is
    always the whole.
    """
    song = await run_in_threadpool(server.song, song_id)
    wave = await run_in_threadpool(server.waves.at_hand, song)
    if wave is None:
        wave = await server.work.result(
            f"wave {song_id}",
            lambda stop: server.waves.measured(song, stop),
            request.is_disconnected,
        )
    passage = wave.passage(start_s or 0.0, wave.duration_s if end_s is None else end_s)
    drawn = wave.points(points)
    return JSONResponse(
        {
            "points": len(drawn),
            "peaks": [round(float(peak), 4) for peak in drawn],
            "duration_s": song.duration_s,
            "rms_dbfs": round(passage.rms_dbfs, 2),
            "gain_db": round(passage.gain_db, 2),
        },
        headers={"cache-control": _KEEP_AN_HOUR},
    )


@router.get("/presence", responses=_ERRORS)
def presence(song_id: str, server: OneServer) -> dict[str, Any]:
    """How surely each part is heard, segment by segment."""
    heard = server.segments(song_id)
    return {
        "start_s": [float(value) for value in heard.start_s],
        "end_s": [float(value) for value in heard.end_s],
        "presence": {
            part: [round(float(value), 4) for value in column]
            for part, column in zip(PART_NAMES, heard.presence.T, strict=True)
        },
    }
