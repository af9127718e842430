"""Which tracks are the same recording again: another encoding, a re-issue, a copy with other tags.

Identical content is one track already (its id is the hash of the content). What is left is the
same recording in other bytes. ``alike`` finds those by two signs that cost nothing to read: the
durations agree, and every part sounds the same. It is a heuristic. A re-recording by the same band
at the same tempo can pass it, and a version with a long silence before it will not.
"""

from __future__ import annotations

import numpy as np

from partwise.library.stores.rows import pattern_of

# Two encodings of one recording differ by the error of the codec; other takes by far more. A copy
# at half the sample rate kept 0.95 or more in its drums (cymbals are lost) and 0.999 in the rest.
ALIKE_SIMILARITY = 0.98  # mean over the parts
ALIKE_LOWEST = 0.93  # in every part
# Encoders pad and trim; 1 s covers them for short tracks, the share covers speed differences.
ALIKE_DURATION_SHARE = 0.02
ALIKE_DURATION_S = 1.0


def duration_window_s(duration_s: float) -> tuple[float, float]:
    """The shortest and longest duration that agrees with ``duration_s``, in seconds."""
    shortest = min(duration_s * (1.0 - ALIKE_DURATION_SHARE), duration_s - ALIKE_DURATION_S)
    longest = max(duration_s / (1.0 - ALIKE_DURATION_SHARE), duration_s + ALIKE_DURATION_S)
    return max(shortest, 0.0), longest


def alike(
    vector: np.ndarray, duration_s: float, vectors: np.ndarray, durations_s: np.ndarray
) -> np.ndarray:
    """Near-duplicates of one track among others, by a heuristic (see the module).

    vector : float32 [parts=5, dim], zeros where a part is absent.
    duration_s : length of that track in seconds.
    vectors, durations_s : the others, float32 [n, parts=5, dim] and [n].

    Returns bool [n]: True where the durations differ by at most 2 % or 1 s, the same parts are
    present (at least one), and their similarities are at least ``ALIKE_SIMILARITY`` in the mean and
    ``ALIKE_LOWEST`` each.
    """
    shortest_s, longest_s = duration_window_s(duration_s)
    result = (durations_s >= shortest_s) & (durations_s <= longest_s)  # [n]
    rows = np.flatnonzero(result)
    present = vector.any(axis=-1)  # [parts]
    if not len(rows) or not present.any():
        return np.zeros(len(vectors), dtype=bool)
    near = vectors[rows]  # [m, parts, dim]
    same_parts = (near.any(axis=-1) == present).all(axis=-1)
    similarities = np.einsum("pd,npd->np", vector, near)[:, present]
    close = similarities.mean(axis=-1) >= ALIKE_SIMILARITY
    result[rows] = same_parts & close & (similarities >= ALIKE_LOWEST).all(axis=-1)
    return result


class Duplicates:
    """Finds the near-duplicates of one track among many that are held in memory.

    Tracks are sorted by which parts they have and then by duration, so that a question compares
    the vectors of those few alone that agree in both.
    """

    def __init__(self, track_ids: list[str], vectors: np.ndarray, durations_s: np.ndarray) -> None:
        """track_ids [n], vectors float32 [n, parts=5, dim], durations_s [n]."""
        self._ids = track_ids
        self._vectors = vectors
        self._groups: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        patterns = pattern_of(vectors)
        for pattern in np.unique(patterns):
            rows = np.flatnonzero(patterns == pattern)
            rows = rows[np.argsort(durations_s[rows], kind="stable")]
            self._groups[int(pattern)] = rows, durations_s[rows]
        self._known: dict[str, list[str]] = {}

    def known(self, track_id: str) -> list[str] | None:
        """The remembered answer of ``of`` for a track; None if it was not asked yet."""
        return self._known.get(track_id)

    def of(self, vector: np.ndarray, duration_s: float, track_id: str | None = None) -> list[str]:
        """Ids of the near-duplicates, the track itself included where it is one of them.

        vector : float32 [parts=5, dim]. track_id : under which the answer is remembered.
        """
        if track_id is not None and track_id in self._known:
            return self._known[track_id]
        rows, durations_s = self._groups.get(int(pattern_of(vector[None])[0]), (None, None))
        found: list[str] = []
        if rows is not None and durations_s is not None:
            shortest_s, longest_s = duration_window_s(duration_s)
            first = np.searchsorted(durations_s, shortest_s, side="left")
            last = np.searchsorted(durations_s, longest_s, side="right")
            near = rows[first:last]
            same = alike(vector, duration_s, self._vectors[near], durations_s[first:last])
            found = [self._ids[row] for row in near[same]]
        if track_id is not None:
            self._known[track_id] = found
        return found
