"""The web application: its routes, the checks before them, and running it.

uvicorn runs it so that slow or vanished clients cost nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles
from uvicorn.protocols.http.h11_impl import H11Protocol

from partwise import __version__
from partwise.errors import PartwiseError
from partwise.web import (
    api_explore,
    api_folders,
    api_library,
    api_listen,
    api_search,
    api_uploads,
    api_usual,
    library_pages,
    media,
    pages,
    plugins,
)
from partwise.web.arrival import Arrival
from partwise.web.responses import add_error_handlers
from partwise.web.security import LOOPBACK_NAMES, BodyLimits, Security
from partwise.web.server import Server
from partwise.web.subsonic import routes as subsonic

STATIC = Path(__file__).parent / "static"

# In this order, because addresses are tried in it.
ROUTERS = (
    api_search.router,
    api_listen.router,
    api_explore.router,
    api_usual.router,
    api_library.router,
    api_folders.router,
    api_uploads.router,
    media.router,
    plugins.router,
    pages.router,
    library_pages.router,
    subsonic.router,
)
# Connections at a time; more are told to come back.
MOST_CONNECTIONS = 256
# How long a connection may sit there without a complete request.
SILENT_S = 20.0


@dataclass(frozen=True)
class Settings:
    """How a server is reached and what it may do.

    token : what clients have to know; None on loopback.
    hosts : names by which it may be called (``security.Security``); None for any, with a token.
    music : folders inside which clients may have folders indexed; None for any folder, () for none.
    proxies, root_path : as in ``security.Security``; the prefix as ``checked_root`` gives it.
    """

    token: str | None = None
    hosts: frozenset[str] | None = LOOPBACK_NAMES
    music: tuple[Path, ...] | None = None
    proxies: frozenset[str] = frozenset()
    root_path: str = ""

    @property
    def can_index(self) -> bool:
        """Whether clients may start an indexing run at all."""
        return self.music is None or bool(self.music)


def create_app(server: Server, settings: Settings | None = None) -> FastAPI:
    """The application that serves one library."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(server.folders.begin, settings.music)
        yield
        app.state.closing = True
        await run_in_threadpool(server.close)

    app = FastAPI(
        title="partwise",
        summary="Find music by the part you mean.",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        servers=[{"url": settings.root_path}] if settings.root_path else None,
        lifespan=lifespan,
    )
    app.state.server = server
    app.state.settings = settings
    app.state.closing = False
    add_error_handlers(app)
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(BodyLimits)
    app.add_middleware(
        Security,
        token=settings.token,
        hosts=settings.hosts,
        proxies=settings.proxies,
        root_path=settings.root_path,
    )
    # Added last, so it is the first that sees a request.
    app.add_middleware(Arrival, root_path=settings.root_path)
    return app


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
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Every IPv6 address means every address: many home networks give out IPv4 alone.
        both = address[0] == "::" and socket.has_dualstack_ipv6()
        return socket.create_server((host, port), family=family, backlog=512, dualstack_ipv6=both)
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
