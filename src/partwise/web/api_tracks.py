"""``/api/v1``: what the library holds, its tracks, uploads, and its failures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from partwise import __version__
from partwise.library.tables.catalogue import Track
from partwise.parts import PARTS
from partwise.paths import path_to_text, shown
from partwise.web.asking import by_part
from partwise.web.jobs import failures_json
from partwise.web.schemas import TEXT, Failures, SongId, Status, Tracks, error_answers
from partwise.web.schemas import Track as TrackAnswer
from partwise.web.server import UPLOAD_PREFIX, Server, server_of
from partwise.web.shared import Shared, json_response, shared_of
from partwise.web.uploads import Upload

router = APIRouter(prefix="/api/v1", tags=["library"])


@router.get("/status", response_model=Status)
def status(
    request: Request,
    server: Server = Depends(server_of),
    shared: Shared = Depends(shared_of),
) -> Response:
    """What the library holds, and the indexing run of the moment or the last one."""
    held = shared.state.overview()
    job = shared.jobs.job
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


@router.get("/tracks", response_model=Tracks, responses=error_answers(422))
def tracks(
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
    shared: Shared = Depends(shared_of),
) -> Response:
    """Tracks of the library, best first where a text is given, by artist, album and title else."""
    total, found = shared.state.tracks(text, limit, offset)
    return json_response({"total": total, "tracks": tracks_json(shared, found)})


@router.get("/tracks/{song_id}", response_model=TrackAnswer, responses=error_answers(404, 422))
def track(song_id: SongId, shared: Shared = Depends(shared_of)) -> Response:
    """One track of the library, or an upload."""
    if song_id.startswith(UPLOAD_PREFIX):
        return json_response(upload_json(shared.uploads.get(song_id)))
    return json_response(tracks_json(shared, [shared.state.track(song_id)])[0])


@router.get("/failures", response_model=Failures)
def failures(shared: Shared = Depends(shared_of)) -> Response:
    """Files that could not be heard, and why; the first 1000 of them."""
    held = shared.state.overview()
    rows = [] if held is None else held.failed
    return json_response({"failures": failures_json(rows), "total": len(rows)})


def tracks_json(shared: Shared, found: Sequence[Track]) -> list[dict[str, Any]]:
    """See ``schemas.Track``."""
    sounds = shared.state.sounds([track.track_id for track in found])
    has_cover = shared.covers.of([(track.track_id, track.paths[0]) for track in found])
    answers = []
    for track in found:
        sound = sounds.get(track.track_id)
        answers.append(
            {
                "track_id": track.track_id,
                "title": track.title,
                "artist": track.tags.artist,
                "album": track.tags.album,
                "year": track.tags.year,
                "duration_s": track.duration_s,
                "paths": [path_to_text(path) for path in track.paths],
                "parts": () if sound is None else sound.parts,
                "presence": by_part((0.0,) * len(PARTS) if sound is None else sound.presence),
                "has_cover": track.track_id in has_cover,
            }
        )
    return answers


def upload_json(upload: Upload) -> dict[str, Any]:
    """See ``schemas.Track``."""
    song, embeddings = upload.song, upload.heard.embeddings
    return {
        "track_id": song.song_id,
        "title": song.title,
        "artist": song.artist,
        "album": song.album,
        "year": song.year,
        "duration_s": song.duration_s,
        "paths": [],
        "parts": embeddings.parts_present(),
        "presence": by_part(embeddings.track()[1]),
        "has_cover": upload.has_cover,
    }
