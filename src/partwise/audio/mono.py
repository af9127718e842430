"""Channels in, one out: their mean, with those turned over that would cancel in it.

A cable or a bad transfer that inverts one channel of two leaves next to nothing of what is in both:
voice, bass and drums. What is in opposite phase is found block by block, by how channels correlate,
so a stretch that was spliced in is found too. Ordinary stereo, however wide, is left alone.
"""

from __future__ import annotations

import numpy as np

# Frames that are mixed at a time where all are there; files come in blocks of about as many.
BLOCK_FRAMES = 1 << 16
# Correlation of two channels from which on one is turned over, and is turned back: apart, so that
# sound which hovers between the two is heard in one way.
_TURNED, _BACK = -0.4, -0.1
# A shorter block says little about phase.
_TELLING_FRAMES = 4096
# One sample of so many tells how channels correlate.
_EVERY = 7
# Turning over takes so many frames, that it be no click.
_RAMP_FRAMES = 512


class Downmix:
    """The mean of the channels of one recording, block by block."""

    def __init__(self) -> None:
        self._signs = np.ones(0, np.float32)
        self._turned_s = 0.0
        self._heard_s = 0.0

    def mix(self, samples: np.ndarray, rate_hz: float) -> np.ndarray:
        """[channels, n] of any sample type to float32 [n], full scale 1."""
        rows = [as_float(channel) for channel in samples]
        total = rows[0].copy() if np.may_share_memory(rows[0], samples) else rows[0]
        if len(rows) == 1:
            return total
        first = len(self._signs) != len(rows)
        former = signs = np.ones(len(rows), np.float32) if first else self._signs
        if first or len(rows[0]) >= _TELLING_FRAMES:
            signs = _signs_of([row[::_EVERY] for row in rows], former)
        self._signs = signs
        seconds = len(rows[0]) / rate_hz
        self._heard_s += seconds
        if signs.min() < 0:
            self._turned_s += seconds
        # The first keeps its sign; adding rows is several times faster than mean() over so few.
        for row, sign, was in zip(rows[1:], signs[1:], former[1:], strict=True):
            if sign != was and not first:
                ramp = np.linspace(was, sign, min(_RAMP_FRAMES, len(row)), dtype=np.float32)
                total[: len(ramp)] += row[: len(ramp)] * ramp
                row, rest = row[len(ramp) :], total[len(ramp) :]
            else:
                rest = total
            if sign > 0:
                rest += row
            else:
                rest -= row
        total *= 1.0 / len(rows)
        return total

    def notes(self) -> list[str]:
        """What was wrong with what was mixed so far, a clause each."""
        if not self._turned_s:
            return []
        where = ""
        if self._turned_s < 0.9 * self._heard_s:
            where = f" for {self._turned_s:.1f} s of {self._heard_s:.1f} s"
        return [f"the channels are in opposite phase{where}: heard with one turned over"]


def mono_of(samples: np.ndarray, rate_hz: float) -> tuple[np.ndarray, list[str]]:
    """[n, channels] of any number type to float32 [n], full scale 1, and notes."""
    downmix = Downmix()
    starts = range(0, len(samples), BLOCK_FRAMES)
    blocks = [downmix.mix(samples[start : start + BLOCK_FRAMES].T, rate_hz) for start in starts]
    return np.concatenate(blocks or [np.zeros(0, np.float32)]), downmix.notes()


def as_float(samples: np.ndarray) -> np.ndarray:
    """As float32 of full scale 1; a copy where it was not so. Unsigned integers are centred."""
    numbers = samples.astype(np.float32, copy=False)
    if samples.dtype.kind in "iu":
        full_scale = 2.0 ** (8 * samples.dtype.itemsize - 1)
        numbers *= 1.0 / full_scale
        if samples.dtype.kind == "u":
            numbers -= 1.0
    return numbers


def _signs_of(rows: list[np.ndarray], former: np.ndarray) -> np.ndarray:
    """1 or -1 for each channel: as it goes with the earlier one that it correlates with most."""
    signs = former.copy()
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number turns nothing over
        rows = [row - row.mean() for row in rows]  # an offset of the converter is no sound
        powers = [_product(row, row) for row in rows]
        for index in range(1, len(rows)):
            strongest = 0.0
            for other in range(index):
                mean = (powers[index] + powers[other]) / 2
                if not 0 < mean < np.inf:
                    continue
                alike = _product(rows[index], rows[other]) / mean * signs[other]
                if abs(alike) > abs(strongest):
                    strongest = alike
            if strongest < _TURNED:
                signs[index] = -1
            elif strongest > _BACK and strongest != 0:
                signs[index] = 1
    return signs


def _product(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.einsum("i,i->", one, other))
