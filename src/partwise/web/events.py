"""Server-sent events: an open answer that costs no thread and ends when its client has gone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from partwise.web.security import Receive, Scope, Send

TICK_S = 0.25
HEARTBEAT_S = 15.0


class EventStream(Response):
    """Sends what ``read`` gives whenever its first value is another than the last time.

    event : name of the events. read : (version, data) of the moment; None for nothing yet.
    is_closing : whether the server is about to end. done : called once at the end.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        event: str,
        read: Callable[[], tuple[Any, dict[str, Any]] | None],
        is_closing: Callable[[], bool],
        done: Callable[[], None],
    ) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        # The length of what is to come is not known.
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        self._event = event
        self._read = read
        self._is_closing = is_closing
        self._done = done

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_wait_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            # A client that does not read makes this wait: then both its end and ours must wake us.
            sending = asyncio.create_task(self._send_all(send))
            await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        finally:
            gone.cancel()
            self._done()

    async def _send_all(self, send: Send) -> None:
        async def write(text: str, more: bool = True) -> None:
            body = text.encode("utf-8", "replace")
            await send({"type": "http.response.body", "body": body, "more_body": more})

        await write("retry: 2000\n\n")
        seen, sent_s = None, time.monotonic()
        while not self._is_closing():
            now = self._read()
            if now is not None and now[0] != seen:
                seen, sent_s = now[0], time.monotonic()
                await write(f"event: {self._event}\ndata: {json.dumps(now[1])}\n\n")
            elif time.monotonic() - sent_s >= HEARTBEAT_S:
                sent_s = time.monotonic()
                await write(": still here\n\n")
            await asyncio.sleep(TICK_S)
        await write("", more=False)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
