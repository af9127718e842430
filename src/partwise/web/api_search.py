"""``/api/v1``: search, and moments of one hit."""

from __future__ import annotations

import threading
import time

from fastapi import APIRouter, Depends
from starlette.responses import Response

from partwise.hearing.child import cores
from partwise.library.search.searcher import SearchOptions
from partwise.web.asking import (
    among,
    ask,
    by_part,
    condition,
    hits_json,
    moment_json,
    query_json,
    weights_of,
)
from partwise.web.schemas import (
    JSON_ERRORS,
    Found,
    Moments,
    MomentsAsked,
    SearchAsked,
    error_answers,
)
from partwise.web.server import Server, server_of
from partwise.web.shared import Shared, json_response, shared_of
from partwise.web.state import check_library

# Searches are work for the processor: more at a time than cores would only interrupt one another.
_TURNS = threading.Semaphore(cores())

router = APIRouter(prefix="/api/v1", tags=["search"])


@router.post("/search", response_model=Found, responses=error_answers(404, *JSON_ERRORS))
def search(
    asked: SearchAsked,
    server: Server = Depends(server_of),
    shared: Shared = Depends(shared_of),
) -> Response:
    """Rank the library by how alike the wanted parts sound, best first.

    Hits in which every wanted part is present come first. A hit's score is
    sum_p w_p s_p / sum_p w_p over its similarities, so a page can re-rank while a fader moves.
    """
    with _TURNS:
        return _answer(asked, server, shared)


def _answer(asked: SearchAsked, server: Server, shared: Shared) -> Response:
    started = time.perf_counter()
    check_library(server)
    question = ask(server, shared.uploads, asked)
    weights = weights_of(question.query, asked)
    hits = server.library.searcher.search(
        question.query,
        weights,
        SearchOptions(
            top=asked.top,
            moments=asked.moments,
            max_per_artist=asked.max_per_artist,
            include_duplicates=asked.include_duplicates,
            where=condition(asked.where, asked.filter),
            among=among(server, asked.filter),
        ),
    )
    answer = {
        "query": query_json(question),
        "weights": by_part(weights.values),
        "model": server.library.store.digest,
        "took_ms": 0.0,
        "hits": hits_json(question, hits, shared.covers),
    }
    answer["took_ms"] = round(1000 * (time.perf_counter() - started), 2)
    return json_response(answer)


@router.post("/moments", response_model=Moments, responses=error_answers(404, *JSON_ERRORS))
def moments(
    asked: MomentsAsked,
    server: Server = Depends(server_of),
    shared: Shared = Depends(shared_of),
) -> Response:
    """Where one track of the library sounds most like the query, best first."""
    check_library(server)
    question = ask(server, shared.uploads, asked)
    weights = weights_of(question.query, asked)
    track = shared.state.track(asked.track_id)
    found = server.library.searcher.moments(question.query, weights, track.track_id, asked.count)
    return json_response({"moments": [moment_json(moment, question.ids) for moment in found]})
