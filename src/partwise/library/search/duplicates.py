"""Which tracks are the same recording again: another encoding, a re-issue, a copy with other tags.

Identical content is one track already (its id is the hash of the content). What is left is the
same recording in other bytes. ``alike`` finds those by two signs that cost nothing to read: the
durations agree, and the parts sound the same. It is a heuristic. A re-recording by the same band
at the same tempo can pass it, and a version with a long silence before it will not.

An encoder's delay moves the segments' edges by some hundredths of a second, and with them a part
that is hardly heard over its threshold: in a whole track, or in the segments that its vector is the
mean of. So one part may be in doubt where at least two others agree. ``in_step`` reads more: two
passages of one song are alike as wholes, but not second by second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from partwise.library.stores.protocol import Searchable
from partwise.library.stores.rows import pattern_of
from partwise.parts import PARTS

if TYPE_CHECKING:
    from partwise.embedding.embeddings import PartEmbeddings

# Two encodings of one recording differ by the error of the codec; other takes by far more. A copy
# at half the sample rate kept 0.95 or more in its drums (cymbals are lost) and 0.999 in the rest.
ALIKE_SIMILARITY = 0.97  # mean over the parts
ALIKE_LOWEST = 0.93  # in every part but one
# The part in doubt: copies kept 0.84, and presences moved by 0.16 over the threshold.
DOUBTED_LOWEST = 0.8
DOUBTED_PRESENCE = 0.25
# Mean over segments and parts. Copies by lossy encoders kept 0.975, a copy begun 0.5 s later 0.95,
# the halves of a song 0.76 in the median.
IN_STEP_SIMILARITY = 0.95
# Encoders pad and trim; 1 s covers them for short tracks, the share covers speed differences.
ALIKE_DURATION_SHARE = 0.02
ALIKE_DURATION_S = 1.0


def duration_window_s(duration_s: float) -> tuple[float, float]:
    """The shortest and longest duration that agrees with ``duration_s``, in seconds."""
    shortest = min(duration_s * (1.0 - ALIKE_DURATION_SHARE), duration_s - ALIKE_DURATION_S)
    longest = max(duration_s / (1.0 - ALIKE_DURATION_SHARE), duration_s + ALIKE_DURATION_S)
    return max(shortest, 0.0), longest


def alike(
    vector: np.ndarray,
    duration_s: float,
    vectors: np.ndarray,
    durations_s: np.ndarray,
    presence: np.ndarray | None = None,
    presences: np.ndarray | None = None,
) -> np.ndarray:
    """Near-duplicates of one track among others, by a heuristic (see the module).

    vector : float32 [parts=5, dim], zeros where a part is absent.
    duration_s : length of that track in seconds.
    vectors, durations_s : the others, float32 [n, parts=5, dim] and [n].
    presence, presences : float32 [parts=5] and [n, parts=5]; without them no part is in doubt.

    Returns bool [n]: True where the durations differ by at most 2 % or 1 s, and the parts that
    either has are similar by at least ``ALIKE_SIMILARITY`` in the mean and ``ALIKE_LOWEST`` each.
    Of three or more the worst may be in doubt: it does not count where it is similar by
    ``DOUBTED_LOWEST``, or where only one has it and the presences differ by ``DOUBTED_PRESENCE`` at
    most.
    """
    shortest_s, longest_s = duration_window_s(duration_s)
    result = (durations_s >= shortest_s) & (durations_s <= longest_s)  # [n]
    # Nearly all are far below what the parts that must agree add up to, and are passed over here.
    total = vectors.reshape(-1, vector.size) @ vector.reshape(-1)
    result &= total >= least_mean(vector) * vector.any(axis=-1).sum()
    rows = np.flatnonzero(result)
    if not len(rows):
        return result
    near = vectors[rows]  # [m, parts, dim]
    has, have = vector.any(axis=-1), near.any(axis=-1)  # [parts], [m, parts]
    either, both = np.logical_or(has, have), has & have  # [m, parts]
    similarities = np.where(both, np.einsum("pd,npd->np", vector, near), 0.0)
    result[rows] = _agree(similarities, either)
    if presence is None or presences is None:
        return result
    worst = np.where(either, similarities, np.inf).argmin(axis=1)[:, None] == np.arange(len(PARTS))
    close = np.abs(presences[rows] - presence) <= DOUBTED_PRESENCE
    may = np.where(both, similarities >= DOUBTED_LOWEST, close)
    doubted = worst & may & (either.sum(axis=1) >= 3)[:, None]
    result[rows] |= _agree(similarities, np.where(doubted, False, either))
    return result


def least_mean(vector: np.ndarray) -> float:
    """What the mean similarity of a near-duplicate over the parts of a track is at least.

    vector : float32 [parts=5, dim]. One of two parts or more may be in doubt, or lack in the other.
    """
    parts = int(vector.any(axis=-1).sum())
    return ALIKE_SIMILARITY * max(parts - 1, 1) / max(parts, 1) - 1e-4


def _agree(similarities: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """bool [n]: whether the parts that count, bool [n, parts], are those of one recording."""
    mean = np.where(counted, similarities, 0.0).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
    each = (similarities >= ALIKE_LOWEST) | ~counted
    return counted.any(axis=1) & (mean >= ALIKE_SIMILARITY) & each.all(axis=1)


def in_step(one: PartEmbeddings, other: PartEmbeddings) -> bool:
    """Whether two recordings of about one length sound the same at the same time.

    Segments are paired by their place in the whole; what counts is a part that both have there.
    """
    pairs = max(len(one), len(other))
    first, second = (
        each.embeddings[np.linspace(0, len(each) - 1, pairs).round().astype(int)]
        for each in (one, other)
    )  # [pairs, parts, dim]
    both = first.any(axis=-1) & second.any(axis=-1)
    similarities = np.einsum("spd,spd->sp", first, second)[both]
    return bool(len(similarities) and similarities.mean() >= IN_STEP_SIMILARITY)


def alike_in(
    index: Searchable,
    vector: np.ndarray,
    duration_s: float,
    presence: np.ndarray,
    durations_of: Callable[[list[str]], np.ndarray],
) -> list[str]:
    """Ids of the near-duplicates of one track that a store finds.

    vector, duration_s, presence : see ``alike``. durations_of : ids to seconds, float64 [n].
    """
    present = np.any(vector, axis=-1)  # [parts]
    if not present.any():
        return []
    same: list[str] = []
    for complete in (True, False):
        k = 32
        while True:
            found = index.search(vector, present.astype(np.float32), k, complete=complete)
            if found.exhausted or found.scores[-1] < least_mean(vector):
                break
            k *= 4
        durations_s = durations_of(found.track_ids)
        twins = alike(vector, duration_s, found.vectors, durations_s, presence, found.presence)
        same += [found.track_ids[at] for at in np.flatnonzero(twins)]
    return same


class Duplicates:
    """Finds the near-duplicates of one track among many that are held in memory.

    Tracks are sorted by which parts they have and then by duration, so that a question compares
    the vectors of those few alone that agree in both, but for one part.
    """

    def __init__(
        self,
        track_ids: list[str],
        vectors: np.ndarray,
        durations_s: np.ndarray,
        presence: np.ndarray | None = None,
    ) -> None:
        """track_ids [n], vectors float32 [n, parts=5, dim], durations_s [n], presence [n, 5]."""
        self._ids = track_ids
        self._vectors = vectors
        self._durations_s = durations_s
        self._presence = presence
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

    def of(
        self,
        vector: np.ndarray,
        duration_s: float,
        track_id: str | None = None,
        presence: np.ndarray | None = None,
        confirmed: Callable[[list[str]], list[str]] = lambda found: found,
    ) -> list[str]:
        """Ids of the near-duplicates, the track itself included where it is one of them.

        vector : float32 [parts=5, dim]. presence : float32 [parts=5].
        track_id : under which the answer is remembered.
        confirmed : of the tracks that are alike, those that are so when more is read of them.
        """
        if track_id is not None and track_id in self._known:
            return self._known[track_id]
        shortest_s, longest_s = duration_window_s(duration_s)
        own = int(pattern_of(vector[None])[0])
        near = [np.zeros(0, np.int64)]
        for part in (None, *range(len(PARTS))):
            pattern = own if part is None else own ^ (1 << part)
            if pattern not in self._groups:
                continue
            rows, durations_s = self._groups[pattern]
            first = np.searchsorted(durations_s, shortest_s, side="left")
            last = np.searchsorted(durations_s, longest_s, side="right")
            rows = rows[first:last]
            if part is not None:  # only one of the two has it: most are out by that alone
                if presence is None or self._presence is None:
                    continue
                moved = np.abs(self._presence[rows, part] - presence[part])
                rows = rows[moved <= DOUBTED_PRESENCE]
            near.append(rows)
        rows = np.concatenate(near)
        presences = None if self._presence is None else self._presence[rows]
        same = alike(
            vector, duration_s, self._vectors[rows], self._durations_s[rows], presence, presences
        )
        found = confirmed([self._ids[row] for row in rows[same]])
        if track_id is not None:
            self._known[track_id] = found
        return found
