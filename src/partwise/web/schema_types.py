"""Kinds of values and models that ``schemas`` is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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
Count = Annotated[int, Field(strict=True, ge=1, le=1000)]


class Asked(BaseModel):
    """What a client sends: unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid")


class Answer(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(ser_json_inf_nan="null")


class Error(Answer):
    """One sentence about what went wrong."""

    error: str
