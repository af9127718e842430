"""``/api/v1``: recordings that are dropped on the page, and embeddings of any song."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from partwise.embedding.embeddings import PartEmbeddings
from partwise.parts import PART_NAMES, by_part
from partwise.web.api_library import upload_json
from partwise.web.responses import Refused, json_response
from partwise.web.schemas import (
    MULTIPART_BODY,
    EmbedAsked,
    Embedded,
    SongId,
    Track,
    error_answers,
)
from partwise.web.server import OneServer
from partwise.web.uploads import UPLOAD_PREFIX, received, while_there

router = APIRouter(prefix="/api/v1", tags=["uploads"])

_ERRORS = error_answers(400, 404, 408, 413, 415, 422, 429, 503)


@router.post(
    "/uploads",
    status_code=201,
    response_model=Track,
    responses=_ERRORS,
    openapi_extra={"requestBody": {"required": True, "content": MULTIPART_BODY}},
)
async def upload(request: Request, server: OneServer) -> Response:
    """Hear a recording and keep it for a while, to ask with.

    At most 200 MB, 30 minutes and 60 seconds of work. Its id works wherever a song's id does.
    """
    async with received(request, server.uploads) as file:

        def hear_and_keep(gone: threading.Event) -> dict[str, Any]:
            heard = server.ears.hear(file.path, gone)
            return upload_json(server.uploads.keep(file.path, heard, file.name))

        return json_response(await while_there(request, hear_and_keep), 201)


@router.delete("/uploads/{song_id}", status_code=204, responses=error_answers(404, 422))
def delete_upload(song_id: SongId, server: OneServer) -> Response:
    """Forget a recording."""
    server.uploads.remove(song_id)
    return Response(status_code=204)


@router.post(
    "/embed",
    response_model=Embedded,
    responses=_ERRORS,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                **MULTIPART_BODY,
                "application/json": {"schema": EmbedAsked.model_json_schema()},
            },
        }
    },
)
async def embed(request: Request, server: OneServer) -> Response:
    """Part embeddings of a recording, which is not kept, or of a song by its id."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        song_id = await _asked_song(request)

        def of_song() -> Response:
            digest = server.library.store.digest
            if song_id.startswith(UPLOAD_PREFIX):
                digest = server.uploads.get(song_id).heard.digest
            return json_response(embedded_json(digest, server.segments(song_id)))

        return await run_in_threadpool(of_song)
    async with received(request, server.uploads) as file:

        def of_file(gone: threading.Event) -> Response:
            heard = server.ears.hear(file.path, gone)
            return json_response(embedded_json(heard.digest, heard.embeddings))

        return await while_there(request, of_file)


async def _asked_song(request: Request) -> str:
    try:
        body = await request.body()
    except ClientDisconnect:
        raise Refused(408, "the client has gone") from None
    try:
        return EmbedAsked.model_validate_json(body).song_id
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False)) from None


def embedded_json(digest: str, found: PartEmbeddings) -> dict[str, Any]:
    """See ``schemas.Embedded``."""
    vector, presence = found.track()
    return {
        "model": digest,
        "dim": found.dim,
        "duration_s": float(found.seconds),
        "presence_threshold": by_part(found.presence_threshold),
        "presence": by_part(presence),
        "embedding": _vectors(vector),
        "segments": [
            {
                "start_s": float(found.start_s[at]),
                "end_s": float(found.end_s[at]),
                "presence": by_part(found.presence[at]),
                "embedding": _vectors(found.embeddings[at]),
            }
            for at in range(len(found))
        ],
    }


def _vectors(vectors: np.ndarray) -> dict[str, list[float]]:
    return dict(zip(PART_NAMES, vectors.tolist(), strict=True))
