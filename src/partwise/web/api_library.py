"""``/api/v1``: what the library holds, playlists of it, indexing runs, and the map."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import compress
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from partwise import __version__
from partwise.library.media.playlists import Entry, common_folder, m3u8_bytes, xspf_bytes
from partwise.library.stores.rows import presence_of, vectors_of
from partwise.library.tables.catalogue import Track
from partwise.parts import PARTS, Part, by_part
from partwise.paths import shown
from partwise.web.api_search import ask
from partwise.web.jobs import MOST_FAILURES, failures_json
from partwise.web.responses import Refused, events_of, is_known, json_response
from partwise.web.schema_types import TEXT, SongId, Sort
from partwise.web.schemas import (
    JSON_ERRORS,
    Failures,
    IndexAsked,
    Job,
    JobSeen,
    PlaylistAsked,
    Status,
    Tracks,
    content,
    error_answers,
)
from partwise.web.schemas import Track as TrackAnswer
from partwise.web.server import OneServer, Server
from partwise.web.uploads import UPLOAD_PREFIX, Upload

router = APIRouter(prefix="/api/v1")

# Open streams of events at a time.
MOST_STREAMS = 64
VERSION_HEADER = "x-partwise-map-version"
_LONGEST_NAME = 120  # of a file, so that every system takes it
_PLAYLISTS = {"m3u8": "application/vnd.apple.mpegurl", "xspf": "application/xspf+xml"}
_NO_MAP: dict[int | str, dict[str, Any]] = error_answers(202, 404, 422)
_NO_MAP[404]["description"] = "The library has no map, and none can be made."


# --- tracks


@router.get("/status", tags=["library"], response_model=Status)
def status(request: Request, server: OneServer) -> Response:
    """What the library holds, and the indexing run of the moment or the last one."""
    held = server.overview()
    job = server.jobs.job
    answer: dict[str, Any] = {
        "version": __version__,
        "name": shown(server.library.path.name),
        "model": None if held is None else held.model.digest,
        "tracks": 0 if held is None else held.tracks,
        "segments": 0 if held is None else held.segments,
        "audio_s": 0.0 if held is None else held.audio_s,
        "files_indexed": 0 if held is None else held.indexed,
        "failed": 0 if held is None else len(held.failed),
        "missing": 0 if held is None else len(held.missing),
        "parts": PARTS,
        "job": None if job is None else job.as_json(),
        "can_index": request.app.state.settings.can_index,
    }
    return json_response(answer)


@router.get("/tracks", tags=["library"], response_model=Tracks, responses=error_answers(422))
def tracks(
    server: OneServer,
    text: Annotated[
        str,
        Query(
            max_length=300,
            pattern=TEXT,
            description="words of title, artist, album or file name, whole or begun, in any order",
        ),
    ] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
    sort: Annotated[Sort | None, Query(description="by a name, a number, or a part")] = None,
    descending: bool = False,
) -> Response:
    """Tracks of the library; without ``sort`` best first where a text is given, else by artist,
    album and title."""
    total, found = server.tracks(text, limit, offset, sort, descending)
    return json_response({"total": total, "tracks": tracks_json(server, found)})


@router.get(
    "/tracks/{song_id}",
    tags=["library"],
    response_model=TrackAnswer,
    responses=error_answers(404, 422),
)
def track(song_id: SongId, server: OneServer) -> Response:
    """One track of the library, or an upload."""
    if song_id.startswith(UPLOAD_PREFIX):
        return json_response(upload_json(server.uploads.get(song_id)))
    return json_response(tracks_json(server, [server.track(song_id)])[0])


@router.get("/failures", tags=["library"], response_model=Failures, responses=error_answers(422))
def failures(
    server: OneServer,
    text: Annotated[
        str, Query(max_length=300, pattern=TEXT, description="words of path and reason")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=MOST_FAILURES)] = MOST_FAILURES,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """Files that could not be heard, and why."""
    total, rows = server.failures(text, limit, offset)
    return json_response({"failures": failures_json(rows), "total": total})


def tracks_json(server: Server, found: Sequence[Track]) -> list[dict[str, Any]]:
    """See ``schemas.Track``."""
    sounds = _sounds(server, [track.track_id for track in found])
    has_cover = server.covers.of([(track.track_id, track.paths[0]) for track in found])
    silent = {"parts": (), "presence": by_part((0.0,) * len(PARTS))}
    return [
        track.to_json()
        | sounds.get(track.track_id, silent)
        | {"has_cover": track.track_id in has_cover}
        for track in found
    ]


def upload_json(upload: Upload) -> dict[str, Any]:
    """See ``schemas.Track``."""
    song, heard = upload.song, upload.heard.embeddings
    track = Track(song.song_id, (), replace(song.tags, title=song.title), song.duration_s)
    return track.to_json() | {
        "parts": heard.parts_present(),
        "presence": by_part(heard.track()[1]),
        "has_cover": upload.has_cover,
    }


def _sounds(server: Server, track_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The parts of some tracks as wholes, and how surely each is heard."""
    if not track_ids:
        return {}
    rows = server.library.store.tracks.fetch(track_ids)
    present = np.any(vectors_of(rows), axis=-1)  # [rows, parts]
    return {
        track_id: {"parts": list(compress(PARTS, heard)), "presence": by_part(presence)}
        for track_id, heard, presence in zip(
            rows.column("track_id").to_pylist(), present, presence_of(rows), strict=True
        )
    }


