"""The pages: finding, the map, exploring, the API's description, and the fragments they load.

What people typed into tags is escaped by the templates; a page's scripts put text into it as text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from partwise.library.search.clusters import MAX_COUNT as MAX_CLUSTERS
from partwise.library.search.journey import MAX_COUNT
from partwise.library.search.query import clock
from partwise.parts import PART_NAMES
from partwise.web.server import OneServer

MOST_SONGS = 12
DEFAULT_STEPS = 10
_METHODS = ("get", "post", "put", "delete")

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)


def _environment() -> Environment:
    """Everything is escaped, and no name may be missing."""
    environment = Environment(
        loader=PackageLoader("partwise.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = clock
    environment.globals["parts"] = PART_NAMES
    return environment


templates = Jinja2Templates(env=_environment())


@router.get("/")
def find_page(request: Request, server: OneServer) -> HTMLResponse:
    """Pick a song, move the faders, hear what is alike."""
    held = server.overview()
    context = {
        "tracks": 0 if held is None else held.tracks,
        "start": server.first_screen.draw(),
        "can_index": request.app.state.settings.can_index,
    }
    return templates.TemplateResponse(request, "find.html", context)


@router.get("/find/start")
def find_start(request: Request, server: OneServer) -> HTMLResponse:
    """Fragment: another song by chance, and questions to begin with."""
    return templates.TemplateResponse(request, "start.html", {"start": server.first_screen.draw()})


@router.get("/find/songs")
def find_songs(
    request: Request, server: OneServer, text: Annotated[str, Query(max_length=300)] = ""
) -> HTMLResponse:
    """Fragment: the songs whose title, artist, album or file name holds a text."""
    total, found = server.tracks(text, MOST_SONGS, 0)
    context = {"songs": found, "more": total - len(found), "text": text.strip()}
    return templates.TemplateResponse(request, "songs.html", context)


@router.get("/map")
def map_page(request: Request, server: OneServer) -> HTMLResponse:
    """What lies near what, drawn."""
    context = {"empty": not server.library.exists}
    return templates.TemplateResponse(request, "map.html", context)


@router.get("/explore")
def explore_page(request: Request, server: OneServer) -> HTMLResponse:
    """What kinds of each part there are, and journeys from song to song."""
    held = server.overview()
    context = {
        "tracks": 0 if held is None else held.tracks,
        "count": DEFAULT_STEPS,
        "most": MAX_COUNT,
        "most_clusters": MAX_CLUSTERS,
    }
    return templates.TemplateResponse(request, "explore.html", context)


# --- the API's description, without a foreign script


@router.get("/api/docs")
def docs(request: Request) -> HTMLResponse:
    """The API as a page, made from its OpenAPI description."""
    schema = request.app.openapi()
    context = {
        "info": schema["info"],
        "operations": operations(schema),
        "root_path": request.app.state.settings.root_path,
    }
    return templates.TemplateResponse(request, "api_docs.html", context)


@dataclass(frozen=True)
class Field:
    """One parameter, or one field of a body. kind : its type in words."""

    name: str
    kind: str
    required: bool
    text: str


@dataclass(frozen=True)
class Operation:
    """One address with its method. answers : status and meaning."""

    method: str
    path: str
    text: str
    fields: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...]


def operations(schema: dict[str, Any]) -> list[Operation]:
    """What an OpenAPI description says, in its own order."""
    return [
        Operation(
            method.upper(),
            path,
            item[method].get("description") or item[method].get("summary", ""),
            tuple(_fields(item[method], schema)),
            tuple(
                (status, a.get("description", ""))
                for status, a in item[method]["responses"].items()
            ),
        )
        for path, item in schema["paths"].items()
        for method in _METHODS
        if method in item
    ]


def _fields(operation: dict[str, Any], schema: dict[str, Any]) -> Iterator[Field]:
    for entry in operation.get("parameters", ()):
        needed = entry.get("required", False)
        yield Field(entry["name"], kind_of(entry["schema"]), needed, entry.get("description", ""))
    for content in operation.get("requestBody", {}).get("content", {}).values():
        body = content["schema"]
        if "$ref" in body:
            body = schema["components"]["schemas"][kind_of(body)]
        for name, entry in body.get("properties", {}).items():
            needed = name in body.get("required", ())
            yield Field(name, kind_of(entry), needed, entry.get("description", ""))


def kind_of(schema: dict[str, Any]) -> str:
    """A type in words: ``number``, ``list of text``, ``number or null``, ``Track``."""
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(kind_of(one) for one in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return " or ".join(str(value) for value in schema.get("enum", [schema.get("const")]))
    kind = schema.get("type", "anything")
    if kind == "array":
        inner = schema.get("items") or {}
        return f"list of {kind_of(inner)}" if inner else "list"
    if kind == "string":
        return "file" if schema.get("format") == "binary" else "text"
    return kind
