"""The map of the library: its points as data, and the page that draws them."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from partwise.parts import PARTS, Part
from partwise.web.map_state import map_state_of
from partwise.web.server import Server, server_of
from partwise.web.templating import make_environment

router = APIRouter()

TEMPLATES = make_environment()
OneServer = Annotated[Server, Depends(server_of)]
_ERROR = {"application/json": {"schema": {"type": "object", "required": ["error"]}}}
_NOT_HERE: dict[int | str, dict[str, Any]] = {
    404: {"description": "The library has no map yet: it is being made.", "content": _ERROR},
    422: {"description": "There is no such part.", "content": _ERROR},
}
_FLOATS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Little-endian float32 [n, 2]: x and y in -1..1, NaN where absent.",
        "content": {"application/octet-stream": {"schema": {"type": "string"}}},
    },
    **_NOT_HERE,
}
VERSION_HEADER = "x-partwise-map-version"


@router.get("/api/v1/map/tracks", tags=["map"], responses=_NOT_HERE, response_class=Response)
def map_tracks(server: OneServer) -> Response:
    """What the points of the map are: {version, track_ids, titles, artists, groups}."""
    content = map_state_of(server).listed(server)
    return Response(content, media_type="application/json", headers={"cache-control": "no-cache"})


@router.get("/api/v1/map/{part}", tags=["map"], responses=_FLOATS, response_class=Response)
def map_part(part: Part, server: OneServer, request: Request) -> Response:
    """Where the tracks lie in the plane of one part, in the order of /api/v1/map/tracks.

    The header x-partwise-map-version says of which version of the map the points are.
    """
    atlas = map_state_of(server).atlas(server)
    etag = f'"{atlas.version}-{part}"'
    headers = {"etag": etag, "cache-control": "no-cache", VERSION_HEADER: atlas.version}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    points = np.ascontiguousarray(atlas.xy[:, part.index], dtype="<f4")
    return Response(points.tobytes(), media_type="application/octet-stream", headers=headers)


@router.get("/map", include_in_schema=False)
def map_page(request: Request) -> HTMLResponse:
    """The page."""
    page = TEMPLATES.get_template("map.html")
    return HTMLResponse(page.render(request=request, parts=PARTS))
