"""The library page: folders, tracks and failures, and the fragments that it loads."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from partwise.paths import shown
from partwise.web.api_library import tracks_json
from partwise.web.pages import templates
from partwise.web.schema_types import Sort
from partwise.web.server import OneServer, Server

PAGE = 50

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Text = Annotated[str, Query(max_length=300)]
Page = Annotated[int, Query(ge=1, le=10_000_000)]


@dataclass(frozen=True)
class Table:
    """A page of a table: its rows, of how many, and what was asked for. page : from 1 on."""

    rows: Sequence[Any]
    total: int
    text: str = ""
    page: int = 1
    sort: str | None = None
    descending: bool = False

    @property
    def first(self) -> int:
        """The number of the first row, from 1 on."""
        return (self.page - 1) * PAGE + 1

    def direction(self, sort: str) -> str:
        """What ``aria-sort`` is for a column."""
        if sort != self.sort:
            return "none"
        return "descending" if self.descending else "ascending"

    def address(self, sort: str | None = None, page: int | None = None) -> str:
        """The query of an address: this table, by another column, or another page of it.

        The column that it is by already turns round; numbers begin with the largest.
        """
        asked: dict[str, str] = {"text": self.text} if self.text else {}
        by, descending = self.sort, self.descending
        if sort is not None:
            numbers = sort not in ("title", "artist", "album")
            descending = not self.descending if sort == self.sort else numbers
            by = sort
        if by is not None:
            asked["sort"] = by
        if descending:
            asked["descending"] = "true"
        number = page if page is not None else (1 if sort is not None else self.page)
        if number != 1:
            asked["page"] = str(number)
        return urlencode(asked)

    def pages(self) -> list[tuple[str, int | None]]:
        """What to go to, and which page that is; None where there is nothing further."""
        last = max(1, -(-self.total // PAGE))
        return [
            ("First", 1 if self.page > 2 else None),
            ("Previous", min(self.page - 1, last) if self.page > 1 else None),
            ("Next", self.page + 1 if self.page < last else None),
            ("Last", last if self.page < last - 1 else None),
        ]


@router.get("/library")
def library_page(
    request: Request,
    server: OneServer,
    text: Text = "",
    page: Page = 1,
    sort: Sort | None = None,
    descending: bool = False,
) -> HTMLResponse:
    """What the library holds, and having more folders heard."""
    context = _holdings(request, server) | {
        "name": shown(server.library.path.name),
        "tracks": _tracks(server, text, page, sort, descending),
        "failures": _failures(server, "", 1),
    }
    return templates.TemplateResponse(request, "library.html", context)


@router.get("/library/holdings")
def library_holdings(request: Request, server: OneServer) -> HTMLResponse:
    """Fragment: the library in numbers, and its folders."""
    return templates.TemplateResponse(request, "holdings.html", _holdings(request, server))


@router.get("/library/tracks")
def library_tracks(
    request: Request,
    server: OneServer,
    text: Text = "",
    page: Page = 1,
    sort: Sort | None = None,
    descending: bool = False,
) -> HTMLResponse:
    """Fragment: a page of the table of tracks."""
    context = {"tracks": _tracks(server, text, page, sort, descending)}
    return templates.TemplateResponse(request, "tracks.html", context)


@router.get("/library/failures")
def library_failures(
    request: Request, server: OneServer, text: Text = "", page: Page = 1
) -> HTMLResponse:
    """Fragment: a page of the table of failures."""
    return templates.TemplateResponse(
        request, "failures.html", {"failures": _failures(server, text, page)}
    )


def _holdings(request: Request, server: Server) -> dict[str, Any]:
    return {
        "held": server.overview(),
        "folders": server.folders.listed(),
        "can_index": request.app.state.settings.can_index,
    }


def _tracks(server: Server, text: str, page: int, sort: Sort | None, descending: bool) -> Table:
    total, found = server.tracks(text, PAGE, (page - 1) * PAGE, sort, descending)
    return Table(tracks_json(server, found), total, text.strip(), page, sort, descending)


def _failures(server: Server, text: str, page: int) -> Table:
    total, rows = server.failures(text, PAGE, (page - 1) * PAGE)
    listed = [(row.shown_path, row.reason) for row in rows]
    return Table(listed, total, text.strip(), page)


def _when(at_s: float) -> str:
    return time.strftime("%-d %b %Y, %H:%M", time.localtime(at_s))


templates.env.filters["when"] = _when