# --- playlists


@router.post(
    "/playlists",
    tags=["playlists"],
    response_class=Response,
    responses=content("The playlist.", *_PLAYLISTS.values()) | error_answers(404, *JSON_ERRORS),
)
def playlist(asked: PlaylistAsked, request: Request, server: OneServer) -> Response:
    """A playlist of library tracks as a file, named after the question that they answer.

    Its paths are absolute, or lead from the folder that holds all music of the library: saved there
    it plays wherever that folder is.
    """
    entries = []
    for track_id in asked.track_ids:
        track = server.track(track_id)
        names = track.tags.title, track.tags.artist, track.tags.album
        entries.append(Entry(server.file_of(track), *names, track.duration_s))
    title = asked.title or "partwise"
    if asked.title is None and asked.question is not None:
        question = ask(server, asked.question)
        title = question.query.title(question.weights)
    # Without a token the page is on this machine (``security``), wherever it saves the file.
    here = request.app.state.settings.token is None
    folder = None
    if asked.paths == "relative" or (asked.paths is None and not here):
        files = (path for track in server.library.catalogue.values() for path in track.paths)
        folder = common_folder(files)
    out = None if folder is None else os.path.join(folder, f"playlist.{asked.format}")
    write = m3u8_bytes if asked.format == "m3u8" else xspf_bytes
    name = title.strip().replace("/", "-").replace("\\", "-").strip(".")[:_LONGEST_NAME]
    name = name.strip() or "partwise"
    plain = "".join(sign if sign.isascii() and sign not in '";%' else "_" for sign in name)
    disposition = (
        f'attachment; filename="{plain}.{asked.format}"; '
        f"filename*=UTF-8''{quote(name, safe='')}.{asked.format}"
    )
    return Response(
        write(entries, out, title),
        media_type=_PLAYLISTS[asked.format],
        headers={"Content-Disposition": disposition},
    )


# --- indexing


@router.post(
    "/index",
    tags=["index"],
    status_code=202,
    response_model=Job,
    responses=error_answers(403, 409, *JSON_ERRORS),
)
def start(asked: IndexAsked, request: Request, server: OneServer) -> Response:
    """Hear folders on the server's machine; what was heard before is not heard again.

    A run that was stopped goes on from there when it is started again.
    """
    settings = request.app.state.settings
    if not settings.can_index:
        raise Refused(403, "this server does not index: start it with --music FOLDER")
    options = asked.model_dump(exclude={"folders"})
    job = server.jobs.start(asked.folders, music=settings.music, **options)
    return json_response(job.as_json(), 202)


@router.get("/index", tags=["index"], response_model=JobSeen)
def seen(server: OneServer) -> Response:
    """The run of the moment, or the last one."""
    job = server.jobs.job
    return json_response({"job": None if job is None else job.as_json()})


@router.delete("/index", tags=["index"], response_model=Job, responses=error_answers(409))
def stop(server: OneServer) -> Response:
    """Ask the run to end; what is done is kept."""
    return json_response(server.jobs.stop().as_json())


@router.get(
    "/index/events",
    tags=["index"],
    response_class=Response,
    responses=content(
        "Events called job, on every change; their data is the Job as JSON.",
        "text/event-stream",
        binary=False,
    )
    | error_answers(503),
)
async def events(request: Request, server: OneServer) -> Response:
    """How the run goes, as server-sent events; the stream stays open between runs."""
    if server.streams >= MOST_STREAMS:
        raise Refused(503, "too many are following the index already: ask again a little later")

    def read() -> tuple[Any, dict[str, Any]] | None:
        job = server.jobs.job
        return None if job is None else ((job.job_id, job.number), job.as_json())

    async def counted() -> AsyncIterator[str]:
        server.streams += 1
        try:
            async for text in events_of("job", read, lambda: request.app.state.closing):
                yield text
        finally:
            server.streams -= 1

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(counted(), headers=headers, media_type="text/event-stream")


# --- the map


@router.get("/map/tracks", tags=["map"], responses=_NO_MAP, response_class=Response)
def map_tracks(server: OneServer) -> Response:
    """What the points of the map are: {version, track_ids, titles, artists, groups}."""
    listed = server.map.listed()
    return Response(listed, media_type="application/json", headers={"cache-control": "no-cache"})


@router.get(
    "/map/{part}",
    tags=["map"],
    response_class=Response,
    responses=content(
        "Little-endian float32 [n, 2]: x and y in -1..1, NaN where absent.",
        "application/octet-stream",
        binary=False,
    )
    | _NO_MAP,
)
def map_part(part: Part, server: OneServer, request: Request) -> Response:
    """Where the tracks lie in the plane of one part, in the order of /api/v1/map/tracks.

    The header x-partwise-map-version says of which version of the map the points are.
    """
    atlas = server.map.atlas()
    etag = f'"{atlas.version}-{part}"'
    headers = {"etag": etag, "cache-control": "no-cache", VERSION_HEADER: atlas.version}
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    points = np.ascontiguousarray(atlas.xy[:, part.index], dtype="<f4")
    return Response(points.tobytes(), media_type="application/octet-stream", headers=headers)
