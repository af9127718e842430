"""What a client may send, and how long it may take: bodies that never end cost nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from partwise.web.errors import error_response
from partwise.web.security import App, Receive, Scope, Send

UPLOAD_PATHS = ("/api/v1/uploads", "/api/v1/embed")
MAX_UPLOAD_BYTES = 200_000_000
_MAX_OTHER_BYTES = 1_000_000
# Around the file, a multipart body holds boundaries and the file's name.
_MULTIPART_BYTES = 16_384

IDLE_S = 30.0
BODY_S = 600.0


class BodyLimits:
    """ASGI middleware: a body has a size that is counted, not believed, and a time to arrive in.

    max_upload_bytes : size of a file. idle_s : longest pause. body_s : longest time for all of it.
    """

    def __init__(
        self,
        app: App,
        max_upload_bytes: int = MAX_UPLOAD_BYTES,
        idle_s: float = IDLE_S,
        body_s: float = BODY_S,
    ) -> None:
        self._app = app
        self._max_upload_bytes = max_upload_bytes
        self._idle_s = idle_s
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        upload = scope["path"].rstrip("/") in UPLOAD_PATHS
        limit = self._max_upload_bytes + _MULTIPART_BYTES if upload else _MAX_OTHER_BYTES
        too_large = f"too large: at most {(limit - upload * _MULTIPART_BYTES) / 1e6:g} MB"
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > limit:
            await error_response(scope["path"], 413, too_large)(scope, receive, send)
            return
        counted, complete, started_s = 0, False, time.monotonic()

        async def receive_counted() -> MutableMapping[str, Any]:
            nonlocal counted, complete
            if complete:  # what follows is the news that the client has gone: that has time
                return await receive()
            left_s = self._body_s - (time.monotonic() - started_s)
            try:
                async with asyncio.timeout(max(min(self._idle_s, left_s), 0.001)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, "the request took too long to arrive") from None
            if message["type"] == "http.request":
                counted += len(message.get("body", b""))
                complete = not message.get("more_body", False)
                if counted > limit:
                    raise HTTPException(413, too_large)
            return message

        await self._app(scope, receive_counted, send)
