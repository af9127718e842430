"""What is heard in a recording: one vector per segment and part, and how two of them compare."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from partwise.atomic import replacing
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise.paths import shown

# Dimensions of every field that is an array.
_ARRAYS = {"embeddings": 3, "presence": 2, "start_s": 1, "end_s": 1, "presence_threshold": 1}


@dataclass(frozen=True)
class PartEmbeddings:
    """The embeddings of one recording, segment by segment.

    embeddings : float32 [segments, parts=5, dim], unit norm where the part is present, else zeros.
    presence : float32 [segments, parts=5], 0..1.
    start_s, end_s : float64 [segments], the window that each segment covers.
    seconds : length of the recording.
    presence_threshold : float32 [parts=5], from which presence on a part counts as present.
    notes : what was wrong with the file though it could be used, a clause each.
    """

    embeddings: np.ndarray
    presence: np.ndarray
    start_s: np.ndarray
    end_s: np.ndarray
    seconds: float
    presence_threshold: np.ndarray = field(
        default_factory=lambda: np.full(len(PARTS), 0.5, np.float32)
    )
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        segments = len(self.embeddings)
        shapes = {
            "embeddings": (self.embeddings.shape[:2], (segments, len(PARTS))),
            "presence": (self.presence.shape, (segments, len(PARTS))),
            "start_s": (self.start_s.shape, (segments,)),
            "end_s": (self.end_s.shape, (segments,)),
            "presence_threshold": (self.presence_threshold.shape, (len(PARTS),)),
        }
        for name, (shape, wanted) in shapes.items():
            if shape != wanted:
                raise PartwiseError(f"{name} has the shape {shape} where {wanted} is needed")

    def __len__(self) -> int:
        """How many segments there are."""
        return len(self.embeddings)

    @property
    def dim(self) -> int:
        return self.embeddings.shape[2]

    def to_values(self) -> dict[str, Any]:
        """Every field by its name: arrays, numbers and text, for ``of_values``."""
        return {one.name: getattr(self, one.name) for one in fields(self)}

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> PartEmbeddings:
        """What ``to_values`` gave. Raises ValueError, KeyError or PartwiseError where it does not
        fit: whoever sent it may have made it up."""
        arrays = {name: np.asarray(values[name]) for name in _ARRAYS}
        for name, array in arrays.items():
            kind = np.float64 if name.endswith("_s") else np.float32
            if array.ndim != _ARRAYS[name] or array.dtype != kind:
                raise ValueError(f"{name} is not what was asked for")
        notes = tuple(str(note) for note in values["notes"])
        return cls(**arrays, seconds=float(values["seconds"]), notes=notes)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write them as an ``.npz`` of the fields, all at once or not at all. Raises OSError."""
        with replacing(Path(path)) as file:
            np.savez(file, **self.to_values())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> PartEmbeddings:
        """What ``save`` wrote. Raises PartwiseError where the file is none of that."""
        try:
            with np.load(path, allow_pickle=False) as file:
                return cls.of_values(file)
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            why = getattr(error, "strerror", None) or error
            raise PartwiseError(f"{shown(path)} holds no part embeddings: {why}") from None

    def track(self) -> tuple[np.ndarray, np.ndarray]:
        """The whole recording as (vector float32 [5, dim], presence float32 [5]).

        A part's presence is the mean of the highest quarter (at least one) of its segments'
        presences: a guitar that plays in a third of the recording is in it. Its vector is the mean
        direction of the segments, each counting by its presence; zeros where the part's presence is
        below its threshold.
        """
        quarter = max(1, len(self) // 4)
        presence = np.sort(self.presence, axis=0)[-quarter:].mean(axis=0)
        vector = np.einsum("sp,spd->pd", self.presence, self.embeddings)
        norm = np.linalg.norm(vector, axis=1, keepdims=True)
        vector = np.divide(vector, norm, out=np.zeros_like(vector), where=norm > 0)
        vector[presence < self.presence_threshold] = 0.0
        return vector.astype(np.float32), presence.astype(np.float32)

    def parts_present(self) -> tuple[Part, ...]:
        """The parts that are heard in the recording as a whole."""
        _, presence = self.track()
        return tuple(p for p in PARTS if presence[p.index] >= self.presence_threshold[p.index])

    def between(self, start_s: float, end_s: float) -> PartEmbeddings:
        """Only the segments that overlap ``start_s``..``end_s``.

        Raises PartwiseError where none does, naming the range and the recording's length.
        """
        if not start_s < end_s:
            raise PartwiseError(f"the range {start_s:g}-{end_s:g} s ends before it starts")
        inside = (self.start_s < end_s) & (self.end_s > start_s)
        if not inside.any():
            raise PartwiseError(
                f"there is nothing at {start_s:g}-{end_s:g} s: "
                f"the recording is {self.seconds:.1f} s long"
            )
        return self.take(inside)

    def take(self, chosen: np.ndarray) -> PartEmbeddings:
        """Only the chosen segments; chosen : bool [segments], at least one of them True."""
        return replace(
            self,
            embeddings=self.embeddings[chosen],
            presence=self.presence[chosen],
            start_s=self.start_s[chosen],
            end_s=self.end_s[chosen],
        )


def score(query: np.ndarray, x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """How alike the wanted parts sound, float32 [n] in -1..1.

    query : float32 [parts=5, dim], x : float32 [n, parts=5, dim], weights : [parts=5], not negative
    and at least one above 0. This formula is the definition; every index must agree with it.
    """
    weights = np.asarray(weights, dtype=np.float32)
    if weights.min() < 0 or not weights.sum() > 0:
        raise PartwiseError("part weights must not be negative, and at least one must be above 0")
    return np.einsum("pd,npd,p->n", query, x, weights, optimize=True) / weights.sum()
