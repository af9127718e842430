"""Songs of the same tempo group, from which the songs of one triplet are taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partwise.errors import PartwiseError

SONGS = 4  # of one triplet: accompaniment, other accompaniment, target, other target


@dataclass(frozen=True)
class TempoGroups:
    """Pieces in the order of their groups, so that a group is a range.

    order : int64 [grouped pieces], indices of the pieces that have a group
    first, last : int64 [pieces], the piece's group is `order[first:last]`; empty without a group
    """

    order: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @property
    def left_out(self) -> int:
        """Pieces of unknown tempo, or whose group has fewer than four songs."""
        return len(self.first) - len(self.order)

    def draw_fellows(self, pieces: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """For each of `pieces` [n] some piece of its group, perhaps itself: int64 [n]."""
        first, last = self.first[pieces], self.last[pieces]
        return self.order[first + (rng.random(len(pieces)) * (last - first)).astype(np.int64)]


def group_by_tempo(tempo_bpm: Sequence[float | None], width: float = 0.1) -> TempoGroups:
    """Groups `width` (a share of the tempo) wide: 100-110, 110-121, ... bpm at 0.1.

    Groups of fewer than four songs, and pieces of unknown tempo, are left out. Raises PartwiseError
    when nothing remains.
    """
    group = np.full(len(tempo_bpm), -1, dtype=np.int64)
    for piece, tempo in enumerate(tempo_bpm):
        if tempo is not None and math.isfinite(tempo) and tempo > 0:
            group[piece] = math.floor(math.log(tempo / 100.0) / math.log1p(width)) + 1000
    sizes = np.bincount(group[group >= 0], minlength=1)
    group[(group >= 0) & (sizes[group] < SONGS)] = -1
    if not (group >= 0).any():
        known = sum(tempo is not None for tempo in tempo_bpm)
        raise PartwiseError(
            f"triplets need {SONGS} pieces of similar tempo: of {len(tempo_bpm)} pieces {known} "
            "have a tempo_bpm and no tempo group has as many; set same_tempo=False to mix any songs"
        )
    return _ranges(group)


def one_group(pieces: int) -> TempoGroups:
    """All pieces in one group: triplets of any tempo. Raises PartwiseError below four pieces."""
    if pieces < SONGS:
        raise PartwiseError(f"triplets need {SONGS} pieces: there are {pieces}")
    return _ranges(np.zeros(pieces, dtype=np.int64))


def _ranges(group: np.ndarray) -> TempoGroups:
    """group : int64 [pieces], -1 for none."""
    order = np.argsort(group, kind="stable")
    order = order[group[order] >= 0]
    first = np.searchsorted(group[order], group, side="left")
    last = np.searchsorted(group[order], group, side="right")
    return TempoGroups(order, first, last)
