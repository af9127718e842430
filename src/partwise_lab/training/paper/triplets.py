"""Pseudo-mix triplets "basic" and "basic + additional", as the paper builds them.

The stems lie on a common grid of segments, 3 s every 1.5 s. Four songs of one tempo group: T has
the target, T' another target, A accompanies, N is another accompaniment. For the basic part c:

    role      c                    the other four parts
    anchor    of T                 of A
    positive  of T, next segment   of N
    negative  of T'                of A, next segment

The negative shares the anchor's accompaniment, so only c tells it from the positive. For the
additional part c', another one that plays, the same audio is a triplet with the roles of positive
and negative swapped: there it is the "negative" that continues the anchor's song.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.model.encoder import power_to_db
from partwise_lab.training.stem_bank import StemBank

ANCHOR, POSITIVE, NEGATIVE = range(3)
SONGS = 4  # of one triplet: accompaniment, other accompaniment, target, other target
_QUARTERS = 4  # a stem that pauses for a quarter of a segment counts as silent there
_ROUNDS = 300  # of drawing again what broke a rule
_SAME_ADDITIONAL = 100  # rounds before c' is drawn again too


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


@dataclass(frozen=True)
class TripletPlan:
    """Which segments make up each triplet; roles are in the order anchor, positive, negative.

    piece, place : int64 [roles=3, triplets, parts=5], the piece and its segment on the grid
    basic, additional : int64 [triplets], the parts c and c'
    """

    piece: np.ndarray
    place: np.ndarray
    basic: np.ndarray
    additional: np.ndarray


@dataclass(frozen=True)
class TripletBatch:
    """Mixed triplets.

    log_mel : [roles=3, triplets, frames, bands] in dB
    basic, additional : int64 [triplets]
    absent : bool [roles=3, triplets, parts=5], the part is not heard at all
    segment : int64 [roles=3, triplets, parts=5], each stem's segment by its number on the grid
        (`SegmentGrid.number`); -1 where the part is absent
    """

    log_mel: Tensor
    basic: Tensor
    additional: Tensor
    absent: Tensor
    segment: np.ndarray


class TripletPlanner:
    """Draws who plays in which triplet.

    c and c' play throughout all segments that their losses compare; they are drawn evenly. Other
    parts of the accompaniment may be silent, or missing where a song lacks them, as in the paper.
    """

    def __init__(self, grid: SegmentGrid, groups: TempoGroups) -> None:
        self.grid = grid
        self.groups = groups
        # Where a part plays in a segment and in the next one.
        self._goes_on = grid.active[:, :, :-1] & grid.active[:, :, 1:]
        grouped = np.zeros(len(grid.row), dtype=bool)
        grouped[groups.order] = True
        self._targets = [
            np.flatnonzero(grouped & self._goes_on[:, part.index].any(axis=1)) for part in PARTS
        ]
        for part in PARTS:
            if not len(self._targets[part.index]):
                raise PartwiseError(
                    f"no piece with a tempo group has {part} playing in two adjacent segments"
                )

    def draw(self, triplets: int, rng: np.random.Generator) -> TripletPlan:
        """`triplets` triplets. Raises PartwiseError when too few songs go together for a part."""
        basic = rng.integers(len(PARTS), size=triplets)
        additional = _another(basic, rng)
        songs = np.empty((4, triplets), dtype=np.int64)
        places = np.empty((4, triplets), dtype=np.int64)
        pending = np.arange(triplets)
        for attempt in range(_ROUNDS):
            if attempt >= _SAME_ADDITIONAL:
                additional[pending] = _another(basic[pending], rng)
            c, c2 = basic[pending], additional[pending]
            songs[:, pending], places[:, pending], valid = self._try(c, c2, rng)
            pending = pending[~valid]
            if not len(pending):
                return _lay_out(songs, places, basic, additional)
        raise PartwiseError(
            f"no triplets for {PARTS[basic[pending[0]]]}: they need four songs of one tempo group, "
            "two with that part and two others that share another part"
        )

    def _try(
        self, c: np.ndarray, c2: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Songs T, T', A, N and a place in each, both int64 [4, n]; which obey the rules, [n]."""
        goes_on, active = self._goes_on, self.grid.active
        target = np.empty(len(c), dtype=np.int64)
        for part in PARTS:
            of_part = np.flatnonzero(c == part.index)
            target[of_part] = rng.choice(self._targets[part.index], len(of_part))
        other, band, rival = (self.groups.draw_fellows(target, rng) for _ in range(3))
        may = [goes_on[target, c], active[other, c], goes_on[band, c2], active[rival, c2]]
        songs = np.stack([target, other, band, rival])
        places = np.stack([choose(allowed, rng) for allowed in may])
        four = np.sort(songs, axis=0)
        valid = (four[1:] != four[:-1]).all(axis=0)
        for allowed in may:
            valid &= allowed.any(axis=1)
        return songs, places, valid


def _another(part: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each part index some other one."""
    return (part + rng.integers(1, len(PARTS), size=len(part))) % len(PARTS)


def _lay_out(
    songs: np.ndarray, places: np.ndarray, basic: np.ndarray, additional: np.ndarray
) -> TripletPlan:
    """The table of this module's text."""
    target, other, band, rival = range(4)

    def table(values: np.ndarray, next_segment: int) -> np.ndarray:
        ahead = values + next_segment
        of_basic = np.stack([values[target], ahead[target], values[other]])  # [roles, triplets]
        of_others = np.stack([values[band], values[rival], ahead[band]])
        is_basic = basic[:, None] == np.arange(len(PARTS))  # [triplets, parts]
        return np.where(is_basic, of_basic[..., None], of_others[..., None])

    return TripletPlan(table(songs, 0), table(places, 1), basic, additional)


def mix_triplets(
    bank: StemBank, grid: SegmentGrid, plan: TripletPlan, device: str = "cpu"
) -> TripletBatch:
    """Look the stems up and add their mel powers, at their natural levels."""
    number = grid.number(plan.piece, np.arange(len(PARTS)), plan.place)
    heard = grid.heard.reshape(-1)[number]  # [roles, triplets, parts]
    which = np.flatnonzero(heard)
    window_db = grid.windows(bank, number.reshape(-1)[which], device)  # [stems, frames, bands]
    power = torch.exp(window_db * (math.log(10.0) / 10.0))
    roles, triplets, _ = heard.shape
    total = torch.zeros(roles * triplets, grid.frames, bank.mel.bands, device=power.device)
    total.index_add_(0, torch.from_numpy(which // len(PARTS)).to(device), power)
    log_mel = power_to_db(total, bank.mel.floor).unflatten(0, (roles, triplets))
    basic, additional, absent = (
        torch.from_numpy(values).to(device) for values in (plan.basic, plan.additional, ~heard)
    )
    return TripletBatch(log_mel, basic, additional, absent, np.where(heard, number, -1))
