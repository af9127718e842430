"""``/api/v1/folders``: the library's folders, watching and forgetting them, choosing one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import Field, StringConstraints
from starlette.responses import Response

from partwise.web.browse import browse
from partwise.web.responses import Refused, json_response
from partwise.web.schemas import JSON_ERRORS, TEXT, Answer, Asked, Job, error_answers
from partwise.web.server import OneServer

router = APIRouter(prefix="/api/v1", tags=["folders"])

FolderText = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=TEXT)]


class Folder(Answer):
    """A folder that the library was indexed from.

    path : as requests name it. shown : for people. kept : whether it was named to a run. leaving :
    tracks that go when it is forgotten. last_run_at : seconds since 1970. watch : "off",
    "watching", "polling", "away" (not there, or empty) or a sentence on what failed. open : whether
    clients may index, watch and forget it.
    """

    path: str
    name: str
    shown: str
    kept: bool
    there: bool
    tracks: int
    files: int
    failed: int
    missing: int
    leaving: int
    last_run_at: float | None
    watched: bool
    watch: str
    open: bool


class Folders(Answer):
    """By path."""

    folders: list[Folder]


class Inside(Answer):
    """A folder to choose. path : as requests name it."""

    name: str
    path: str


class Browsed(Answer):
    """A folder of the server's machine, and a page of those in it.

    path : "" for the list of folders that may be indexed. parent : None at the top. recordings :
    files in it that promise audio. total : of all folders that match.
    """

    path: str
    name: str
    parent: str | None
    recordings: int
    total: int
    folders: list[Inside]


class WatchAsked(Asked):
    """Whether to watch a folder. polling : by looking; null to find out."""

    path: FolderText
    watched: bool = Field(strict=True)
    polling: bool | None = Field(None, strict=True)


def _music(request: Request) -> tuple[Path, ...] | None:
    settings = request.app.state.settings
    if not settings.can_index:
        raise Refused(403, "this server does not index: start it with --music FOLDER")
    return settings.music


@router.get("/folders", response_model=Folders)
def folders(server: OneServer) -> Response:
    """Where the library was indexed from, and what it holds of each."""
    return json_response({"folders": server.folders.listed()})


@router.get("/folders/browse", response_model=Browsed, responses=error_answers(403, 422))
def look(
    request: Request,
    server: OneServer,
    path: Annotated[str, Query(max_length=4000, pattern=TEXT)] = "",
    text: Annotated[str, Query(max_length=300, pattern=TEXT)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """Folders that may be indexed, to choose from; hidden ones are left out."""
    music = _music(request)
    return json_response(browse(path, music, server.library.path, text, limit, offset))


@router.put(
    "/folders/watched", response_model=Folders, responses=error_answers(403, 404, *JSON_ERRORS)
)
def watch(asked: WatchAsked, request: Request, server: OneServer) -> Response:
    """Hear by itself what changes in a folder of the library, or no more."""
    _music(request)
    server.folders.set_watched(asked.path, asked.watched, asked.polling)
    return json_response({"folders": server.folders.listed()})


@router.delete(
    "/folders",
    status_code=202,
    response_model=Job,
    responses=error_answers(403, 404, 409, 422),
)
def forget(
    path: Annotated[str, Query(min_length=1, max_length=4000, pattern=TEXT)],
    request: Request,
    server: OneServer,
) -> Response:
    """Take a folder out of the library; the files stay. Answers with the run that does it."""
    _music(request)
    return json_response(server.folders.forget(path).as_json(), 202)
