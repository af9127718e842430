"""What the routes of ``/api/v1`` have in common besides the ``Server``."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from pydantic_core import to_json
from starlette.responses import Response

from partwise.web.hearing import Ears
from partwise.web.jobs import Jobs
from partwise.web.known_covers import KnownCovers
from partwise.web.receiving import Gate
from partwise.web.server import Server
from partwise.web.state import LibraryState
from partwise.web.uploads import Uploads


class Shared:
    """One of each for an application."""

    def __init__(self, server: Server, jobs: Jobs) -> None:
        self.state = LibraryState(server)
        self.uploads = Uploads(server)
        self.ears = Ears(server)
        self.gate = Gate()
        self.covers = KnownCovers()
        self.jobs = jobs
        self.streams = 0  # of events, open now; touched in the event loop's thread alone

    def close(self) -> None:
        """End what runs and remove what is temporary."""
        self.jobs.close()
        self.uploads.close()


def shared_of(request: Request) -> Shared:
    """For ``Depends``."""
    return request.app.state.shared


def json_response(value: Any, status: int = 200) -> Response:
    """Plain values as JSON; numbers that are none (a silent file's level, say) become null."""
    return Response(to_json(value, inf_nan_mode="null"), status, media_type="application/json")
