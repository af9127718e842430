"""``/api/docs``: the API as a page, made from its OpenAPI description without a foreign script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from partwise.web.templating import make_environment

router = APIRouter()

_PAGES = make_environment()
_METHODS = ("get", "post", "put", "delete")


@dataclass(frozen=True)
class Field:
    """One parameter, or one field of a body. kind : its type in words."""

    name: str
    kind: str
    required: bool
    text: str


@dataclass(frozen=True)
class Operation:
    """One address with its method."""

    method: str
    path: str
    summary: str
    text: str
    fields: tuple[Field, ...]
    answers: tuple[tuple[str, str], ...]


@router.get("/api/docs", include_in_schema=False)
def docs(request: Request) -> HTMLResponse:
    """The page."""
    schema = request.app.openapi()
    page = _PAGES.get_template("api_docs.html")
    return HTMLResponse(page.render(info=schema["info"], operations=operations(schema)))


def operations(schema: dict[str, Any]) -> list[Operation]:
    """What an OpenAPI description says, in its own order."""
    found = []
    for path, item in schema["paths"].items():
        for method in (name for name in _METHODS if name in item):
            operation = item[method]
            fields = [
                Field(
                    entry["name"],
                    kind_of(entry["schema"]),
                    entry.get("required", False),
                    entry.get("description", ""),
                )
                for entry in operation.get("parameters", ())
            ]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                fields += _body_fields(content["schema"], schema)
            answers = [
                (status, answer.get("description", ""))
                for status, answer in operation["responses"].items()
            ]
            found.append(
                Operation(
                    method.upper(),
                    path,
                    operation.get("summary", ""),
                    operation.get("description", ""),
                    tuple(fields),
                    tuple(answers),
                )
            )
    return found


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


def _body_fields(body: dict[str, Any], schema: dict[str, Any]) -> list[Field]:
    if "$ref" in body:
        body = schema["components"]["schemas"][body["$ref"].rsplit("/", 1)[-1]]
    required = body.get("required", ())
    return [
        Field(name, kind_of(entry), name in required, entry.get("description", ""))
        for name, entry in body.get("properties", {}).items()
    ]
