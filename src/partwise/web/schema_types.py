"""Kinds of values and models that ``schemas`` is made of."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from partwise.errors import PartwiseError
from partwise.parts import PART_NAMES, Part, PartWeights

TRACK_ID = r"^[0-9a-f]{16,64}$"
SONG_ID = r"^(upload-[0-9a-f]{32}|[0-9a-f]{16,64})$"
# No control characters: neither SQL, nor paths, nor labels have a use for them.
TEXT = r"^[^\x00-\x1f\x7f]*$"
LATEST_S = 1e6
LARGEST_WEIGHT = 1000.0
# Below this a weight counts as none: sums of part weights are taken in single precision.
SMALLEST_WEIGHT = 1e-6

TrackId = Annotated[str, StringConstraints(pattern=TRACK_ID)]
SongId = Annotated[str, StringConstraints(pattern=SONG_ID)]
Text = Annotated[str, StringConstraints(pattern=TEXT, max_length=300)]
Seconds = Annotated[float, Field(strict=True, ge=0, le=LATEST_S, allow_inf_nan=False)]
Weight = Annotated[float, Field(strict=True, ge=0, le=LARGEST_WEIGHT, allow_inf_nan=False)]
Year = Annotated[int, Field(strict=True, ge=0, le=9999)]
Sort = Literal[
    "artist", "title", "album", "year", "duration_s", "drums", "bass", "piano", "guitar", "other"
]
Count = Annotated[int, Field(strict=True, ge=1, le=1000)]
Named = Annotated[str, StringConstraints(pattern=TEXT, min_length=1, max_length=300)]


def _numbers(asked: Any) -> Any:
    """Weights that are written as text, by part."""
    if not isinstance(asked, str):
        return asked
    try:
        weights = PartWeights.parse(asked)
    except PartwiseError as error:
        raise ValueError(str(error)) from None
    return dict(zip(PART_NAMES, weights.values, strict=True))


Weights = Annotated[
    dict[Part, Weight],
    BeforeValidator(_numbers, json_schema_input_type=dict[Part, Weight] | Text),
]


class Asked(BaseModel):
    """What a client sends: unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(ser_json_inf_nan="null")


class Error(Answer):
    """One sentence about what went wrong."""

    error: str
