"""The pages: finding (``/``) and the library (``/library``), and the fragments that they load.

What people typed into tags is escaped by the templates; a page's scripts put text into it as text.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment

from partwise.parts import PARTS
from partwise.paths import shown
from partwise.web.server import Server, server_of
from partwise.web.shared import Shared, shared_of
from partwise.web.templating import make_environment

MOST_SONGS = 12
MOST_FAILURES = 500

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

OneShared = Annotated[Shared, Depends(shared_of)]


def clock(seconds: float) -> str:
    """A length for people: ``3:07``, ``1:02:05``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _environment() -> Environment:
    environment = make_environment()
    environment.filters["clock"] = clock
    environment.globals["parts"] = [str(part) for part in PARTS]
    return environment


templates = Jinja2Templates(env=_environment())


@router.get("/")
def find_page(request: Request, shared: OneShared) -> HTMLResponse:
    """Pick a song, move the faders, hear what is alike."""
    held = shared.state.overview()
    context = {"tracks": 0 if held is None else held.tracks}
    return templates.TemplateResponse(request, "find.html", context)


@router.get("/find/songs")
def find_songs(
    request: Request, shared: OneShared, text: Annotated[str, Query(max_length=300)] = ""
) -> HTMLResponse:
    """Fragment: the songs whose title, artist, album or file name holds a text."""
    total, found = shared.state.tracks(text, MOST_SONGS, 0)
    songs = [
        {
            "id": track.track_id,
            "title": track.title,
            "artist": track.tags.artist,
            "duration_s": track.duration_s,
        }
        for track in found
    ]
    context = {"songs": songs, "more": total - len(songs), "text": text.strip()}
    return templates.TemplateResponse(request, "songs.html", context)


@router.get("/library")
def library_page(
    request: Request, shared: OneShared, server: Annotated[Server, Depends(server_of)]
) -> HTMLResponse:
    """What the library holds, and having more folders heard."""
    context = _holdings(shared) | {
        "can_index": request.app.state.settings.can_index,
        "name": shown(server.library.path.name),
    }
    return templates.TemplateResponse(request, "library.html", context)


@router.get("/library/holdings")
def library_holdings(request: Request, shared: OneShared) -> HTMLResponse:
    """Fragment: the library in numbers, and the files that could not be heard."""
    return templates.TemplateResponse(request, "holdings.html", _holdings(shared))


def _holdings(shared: Shared) -> dict[str, Any]:
    held = shared.state.overview()
    failed = [] if held is None else held.failed
    return {
        "held": held,
        "failures": [(row.shown_path, row.reason) for row in failed[:MOST_FAILURES]],
        "more_failures": max(0, len(failed) - MOST_FAILURES),
    }
