"""The five parts, in the order used everywhere, and the weights a user asks for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from partwise.errors import PartwiseError


class Part(StrEnum):
    """One part of a mix. The order of definition is the order of every part axis."""

    DRUMS = "drums"
    BASS = "bass"
    PIANO = "piano"
    GUITAR = "guitar"
    OTHER = "other"

    @property
    def index(self) -> int:
        """Position on a part axis, 0..4."""
        return PARTS.index(self)

    @classmethod
    def parse(cls, text: str) -> Part:
        """Read a part's name, in any case. Raises PartwiseError for an unknown one."""
        try:
            return cls(text.strip().lower())
        except ValueError:
            names = ", ".join(PARTS)
            raise PartwiseError(f"unknown part {text.strip()!r}: choose from {names}") from None


PARTS: tuple[Part, ...] = tuple(Part)
# Plain text: an answer of 500 hits holds thousands of them, and an enum costs each time.
PART_NAMES: tuple[str, ...] = tuple(part.value for part in PARTS)


def _items(text: str) -> list[tuple[str, str, str]]:
    """Name, sign of equality and number of each piece of ``"drums=2,bass"``."""
    return [piece.partition("=") for piece in map(str.strip, text.split(",")) if piece]


def by_part(values: Sequence[float] | np.ndarray) -> dict[str, float]:
    """Five numbers by the names of the parts, for JSON."""
    return {name: float(value) for name, value in zip(PART_NAMES, values, strict=True)}


@dataclass(frozen=True)
class PartWeights:
    """What the user asks for: one non-negative weight per part, at least one above 0.

    values : tuple of five floats in the order of ``PARTS``.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.values) != len(PARTS):
            raise PartwiseError(f"{len(PARTS)} part weights are needed, not {len(self.values)}")
        for part, value in zip(PARTS, self.values, strict=True):
            if not math.isfinite(value) or value < 0:
                raise PartwiseError(f"the weight of {part} is {value:g}: it must be 0 or more")
        if not any(value > 0 for value in self.values):
            raise PartwiseError("every part weight is 0: at least one must be above 0")

    @classmethod
    def uniform(cls) -> PartWeights:
        """All five parts count the same."""
        return cls((1.0,) * len(PARTS))

    @classmethod
    def of(cls, weights: Mapping[Part, float]) -> PartWeights:
        """From a mapping; parts that are not named weigh 0."""
        return cls(tuple(float(weights.get(part, 0.0)) for part in PARTS))

    @classmethod
    def one(cls, part: Part) -> PartWeights:
        """Only ``part`` counts."""
        return cls.of({part: 1.0})

    @classmethod
    def parse(cls, asked: Weights) -> PartWeights:
        """Read weights however they are written: the one place that does.

        asked : ``"drums=2,bass"`` (named parts, weight 1 unless given), a mapping of parts or their
            names to numbers (``{"drums": 2}``), or part weights. Parts that are not named weigh 0.

        Raises PartwiseError for an unknown or repeated part, or a weight that is not a number
        of at least 0, or when nothing weighs more than 0.
        """
        if isinstance(asked, PartWeights):
            return asked
        if isinstance(asked, str):
            items = [(name, number if sign else 1.0) for name, sign, number in _items(asked)]
        elif isinstance(asked, Mapping):
            items = list(asked.items())
        else:
            raise PartwiseError(
                f'part weights are text ("drums=2,bass") or numbers by part ({{"drums": 2}}),'
                f" not {type(asked).__name__}"
            )
        weights: dict[Part, float] = {}
        for name, number in items:
            part = Part.parse(str(name))
            if part in weights:
                raise PartwiseError(f"{part} is named twice in {asked!r}")
            try:
                weights[part] = float(number)
            except (TypeError, ValueError, OverflowError):
                raise PartwiseError(
                    f"the weight of {part} in {asked!r} is not a number: {number!r}"
                ) from None
        if not weights:
            raise PartwiseError("no part is named: write for example drums=2,bass")
        return cls.of(weights)

    @property
    def wanted(self) -> tuple[Part, ...]:
        """The parts that weigh more than 0."""
        return tuple(p for p, value in zip(PARTS, self.values, strict=True) if value > 0)

    def as_array(self) -> np.ndarray:
        """float32 [parts=5]."""
        return np.asarray(self.values, dtype=np.float32)

    @property
    def words(self) -> str:
        """For people: ``drums, bass`` where they count alike, else ``drums=2, bass=1``."""
        if len(set(filter(None, self.values))) == 1:
            return ", ".join(self.wanted)
        return str(self).replace(",", ", ")

    def __str__(self) -> str:
        return ",".join(
            f"{part}={value:g}" for part, value in zip(PARTS, self.values, strict=True) if value > 0
        )


# How weights may be asked for wherever they are: see ``PartWeights.parse``.
Weights = PartWeights | str | Mapping[Any, Any]
