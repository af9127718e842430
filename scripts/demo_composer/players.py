"""What a player is: an instrument, its sound, and a way of playing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeVar

import numpy as np

from demo_composer.harmony import Bar
from demo_composer.score import Note

T = TypeVar("T")

FLUID = "FluidR3_GM.sf2"
CSOUND = "sf_GMbank.sf2"

# float [samples], sample rate in Hz -> the same shape
Effect = Callable[[np.ndarray, int], np.ndarray]


class Player(ABC):
    """One musician. A subclass is a person: class attributes say what they play and how it sounds.

    A player object plays one piece: it is made with that piece's random generator, chooses from
    its own vocabulary in ``__init__`` and keeps to the choice, as a musician does within a song.
    """

    name: ClassVar[str]
    instrument: ClassVar[str]
    way: ClassVar[str]
    font: ClassVar[str] = FLUID
    bank: ClassVar[int] = 0
    program: ClassVar[int]
    effects: ClassVar[tuple[Effect, ...]] = ()
    # The slowest and fastest tempo at which the player is at home, beats a minute.
    tempo: ClassVar[tuple[int, int]] = (78, 140)
    # Timing error, as a share of a beat, and how far the sound leans behind the beat.
    looseness: ClassVar[float] = 0.008
    behind: ClassVar[float] = 0.0
    # 0 straight, 1 triplets: only drummers decide how a piece swings.
    swing: ClassVar[float] = 0.0

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    @abstractmethod
    def bar(self, bar: Bar) -> list[Note]:
        """The notes of one bar, beats counted from the start of the bar."""

    @abstractmethod
    def ending(self, bar: Bar) -> list[Note]:
        """The notes of the closing bar."""

    def play(self, bars: Sequence[Bar]) -> list[Note]:
        """The notes of all ``bars``, beats counted from the start of the piece."""
        notes: list[Note] = []
        for bar in bars:
            here = self.ending(bar) if bar.last else self.bar(bar)
            for n in here:
                beat = bar.start + n.beat + self.behind
                notes.append(Note(beat, n.beats, n.key, n.velocity, n.bend_from))
        return notes

    def pick(self, choices: Sequence[T]) -> T:
        return choices[int(self.rng.integers(len(choices)))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)
