"""Pseudo-mix triplets "basic" and "basic + additional", as the paper builds them.

Four songs of one tempo group: T has the target, T' another target, A accompanies, N is another
accompaniment. For the basic part c:

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
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.model.frontend import power_to_db
from partwise_lab.training.paper.tempo import TempoGroups
from partwise_lab.training.paper.windows import SegmentGrid, choose
from partwise_lab.training.stem_bank import StemBank

ANCHOR, POSITIVE, NEGATIVE = range(3)
_ROUNDS = 300  # of drawing again what broke a rule
_SAME_ADDITIONAL = 100  # rounds before c' is drawn again too


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
