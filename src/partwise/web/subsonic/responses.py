"""OpenSubsonic answers: one dictionary, written as XML, JSON or JSONP.

Specification: https://opensubsonic.netlify.app/docs/api-reference/ and
https://opensubsonic.netlify.app/docs/responses/subsonic-response/ and .../responses/error/

In XML a plain value is an attribute, an object is a child element, and a list is that element
repeated (the rule of subsonic-rest-api.xsd and of the servers that answer in both forms). What is
called ``value`` is the text of its element.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, TypeVar
from xml.etree import ElementTree

from starlette.responses import Response

from partwise import __version__

API_VERSION = "1.16.1"
NAMESPACE = "http://subsonic.org/restapi"

_CALLBACK = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*", re.ASCII)
# What XML 1.0 cannot hold even when escaped, and halves of surrogate pairs, which UTF-8 cannot.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class Code(IntEnum):
    """The error codes that are given out, by the specification's numbers."""

    GENERIC = 0
    MISSING_PARAMETER = 10
    CLIENT_MUST_UPGRADE = 20
    SERVER_MUST_UPGRADE = 30
    WRONG_CREDENTIALS = 40
    CONFLICTING_CREDENTIALS = 43
    INVALID_API_KEY = 44
    NOT_AUTHORISED = 50
    NOT_FOUND = 70


_Found = TypeVar("_Found")

# What a method gives: fields of the subsonic-response, or a response of another kind.
Answer = dict[str, Any] | Response


class Failure(Exception):
    """A request that is answered with an error, in a sentence for the person who asked."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def there(found: _Found | None, what: str) -> _Found:
    """What an id leads to. Raises Failure for None. what : what the id should be of."""
    if found is None:
        raise Failure(Code.NOT_FOUND, f"There is no {what} with this id in the library.")
    return found


def success(params: Mapping[str, str], body: Mapping[str, Any]) -> Response:
    """Answer with ``status`` ok. body : further fields of the subsonic-response."""
    return _written(params, {**_head("ok"), **body})


def failure(params: Mapping[str, str], error: Failure, status_code: int = 200) -> Response:
    """Answer with ``status`` failed; HTTP 200, as players expect, unless said otherwise."""
    body = {"error": {"code": int(error.code), "message": error.message}}
    return _written(params, {**_head("failed"), **body}, status_code)


def check_format(params: Mapping[str, str], guarded: bool) -> None:
    """Raise Failure for an unknown format.

    guarded : whether a token is asked for. JSONP lets any page of the web read the answer, so it
    is for servers where such a page would have to know the token.
    """
    written = params.get("f", "xml")
    if written not in ("xml", "json", "jsonp"):
        raise Failure(Code.GENERIC, f"f is {written!r}: the formats are xml, json and jsonp.")
    if written != "jsonp":
        return
    if not guarded:
        raise Failure(
            Code.NOT_AUTHORISED, "This server asks for no token, so it does not answer in jsonp."
        )
    if not params.get("callback"):
        raise Failure(Code.MISSING_PARAMETER, "Required parameter is missing: callback.")
    if not _CALLBACK.fullmatch(params["callback"]):
        raise Failure(Code.GENERIC, "callback is not the name of a JavaScript function.")


def to_xml(name: str, fields: Mapping[str, Any]) -> bytes:
    """One element and what is in it, with the namespace of the Subsonic API, as UTF-8."""
    element = _element(name, fields)
    element.set("xmlns", NAMESPACE)
    return ElementTree.tostring(element, encoding="UTF-8", xml_declaration=True)


def _head(status: str) -> dict[str, Any]:
    return {
        "status": status,
        "version": API_VERSION,
        "type": "partwise",
        "serverVersion": __version__,
        "openSubsonic": True,
    }


def _written(
    params: Mapping[str, str], fields: Mapping[str, Any], status_code: int = 200
) -> Response:
    written = params.get("f", "xml")
    if written not in ("json", "jsonp"):
        return Response(to_xml("subsonic-response", fields), status_code, media_type="text/xml")
    text = json.dumps({"subsonic-response": _clean(fields)}, ensure_ascii=False)
    callback = params.get("callback", "")
    if written == "jsonp" and _CALLBACK.fullmatch(callback):
        # JavaScript ends lines at these two, JSON does not.
        text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        return Response(
            f"{callback}({text});",
            status_code,
            {"Cross-Origin-Resource-Policy": "cross-origin"},
            "text/javascript",
        )
    return Response(text, status_code, media_type="application/json")


def _element(name: str, fields: Mapping[str, Any]) -> ElementTree.Element:
    element = ElementTree.Element(name)
    for key, value in fields.items():
        if isinstance(value, Mapping):
            element.append(_element(key, value))
        elif isinstance(value, (list, tuple)):
            for item in value:
                if isinstance(item, Mapping):
                    element.append(_element(key, item))
                else:
                    ElementTree.SubElement(element, key).text = _text(item)
        elif key == "value":
            element.text = _text(value)
        else:
            element.set(key, _text(value))
    return element


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _UNWRITABLE.sub("\ufffd", str(value))


def _clean(value: Any) -> Any:
    """The same with text that UTF-8 can hold."""
    if isinstance(value, str):
        return _UNWRITABLE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {key: _clean(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(item) for item in value]
    return value
