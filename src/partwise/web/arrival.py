"""What the way to a server did to a request is undone before the application sees it.

The application knows addresses from ``/`` on, whatever prefix a proxy shows it under: its pages
link relatively, and where an answer leads on to another address, the prefix is put back here.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from partwise.errors import PartwiseError

# The first words of the application's own addresses: under a prefix that begins with one of them
# nobody could tell whether a proxy has taken it away.
_OWN = frozenset({"api", "find", "for", "library", "map", "rest", "static"})
_BYTES = re.compile(r"bytes\s*=(.*)", re.IGNORECASE | re.ASCII)
# Python reads no number of more than 4,300 digits.
_RANGE = re.compile(r"\s*(\d{0,4000})\s*-\s*(\d{0,4000})\s*", re.ASCII)


def checked_root(text: str) -> str:
    """A prefix as ``/partwise``, without a slash at its end; "" for none.

    Raises PartwiseError for what is none, or cannot be told from an address of the application.
    """
    root = text.rstrip("/")
    if root and not re.fullmatch(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)+", root):
        raise PartwiseError(f"--root-path {text!r} is no such path as /partwise")
    if root and root.split("/")[1] in _OWN:
        raise PartwiseError(
            f"--root-path {text!r} begins like an address of partwise itself: choose another word"
        )
    return root


class Arrival:
    """ASGI middleware: requests without the prefix and without odd ranges.

    root_path : as ``checked_root`` gives it. A proxy may have taken it away or not.
    """

    def __init__(self, app: ASGIApp, root_path: str = "") -> None:
        self._app = app
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope, root = dict(scope), self._root_path
        if not usable_range(Headers(scope=scope).get("range", "")):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"range"]

        async def send_led_on(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if "location" in headers:
                    headers["location"] = root + _here(headers["location"])
            await send(message)

        app = self._app
        if root and scope["path"] == root:
            asked = scope["query_string"].decode("latin-1")
            app = RedirectResponse("/" + (f"?{asked}" if asked else ""))
        elif root and scope["path"].startswith(root + "/"):
            scope["path"] = scope["path"].removeprefix(root)
        await app(scope, receive, send_led_on)


def _here(location: str) -> str:
    """Without scheme and host: those by which the visitor came, only the proxy knows."""
    parts = urlsplit(location)
    # One slash: an address with two would lead to another host.
    return "/" + parts.path.lstrip("/\\") + (f"?{parts.query}" if parts.query else "")


def usable_range(asked: str) -> bool:
    """Whether a Range header is one that RFC 9110 (14.1.2) lets a server look at.

    What it is not (another unit, a last byte before the first, no number) is to be ignored.
    """
    found = _BYTES.fullmatch(asked.strip())
    if found is None:
        return False
    specs = [_RANGE.fullmatch(spec) for spec in found[1].split(",") if spec.strip()]
    return bool(specs) and all(spec is not None and _in_order(*spec.groups()) for spec in specs)


def _in_order(first: str, last: str) -> bool:
    return bool(first or last) and not (first and last and int(first) > int(last))
