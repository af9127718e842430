"""Running an application on uvicorn so that slow or vanished clients cost nothing."""

from __future__ import annotations

import asyncio
import socket
from types import FrameType
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from partwise.errors import PartwiseError

# Connections at a time; more are told to come back.
MOST_CONNECTIONS = 256
# How long a connection may sit there without a complete request.
SILENT_S = 20.0


class Protocol(H11Protocol):
    """uvicorn's own, which waits for ever for the first request and for the rest of its header."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look_again()

    def _look_again(self) -> None:
        waits_since = self.cycle
        self.loop.call_later(SILENT_S, self._close_if_silent, waits_since)

    def _close_if_silent(self, waits_since: Any) -> None:
        if self.transport.is_closing():
            return
        answered = self.cycle is None or self.cycle.response_complete
        if answered and self.cycle is waits_since and self.conn.their_state is h11.IDLE:
            self.transport.close()
        else:
            self._look_again()


class Uvicorn(uvicorn.Server):
    """Tells the application at once when it is asked to end: streams of events must not wait."""

    def __init__(self, config: uvicorn.Config, app: FastAPI) -> None:
        super().__init__(config)
        self._partwise = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._partwise.state.closing = True
        super().handle_exit(sig, frame)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises PartwiseError when the address cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=512)
    except (OSError, OverflowError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise PartwiseError(
            f"cannot listen at {host}:{port} ({cause.lower()}): choose another --host or --port"
        ) from None


def make_runner(app: FastAPI) -> Uvicorn:
    """A uvicorn server for an application; ``run(sockets=[...])`` serves until a signal."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=15,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=5,
    )
    return Uvicorn(config, app)
