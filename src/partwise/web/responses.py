"""Answers of the web: JSON, one sentence for every error, and events of the server's own."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from http.client import responses as phrases
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Match, Mount

from partwise.errors import PartwiseError

_PLACES = ("body", "path", "query")
_METHODS = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
# Of what is mounted: the files of the page.
_OF_FILES = ("GET", "HEAD")
_LOG = logging.getLogger("partwise.web")

# Of a stream of events: how often it looks for news, and how long it is silent at most.
TICK_S = 0.25
HEARTBEAT_S = 15.0


class Refused(PartwiseError):
    """A request that is not answered, with the HTTP status to say so."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class NotHere(Refused):
    """A song that is asked for and cannot be heard here."""

    def __init__(self, sentence: str) -> None:
        super().__init__(404, sentence)


class NotYet(Refused):
    """What is asked for is being made: no error, and so no status of one."""

    def __init__(self, sentence: str) -> None:
        super().__init__(202, sentence)


class ClientGone(Refused):
    """Nobody waits for the answer any more."""

    def __init__(self) -> None:
        super().__init__(499, "the client has gone")


def json_response(value: Any, status: int = 200) -> Response:
    """Plain values as JSON; numbers that are none (a silent file's level, say) become null."""
    return Response(to_json(value, inf_nan_mode="null"), status, media_type="application/json")


def is_known(request: Request, etag: str) -> bool:
    """Whether the client says in If-None-Match that it has this very content."""
    known = request.headers.get("if-none-match", "").split(",")
    return bool({etag, "*"}.intersection(text.strip().removeprefix("W/") for text in known))


def error_response(
    path: str, status: int, sentence: str, headers: dict[str, str] | None = None
) -> Response:
    """What a client sees of an error."""
    # Reasons may quote a file's name, whose odd bytes stand as lone surrogates in it.
    sentence = sentence.encode("utf-8", "replace").decode("utf-8")
    if path.startswith(("/api/", "/for/")):
        return JSONResponse({"error": sentence}, status, headers)
    return PlainTextResponse(sentence + "\n", status, headers)


def add_error_handlers(app: FastAPI) -> None:
    """Every exception becomes a sentence; a traceback goes to the log and never to a client."""

    @app.exception_handler(PartwiseError)
    async def _(request: Request, error: PartwiseError) -> Response:
        status = getattr(error, "status", 422)
        headers = {"Retry-After": "5"} if status in (429, 503) else None
        return error_response(request.url.path, status, str(error), headers)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        return error_response(request.url.path, 422, _sentence(error))

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        detail = str(error.detail)
        if detail == phrases.get(error.status_code):  # Starlette's own, which says too little
            detail = {
                404: "there is nothing at this address",
                405: f"{request.method} is not possible at this address",
            }.get(error.status_code, detail.lower())
        headers = dict(error.headers) if error.headers else {}
        if error.status_code == 405:
            headers["Allow"] = _allowed(request)
        return error_response(request.url.path, error.status_code, detail, headers)

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> Response:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        sentence = "the server met an error of its own; its log tells more"
        return error_response(request.url.path, 500, sentence)


def _allowed(request: Request) -> str:
    """The methods of all routes to an address: Starlette names those of the first alone."""
    routes = [route for route in request.app.routes if not isinstance(route, Mount)]

    def possible(method: str) -> bool:
        asked = {**request.scope, "method": method}
        return any(route.matches(asked)[0] == Match.FULL for route in routes)

    found = [one for one in _METHODS if one != request.method and possible(one)]
    return ", ".join(found or _OF_FILES)


def _sentence(error: RequestValidationError) -> str:
    """The first of the complaints: where, and what."""
    first = error.errors()[0]
    where = ".".join(str(place) for place in first["loc"] if place not in _PLACES)
    if first["type"] == "json_invalid":
        return "the request is not valid JSON"
    if first["type"] == "string_pattern_mismatch":
        return f"{where or 'the request'}: not in the form that is needed here"
    message = str(first["msg"]).removeprefix("Value error, ")
    return f"{where or 'the request'}: {message[:1].lower()}{message[1:]}"


async def events_of(
    name: str,
    read: Callable[[], tuple[Any, dict[str, Any]] | None],
    is_closing: Callable[[], bool],
) -> AsyncIterator[str]:
    """Server-sent events: what ``read`` gives whenever its first value is another than before.

    For a ``StreamingResponse``, which ends it when its client has gone; it costs no thread.
    name : of the events. read : (version, data) of the moment; None for nothing yet.
    is_closing : whether the server is about to end.
    """
    yield "retry: 2000\n\n"
    seen, sent_s = None, time.monotonic()
    while not is_closing():
        now = read()
        if now is not None and now[0] != seen:
            seen, sent_s = now[0], time.monotonic()
            yield f"event: {name}\ndata: {json.dumps(now[1])}\n\n"
        elif time.monotonic() - sent_s >= HEARTBEAT_S:
            sent_s = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(TICK_S)
