"""The pages: finding (``/``) and the library (``/library``), and the fragments that they load.

What people typed into tags is escaped by the templates; a page's scripts put text into it as text.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from partwise.library.catalogue import Track
from partwise.library.ledger import State
from partwise.library.paths import shown
from partwise.library.search import catalogue_of
from partwise.parts import PARTS
from partwise.web.server import Server, server_of

MOST_SONGS = 12
MOST_FAILURES = 500

router = APIRouter(include_in_schema=False)


def clock(seconds: float) -> str:
    """A length for people: ``3:07``, ``1:02:05``."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("partwise.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = clock
    environment.globals["parts"] = [str(part) for part in PARTS]
    return environment


templates = Jinja2Templates(env=_environment())


@router.get("/", response_class=HTMLResponse)
def find_page(request: Request, server: Server = Depends(server_of)) -> HTMLResponse:
    """Pick a song, move the faders, hear what is alike."""
    tracks = len(catalogue_of(server.library)) if server.has_library else 0
    return templates.TemplateResponse(request, "find.html", {"tracks": tracks})


@router.get("/find/songs", response_class=HTMLResponse)
def find_songs(
    request: Request,
    text: str = Query("", max_length=300),
    server: Server = Depends(server_of),
) -> HTMLResponse:
    """Fragment: the songs whose title, artist, album or file name holds a text."""
    catalogue = catalogue_of(server.library) if server.has_library else {}
    found = sorted(matching(catalogue.values(), text), key=_title)
    songs = [
        {
            "id": track.track_id,
            "title": _title(track),
            "artist": track.tags.artist,
            "duration_s": track.duration_s,
        }
        for track in found[:MOST_SONGS]
    ]
    context = {"songs": songs, "more": len(found) - len(songs), "text": text}
    return templates.TemplateResponse(request, "songs.html", context)


@router.get("/library", response_class=HTMLResponse)
def library_page(request: Request, server: Server = Depends(server_of)) -> HTMLResponse:
    """What the library holds, and having more folders heard."""
    return templates.TemplateResponse(request, "library.html", _holdings(server))


@router.get("/library/holdings", response_class=HTMLResponse)
def library_holdings(request: Request, server: Server = Depends(server_of)) -> HTMLResponse:
    """Fragment: the library in numbers, and the files that could not be heard."""
    return templates.TemplateResponse(request, "holdings.html", _holdings(server))


def matching(tracks: Iterable[Track], text: str) -> list[Track]:
    """The tracks that hold every word of a text, ignoring case; all of them for an empty one."""
    words = text.casefold().split()

    def holds(track: Track) -> bool:
        tags = track.tags
        names = [Path(path).name for path in track.paths]
        written = " ".join(filter(None, [tags.title, tags.artist, tags.album, *names])).casefold()
        return all(word in written for word in words)

    return [track for track in tracks if holds(track)]


def _title(track: Track) -> str:
    return track.tags.title or shown(Path(track.paths[0]).stem)


def _holdings(server: Server) -> dict[str, object]:
    if not server.has_library:
        return {
            "status": None,
            "failures": [],
            "more_failures": 0,
            "name": server.library.path.name,
        }
    status = server.library.status()
    rows = [row for row in status.failed if row.state is State.FAILED]
    failures = [(row.shown_path, row.reason or "unknown") for row in rows[:MOST_FAILURES]]
    return {
        "status": status,
        "failures": failures,
        "more_failures": len(rows) - len(failures),
        "name": status.folder.name,
    }
