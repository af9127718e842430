"""``/api/v1``: indexing runs, and how they go."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from partwise.web.errors import Refused
from partwise.web.events import EventStream
from partwise.web.schemas import JSON_ERRORS, IndexAsked, Job, JobSeen, error_answers
from partwise.web.shared import Shared, json_response, shared_of

router = APIRouter(prefix="/api/v1", tags=["index"])

# Open streams of events at a time.
MOST_STREAMS = 64


@router.post(
    "/index",
    status_code=202,
    response_model=Job,
    responses=error_answers(403, 409, *JSON_ERRORS),
)
def start(asked: IndexAsked, request: Request, shared: Shared = Depends(shared_of)) -> Response:
    """Hear folders on the server's machine; what was heard before is not heard again.

    A run that was stopped goes on from there when it is started again.
    """
    if not request.app.state.settings.can_index:
        raise Refused(403, "this server does not index: start it with --music FOLDER")
    job = shared.jobs.start(asked.folders, retry_failed=asked.retry_failed, prune=asked.prune)
    return json_response(job.as_json(), 202)


@router.get("/index", response_model=JobSeen)
def seen(shared: Shared = Depends(shared_of)) -> Response:
    """The run of the moment, or the last one."""
    job = shared.jobs.job
    return json_response({"job": None if job is None else job.as_json()})


@router.delete("/index", response_model=Job, responses=error_answers(409))
def stop(shared: Shared = Depends(shared_of)) -> Response:
    """Ask the run to end; what is done is kept."""
    return json_response(shared.jobs.stop().as_json())


@router.get(
    "/index/events",
    response_class=Response,
    responses={
        200: {
            "description": "Events called job, on every change; their data is the Job as JSON.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **error_answers(503),
    },
)
async def events(request: Request, shared: Shared = Depends(shared_of)) -> Response:
    """How the run goes, as server-sent events; the stream stays open between runs."""
    if shared.streams >= MOST_STREAMS:
        raise Refused(503, "too many are following the index already: ask again a little later")
    shared.streams += 1

    def read() -> tuple[Any, dict[str, Any]] | None:
        job = shared.jobs.job
        return None if job is None else ((job.job_id, job.number), job.as_json())

    def done() -> None:
        shared.streams -= 1

    state = request.app.state
    return EventStream("job", read, lambda: state.closing, done)
