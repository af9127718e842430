"""``/api/v1/usual``: what scores are usual in this library."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from partwise.parts import PartWeights
from partwise.web.responses import json_response
from partwise.web.schema_types import SMALLEST_WEIGHT, Answer, Asked, Weights
from partwise.web.schemas import JSON_ERRORS, error_answers
from partwise.web.server import OneServer

router = APIRouter(prefix="/api/v1", tags=["search"])


class UsualAsked(Asked):
    """Weights, for which scores of random pairs are wanted."""

    weights: Weights = Field(description='by part, or text such as "drums=2,bass"; one above 0')
    passages: bool = Field(False, strict=True, description="of a passage and a track")


class UsualSeen(Answer):
    """How random pairs of this library score.

    pairs : how many were looked at. A share ``shares[i]`` of them (0 to 1, ascending) scores less
    than ``scores[i]``; both are empty where the library has too few pairs.
    """

    pairs: int
    shares: list[float]
    scores: list[float]


@router.post("/usual", response_model=UsualSeen, responses=error_answers(*JSON_ERRORS))
def usual(asked: UsualAsked, server: OneServer) -> Response:
    """What two tracks of this library that are drawn at random score under some weights.

    A hit's score is to be read against these: its share says how uncommon such a likeness is, and
    at the share of a half likeness ends.
    """
    server.check()
    weights = PartWeights.of({p: w for p, w in asked.weights.items() if w >= SMALLEST_WEIGHT})
    pairs, shares, scores = server.library.searcher.usual(asked.passages).levels(weights)
    return json_response({"pairs": pairs, "shares": shares, "scores": scores})
