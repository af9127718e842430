"""``/api/v1``: ways through the library: paths from track to track, and clusters of each part."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from partwise.library.search.clusters import MAX_COUNT as MAX_CLUSTERS
from partwise.library.search.journey import DEFAULT_COUNT, MAX_COUNT, Step
from partwise.parts import Part, PartWeights, Weights
from partwise.paths import path_to_text
from partwise.web.api_library import tracks_json
from partwise.web.api_search import TURNS
from partwise.web.responses import json_response
from partwise.web.schema_types import SMALLEST_WEIGHT, Answer, Asked, Named
from partwise.web.schema_types import Weights as AskedWeights
from partwise.web.schemas import JSON_ERRORS, Track, error_answers
from partwise.web.server import OneServer, Server
from partwise.web.uploads import UPLOAD_PREFIX

MOST_MEMBERS = 100_000

router = APIRouter(prefix="/api/v1", tags=["explore"])


class PathAsked(Asked):
    """A path between two tracks of the library."""

    start: Named = Field(description="an id, or a name that means one track")
    end: Named = Field(description="the same, of the last track")
    weights: AskedWeights | None = Field(
        None,
        description='by part, or text such as "drums=2,bass"; null: all that are heard in both',
    )
    count: int = Field(
        DEFAULT_COUNT, strict=True, ge=2, le=MAX_COUNT, description="of tracks, both ends included"
    )


class PathStep(Track):
    """One track of a path. progress : 0 at the start, 1 at the end.

    similarity : weighted score to the start. step_similarity : to the track before; null for the
    start.
    """

    progress: float
    similarity: float
    step_similarity: float | None


class Path(Answer):
    """From ``start`` to ``end``, which are the ids of the first step and the last."""

    start: str
    end: str
    model: str
    took_ms: float
    steps: list[PathStep]


class ClusterTrack(Answer):
    """A track of a cluster, in few words."""

    track_id: str
    title: str
    artist: str | None
    album: str | None
    year: int | None
    genre: str | None
    duration_s: float
    paths: list[str]


class ClusterMember(ClusterTrack):
    """typicality : its mean similarity to all tracks of the cluster, -1..1."""

    typicality: float


class Cluster(Answer):
    """Tracks in which the part sounds alike, the most typical first.

    name : the titles of ``typical``, the first few that are no near-duplicates of each other.
    size : how many tracks it has, of which the first stand in ``members``.
    """

    name: str
    size: int
    typical: list[ClusterTrack]
    members: list[ClusterMember]


class Clusters(Answer):
    """Largest first. tracks : how many have the part."""

    part: Part
    tracks: int
    clusters: list[Cluster]


@router.post("/path", response_model=Path, responses=error_answers(404, *JSON_ERRORS))
def path(asked: PathAsked, server: OneServer) -> Response:
    """Tracks that lead evenly from one to another by the wanted parts, both included.

    Shorter than ``count`` where fewer tracks have these parts.
    """
    started = time.perf_counter()
    server.check()
    start, end = (server.id_of(name) for name in (asked.start, asked.end))
    for song_id in (start, end):
        if not song_id.startswith(UPLOAD_PREFIX):  # what an upload lacks is told below
            server.track(song_id)
    weights = None
    if asked.weights is not None:
        weights = PartWeights.of({p: w for p, w in asked.weights.items() if w >= SMALLEST_WEIGHT})
    steps = journey(server, start, end, asked.count, weights)
    answer = {
        "start": steps[0].track_id,
        "end": steps[-1].track_id,
        "model": server.library.store.digest,
        "took_ms": round(1000 * (time.perf_counter() - started), 2),
        "steps": _steps_json(server, steps),
    }
    return json_response(answer)


def journey(
    server: Server, start: str, end: str, count: int, weights: Weights | None
) -> list[Step]:
    """``Library.journey``, when it is its turn."""
    with TURNS:
        return server.library.journey(start, end, count, weights)


def _steps_json(server: Server, steps: Sequence[Step]) -> list[dict[str, Any]]:
    """See ``PathStep``; of a track's files the one that is there comes first."""
    found = {
        track["track_id"]: track
        for track in tracks_json(server, [server.track(step.track_id) for step in steps])
    }
    answer = []
    for step in steps:
        track, there = found[step.track_id], path_to_text(os.fspath(step.path))
        paths = sorted(track["paths"], key=lambda one: one != there)
        answer.append(
            track
            | {
                "paths": paths,
                "progress": step.progress,
                "similarity": step.similarity,
                "step_similarity": step.step_similarity,
            }
        )
    return answer


@router.get("/clusters/{part}", response_model=Clusters, responses=error_answers(422))
def clusters(
    part: Part,
    server: OneServer,
    count: Annotated[
        int | None,
        Query(ge=1, le=MAX_CLUSTERS, description="by default the root of their number, at most 24"),
    ] = None,
    members: Annotated[
        int, Query(ge=0, le=MOST_MEMBERS, description="so many of each cluster are told")
    ] = 50,
) -> Response:
    """The tracks that have a part, in clusters by how alike it sounds."""
    with TURNS:
        found = server.clusters(part, count)
    answer = {
        "part": part,
        "tracks": sum(cluster.size for cluster in found),
        "clusters": [cluster.to_json(members) for cluster in found],
    }
    return json_response(answer)
