"""The segments of every stem on a common grid: 3 s every 1.5 s, and where each of them sounds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.training.stem_bank import StemBank

_QUARTERS = 4  # a stem that pauses for a quarter of a segment counts as silent there


@dataclass(frozen=True)
class SegmentGrid:
    """The stems of all pieces, cut into segments; all stems of a piece begin together.

    frames, hop : length and distance of segments [mel frames]
    row : int64 [pieces, parts=5, places], first row of the segment in the bank, -1 if there is none
    active : bool, same shape: the stem plays throughout (the paper's silence rule)
    heard : bool, same shape: the stem is heard at all
    """

    frames: int
    hop: int
    row: np.ndarray
    active: np.ndarray
    heard: np.ndarray

    @classmethod
    def of(cls, bank: StemBank, seconds: float, hop_s: float) -> SegmentGrid:
        """Cut every stem of a bank. Raises PartwiseError when none holds two segments.

        The paper calls a stem silent in a segment when its waveform has a range below 1e-4 in any
        window of a quarter of it. Here: when no frame of some quarter is active (`bank.active`).
        """
        frames = round(seconds * bank.mel.frames_per_s)
        hop = round(hop_s * bank.mel.frames_per_s)
        longest = max(stem.frames for part in PARTS for stem in bank.stems[part])
        places = (longest - frames) // hop + 1
        if places < 2:
            raise PartwiseError(
                f"two adjacent segments are {seconds + hop_s:g} s long, the longest stem is "
                f"{longest / bank.mel.frames_per_s:.1f} s"
            )
        row = np.full((len(bank.pieces), len(PARTS), places), -1, dtype=np.int64)
        offsets = np.arange(places) * hop
        for part in PARTS:
            stems = bank.stems[part]
            piece = [stem.piece for stem in stems]
            first = np.array([stem.first for stem in stems])[:, None]
            length = np.array([stem.frames for stem in stems])[:, None]
            row[piece, part.index] = np.where(offsets + frames <= length, first + offsets, -1)
        there = row >= 0
        anywhere = np.where(there, row, 0)  # some row that can be looked at
        quarter = frames // _QUARTERS
        quarters = anywhere[..., None] + np.arange(_QUARTERS) * quarter
        active = there & (bank.sounding(quarters, quarter) > 0).all(axis=-1)
        heard = there & (bank.sounding(anywhere, frames) > 0)
        return cls(frames, hop, row, active, heard)

    def number(self, piece: np.ndarray, part: np.ndarray | int, place: np.ndarray) -> np.ndarray:
        """Segments by one number, their position in the flattened grid."""
        return (piece * len(PARTS) + part) * self.row.shape[2] + place

    def windows(
        self, bank: StemBank, number: np.ndarray, device: str | torch.device = "cpu"
    ) -> Tensor:
        """The log-mel of existing segments by their numbers [n]: float32 [n, frames, bands], dB."""
        return bank.windows(self.row.reshape(-1)[number], self.frames, str(device))


def choose(allowed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One allowed column of each row, at random: bool [n, columns] -> int64 [n].

    Rows that allow none get some column all the same.
    """
    return np.argmax(rng.random(allowed.shape) * allowed, axis=1)


class StemTriplets:
    """Triplets of clean stems: two segments of one song's stem, and one of another song's."""

    def __init__(self, grid: SegmentGrid) -> None:
        self.grid = grid
        self._songs = [
            np.flatnonzero(grid.active[:, part.index].sum(axis=1) >= 2) for part in PARTS
        ]
        for part in PARTS:
            if len(self._songs[part.index]) < 2:
                raise PartwiseError(
                    f"a teacher for {part} needs two pieces in which it plays in two segments"
                )

    def draw(self, triplets: int, rng: np.random.Generator) -> np.ndarray:
        """Numbers of segments (`SegmentGrid.number`), int64 [roles=3, parts=5, triplets]."""
        drawn = np.empty((3, len(PARTS), triplets), dtype=np.int64)
        each = np.arange(triplets)
        for part in PARTS:
            i, songs = part.index, self._songs[part.index]
            first = rng.integers(len(songs), size=triplets)
            other = (first + rng.integers(1, len(songs), size=triplets)) % len(songs)
            same, another = songs[first], songs[other]
            may = self.grid.active[same, i]  # a copy: [triplets, places]
            anchor = choose(may, rng)
            may[each, anchor] = False
            places = [anchor, choose(may, rng), choose(self.grid.active[another, i], rng)]
            for role, (song, place) in enumerate(zip((same, same, another), places, strict=True)):
                drawn[role, i] = self.grid.number(song, part.index, place)
        return drawn
