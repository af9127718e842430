"""Segments as windows: what the network hears at a time, and how a segment is made of it.

A network that was trained on windows of 5 s hears windows of about that length, side by side.
Segments of 10 s that start every 5 s share them, so that every second is heard once and not twice.
A segment depends on its own samples alone: cut out of its recording, it is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from partwise.audio.segment import is_silent
from partwise.parts import PARTS

# Windows that the network hears at once. 1 to 16 segments were measured equally fast; more only
# cost memory (4 MB of activations for a window of 5 s with the shipped network).
_AT_ONCE = 8

# log-mel [batch, frames, bands] -> embeddings [batch, parts, dim], presence [batch, parts]
Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
_Bounds = tuple[int, int]


def windows_of(begin: int, length: int, window: int | None) -> list[_Bounds]:
    """The equal windows, from sample to sample, that a segment is heard in: about ``window`` each.

    window : None hears the segment as a whole.
    """
    count = 1 if window is None else max(1, round(length / window))
    edges = [begin + length * index // count for index in range(count + 1)]
    return list(pairwise(edges))


def joined(embeddings: np.ndarray, presence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A segment (vector [parts, dim] of unit norm, presence [parts]) from its windows.

    A part that is heard in one window is heard in the segment: presence is the largest. The vector
    is the mean direction of the windows, each counting by its presence.

    embeddings : [windows, parts, dim]; presence : [windows, parts], 0 in silent windows.
    """
    vector = np.einsum("wp,wpd->pd", presence, embeddings)
    norm = np.linalg.norm(vector, axis=1, keepdims=True)
    vector = np.divide(vector, norm, out=np.zeros_like(vector), where=norm > 0)
    return vector, presence.max(axis=0)


class Hearing:
    """Hears the segments of one recording, in their order; windows that they share are heard once.

    window : samples that the network hears at a time; None hears segments as a whole.
    """

    def __init__(
        self,
        logmel: Callable[[np.ndarray], np.ndarray],
        network: Network,
        dim: int,
        window: int | None,
    ) -> None:
        self._logmel = logmel
        self._network = network
        self._dim = dim
        self._window = window
        self._known: dict[_Bounds, tuple[np.ndarray, np.ndarray]] = {}

    def hear(self, segments: Sequence[tuple[int, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
        """Segments (first sample's position, samples) to embeddings and presence, not gated.

        Embeddings float32 [segments, parts, dim] have unit norm, or are zeros as presence is where
        the segment is silent.
        """
        embeddings = np.zeros((len(segments), len(PARTS), self._dim), np.float32)
        presence = np.zeros((len(segments), len(PARTS)), np.float32)
        sounding = [i for i, (_, samples) in enumerate(segments) if not is_silent(samples)]
        cut = {i: windows_of(segments[i][0], len(segments[i][1]), self._window) for i in sounding}
        unknown = {
            (start, end): segments[i][1][start - segments[i][0] : end - segments[i][0]]
            for i, windows in cut.items()
            for start, end in windows
            if (start, end) not in self._known
        }
        self._learn(unknown)
        for i, windows in cut.items():
            heard = [self._known[bounds] for bounds in windows]
            if len(heard) == 1:
                embeddings[i], presence[i] = heard[0]
            else:
                vectors, surely = zip(*heard, strict=True)
                embeddings[i], presence[i] = joined(np.stack(vectors), np.stack(surely))
        # Later segments begin after the last of these: what lies before it is not asked for again.
        last = segments[-1][0]
        self._known = {bounds: heard for bounds, heard in self._known.items() if bounds[0] > last}
        return embeddings, presence

    def _learn(self, windows: dict[_Bounds, np.ndarray]) -> None:
        by_length: dict[int, list[_Bounds]] = {}
        for bounds, samples in windows.items():
            if is_silent(samples):
                nothing = np.zeros((len(PARTS), self._dim), np.float32)
                self._known[bounds] = nothing, nothing[:, 0]
            else:
                by_length.setdefault(len(samples), []).append(bounds)
        for alike in by_length.values():
            for first in range(0, len(alike), _AT_ONCE):
                some = alike[first : first + _AT_ONCE]
                log_mel = np.stack([self._logmel(windows[bounds]) for bounds in some])
                heard = zip(*self._network(log_mel), strict=True)
                self._known.update(zip(some, heard, strict=True))
