"""Errors of the web as one sentence each: JSON under ``/api``, plain text on pages."""

from __future__ import annotations

import logging
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from partwise.errors import PartwiseError
from partwise.web.server import NotHere

_PLACES = ("body", "path", "query")
_LOG = logging.getLogger("partwise.web")


class Refused(PartwiseError):
    """A request that is not answered, with the HTTP status to say so."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


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
        status = 404 if isinstance(error, NotHere) else getattr(error, "status", 422)
        headers = {"Retry-After": "5"} if status in (429, 503) else None
        return error_response(request.url.path, status, str(error), headers)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> Response:
        return error_response(request.url.path, 422, _sentence(error))

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> Response:
        detail = str(error.detail)
        if detail == _phrase(error.status_code):  # Starlette's own, which says too little
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


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


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
