"""``/api/v1``: what serves listening: part radio, and a passage through the mask of a part."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, Response
from pydantic import Field

from partwise.library.search.radio import next_hits
from partwise.parts import Part, by_part
from partwise.web.api_search import TURNS, ask, hits_json, options_of, query_json
from partwise.web.auditions import LONGEST_S
from partwise.web.media import keeping
from partwise.web.responses import Refused, is_known, json_response
from partwise.web.schema_types import LATEST_S, SongId
from partwise.web.schemas import (
    JSON_ERRORS,
    Found,
    SearchAsked,
    content,
    error_answers,
)
from partwise.web.server import OneServer

router = APIRouter(prefix="/api/v1")

_Time = Annotated[float, Query(ge=0, le=LATEST_S)]
_Parts = Annotated[list[Part], Query(min_length=1, max_length=len(Part))]
_AUDITION = content("The passage as FLAC.", "audio/flac") | error_answers(404, 416, 422, 503)


class RadioAsked(SearchAsked):
    """What to play next. top : so many tracks."""

    top: int = Field(3, strict=True, ge=1, le=50)
    moments: int = Field(0, strict=True, ge=0, le=0, description="radio looks for none")
    played: list[SongId] = Field([], max_length=2000, description="in this order, the last last")
    skipped: list[SongId] = Field([], max_length=500, description="what comes is unlike these")


@router.post(
    "/radio/next", response_model=Found, tags=["search"], responses=error_answers(404, *JSON_ERRORS)
)
def radio_next(asked: RadioAsked, server: OneServer) -> Response:
    """What to play next, so that the wanted parts stay as asked for and the others drift.

    Nothing is remembered: the client says what was played and skipped. No track comes twice, and
    no artist twice in a row unless nothing else is left; every track has all wanted parts.
    """
    with TURNS:
        started = time.perf_counter()
        question = ask(server, asked)
        hits = next_hits(
            server.library.searcher,
            question.query,
            question.weights,
            options_of(server, asked),
            asked.played,
            asked.skipped,
        )
        answer = {
            "query": query_json(question),
            "weights": by_part(question.weights.values),
            "model": server.library.store.digest,
            "took_ms": round(1000 * (time.perf_counter() - started), 2),
            "hits": hits_json(server, question, hits),
        }
        return json_response(answer)


@router.get(
    "/tracks/{song_id}/audition", response_class=Response, tags=["media"], responses=_AUDITION
)
async def audition(
    song_id: str, request: Request, server: OneServer, part: _Parts, start_s: _Time, end_s: _Time
) -> Response:
    """A passage of at most 30 s through the masks of some parts: the others are turned down.

    A filter for listening that shows what the network takes for a part; no separated stem.
    """
    if not 0.0 < end_s - start_s <= LONGEST_S:
        raise Refused(422, f"a passage ends after it starts, and within {LONGEST_S:g} s")
    song = await run_in_threadpool(server.song, song_id)
    name = server.auditions.name(song, part, start_s, end_s)
    headers = keeping(f'"{name}"')
    if is_known(request, headers["etag"]):
        return Response(status_code=304, headers=headers)
    path = await run_in_threadpool(server.auditions.find, song, name)
    path = path or await server.work.result(
        f"audition {name}",
        lambda stop: server.auditions.render(song, part, start_s, end_s, name, stop),
        request.is_disconnected,
    )
    return FileResponse(path, headers=headers, media_type="audio/flac")
