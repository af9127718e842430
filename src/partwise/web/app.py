"""The web application: every router, the checks before them, and the files of the pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles

from partwise import __version__
from partwise.web.errors import add_error_handlers
from partwise.web.jobs import Jobs
from partwise.web.limits import BodyLimits
from partwise.web.security import LOOPBACK_NAMES, Security
from partwise.web.server import Server
from partwise.web.shared import Shared

STATIC = Path(__file__).parent / "static"

# In this order, because addresses are tried in it. Modules with an attribute ``router``.
ROUTERS = (
    "api_docs",
    "api_search",
    "api_tracks",
    "api_uploads",
    "api_playlists",
    "api_index",
    "media",
    "map_routes",
    "pages",
    "subsonic",
)


@dataclass(frozen=True)
class Settings:
    """How a server is reached and what it may do.

    token : what clients have to know; None on loopback.
    hosts : names by which it may be called (``security.Security``); None for any, with a token.
    music : folders inside which clients may have folders indexed; None for any folder, () for none.
    """

    token: str | None = None
    hosts: frozenset[str] | None = LOOPBACK_NAMES
    music: tuple[Path, ...] | None = None

    @property
    def can_index(self) -> bool:
        """Whether clients may start an indexing run at all."""
        return self.music is None or bool(self.music)


def create_app(server: Server, settings: Settings | None = None) -> FastAPI:
    """The application that serves one library."""
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield
        app.state.closing = True
        await run_in_threadpool(shared.close)

    app = FastAPI(
        title="partwise",
        summary="Find music by the part you mean.",
        version=__version__,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.server = server
    app.state.settings = settings
    app.state.shared = shared = Shared(server, Jobs(server, settings.music))
    app.state.closing = False
    add_error_handlers(app)
    for name in ROUTERS:
        app.include_router(import_module(f"partwise.web.{name}").router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.add_middleware(BodyLimits)
    # Added last, so it is the first that sees a request.
    app.add_middleware(Security, token=settings.token, hosts=settings.hosts)
    return app
