"""Stems as the protocols take them: at their piece's natural level, and where they sound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.data.stems import StemPiece

REFERENCE_RMS = 0.1
_FULL_SCALE = np.float32(1 << 15)
# Recorded stems are never quite silent: what lies this far below the loudest window is hiss, or
# the neighbours heard through the microphone.
_QUIETEST_DB = -30.0


class StemReader:
    """Reads stems, each brought to its piece's natural level: the mix of the piece at -20 dBFS.

    Several threads may read at a time. What was read last stays in memory, up to `cache_bytes`.
    A stem that cannot be decoded is taken as silent and noted in `faults`; so is one that is
    silent throughout.
    """

    def __init__(
        self, pieces: Sequence[StemPiece], sample_rate_hz: int, cache_bytes: int = 1 << 30
    ) -> None:
        self.pieces = pieces
        self.sample_rate_hz = sample_rate_hz
        self.cache_bytes = cache_bytes
        self.faults: dict[str, str] = {}
        self._cache: OrderedDict[tuple[int, Part], np.ndarray] = OrderedDict()
        self._held = 0
        self._levels: dict[int, tuple[np.float32, int]] = {}  # gain, length in samples
        self._lock = threading.Lock()

    def stem(self, index: int, part: Part) -> np.ndarray:
        """float32 [samples] of one stem, as long as the longest of its piece."""
        gain, length = self._level(index)
        samples = self._read(index, part) * gain
        return samples if len(samples) == length else np.pad(samples, (0, length - len(samples)))

    def stems(self, index: int) -> dict[Part, np.ndarray]:
        """part -> float32 [samples], all stems of one piece."""
        return {part: self.stem(index, part) for part in self.pieces[index].stems}

    def whole(self, index: int) -> np.ndarray:
        """The piece as its listeners hear it, with what is in no stem: float32 [samples]."""
        gain, length = self._level(index)
        return self._sum(index, length) * gain

    def mix(self, sources: Mapping[Part, int]) -> tuple[np.ndarray, dict[Part, np.ndarray]]:
        """The sum of the stems, cut to the shortest, and the stems: float32 [samples] each."""
        stems = {part: self.stem(index, part) for part, index in sources.items()}
        length = min(len(stem) for stem in stems.values())
        stems = {part: stem[:length] for part, stem in stems.items()}
        return np.sum(list(stems.values()), axis=0), stems

    def _level(self, index: int) -> tuple[np.float32, int]:
        """The gain of a piece's stems and their length; measured at the first call."""
        if index not in self._levels:
            total = self._sum(index, 0)
            rms = float(np.sqrt(np.mean(total * total))) if len(total) else 0.0
            self._levels[index] = np.float32(REFERENCE_RMS / max(rms, 1e-6)), len(total)
        return self._levels[index]

    def _sum(self, index: int, length: int) -> np.ndarray:
        piece = self.pieces[index]
        stems = [self._read(index, part) for part in piece.stems]
        stems += [self._safely(piece, "mixed", lambda: piece.read_rest(self.sample_rate_hz))]
        total = np.zeros(max(length, *(len(stem) for stem in stems)), dtype=np.float32)
        for stem in stems:
            total[: len(stem)] += stem
        return total

    def _read(self, index: int, part: Part) -> np.ndarray:
        """float32 [samples] as in the file, from the cache where it is there."""
        key = (index, part)
        with self._lock:
            kept = self._cache.get(key)
            if kept is not None:
                self._cache.move_to_end(key)
        if kept is None:
            piece = self.pieces[index]
            kept = _compact(
                self._safely(piece, part, lambda: piece.read(part, self.sample_rate_hz))
            )
            if not kept.any():
                self.faults.setdefault(f"{piece.name}: {part}", "it is silent")
            with self._lock:
                if key not in self._cache:
                    self._held += kept.nbytes
                self._cache[key] = kept
                while self._held > self.cache_bytes:
                    self._held -= self._cache.popitem(last=False)[1].nbytes
        return kept if kept.dtype == np.float32 else kept / _FULL_SCALE

    def _safely(self, piece: StemPiece, what: str, read: Callable[[], np.ndarray]) -> np.ndarray:
        try:
            return read()
        except PartwiseError as error:
            self.faults[f"{piece.name}: {what}"] = str(error)
            return np.zeros(0, np.float32)


def _compact(samples: np.ndarray) -> np.ndarray:
    """int16 where nothing is lost by it (16-bit files at their own rate), else as it is."""
    scaled = samples * _FULL_SCALE
    if scaled.size and np.abs(scaled).max() < _FULL_SCALE:
        whole = scaled.astype(np.int16)
        if np.array_equal(whole, scaled):
            return whole
    return samples


def is_silent_stem(samples: np.ndarray) -> bool:
    """The paper's rule: silent if any quarter of the segment has a range below 1e-4."""
    quarters = np.array_split(samples, 4)
    return any(float(q.max() - q.min()) < 1e-4 for q in quarters)


def side_by_side(samples: int, length: int) -> list[int]:
    """Where segments of `length` begin that do not overlap; what is left over goes."""
    return list(range(0, samples - length + 1, length))


def window_starts(samples: int, length: int) -> list[int]:
    """Where windows of `length` begin: side by side, or two that overlap by at most half."""
    starts = side_by_side(samples, length)
    if len(starts) == 1 and samples >= 1.5 * length:
        starts.append(samples - length)
    return starts


def sounding(stem: np.ndarray, starts: list[int], length: int) -> list[int]:
    """Those of the windows in which the stem, float32 [samples], sounds."""
    if not starts:
        return []
    powers = np.array([np.mean(stem[s : s + length] ** 2) for s in starts])
    floor = powers.max() * 10.0 ** (_QUIETEST_DB / 10.0)
    return [
        s
        for s, power in zip(starts, powers, strict=True)
        if power > floor and not is_silent_stem(stem[s : s + length])
    ]


def evenly(items: list[int], most: int) -> list[int]:
    """At most `most` of the items, spread over all of them."""
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]
