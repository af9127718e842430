"""Answers of the web: JSON, one sentence for every error, and events of the server's own."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from http.client import responses as phrases
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from partwise.errors import PartwiseError

_PLACES = ("body", "path", "query")
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
    if path.startswith("/api/"):
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
        headers = dict(error.headers) if error.headers else None
        return error_response(request.url.path, error.status_code, detail, headers)

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> Response:
        _LOG.error("%s %s failed", request.method, request.url.path, exc_info=error)
        sentence = "the server met an error of its own; its log tells more"
        return error_response(request.url.path, 500, sentence)


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


class EventStream(Response):
    """Sends what ``read`` gives whenever its first value is another than the last time.

    event : name of the events. read : (version, data) of the moment; None for nothing yet.
    is_closing : whether the server is about to end. done : called once at the end.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        event: str,
        read: Callable[[], tuple[Any, dict[str, Any]] | None],
        is_closing: Callable[[], bool],
        done: Callable[[], None],
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        # The length of what is to come is not known.
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        self._event = event
        self._read = read
        self._is_closing = is_closing
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_wait_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            # A client that does not read makes this wait: then both its end and ours must wake us.
            sending = asyncio.create_task(self._send_all(send))
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        finally:
            gone.cancel()
            self._done()

    async def _send_all(self, send: Send) -> None:
        async def write(text: str, more: bool = True) -> None:
            body = text.encode("utf-8", "replace")
            await send({"type": "http.response.body", "body": body, "more_body": more})

        await write("retry: 2000\n\n")
        seen, sent_s = None, time.monotonic()
        while not self._is_closing():
            now = self._read()
            if now is not None and now[0] != seen:
                seen, sent_s = now[0], time.monotonic()
                await write(f"event: {self._event}\ndata: {json.dumps(now[1])}\n\n")
            elif time.monotonic() - sent_s >= HEARTBEAT_S:
                sent_s = time.monotonic()
                await write(": still here\n\n")
            await asyncio.sleep(TICK_S)
        await write("", more=False)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
