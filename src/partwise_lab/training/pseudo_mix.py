"""Pseudo-mixes: batches made from a plan, on any device.

Mixing is done in the mel-power domain (see `stem_bank`): a mix costs five look-ups and a sum,
thousands a second. Voices sing over some of the mixes: real songs are sung and MIDI is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from partwise.parts import PARTS, Part
from partwise_lab.model.encoder import CELL, STRIDE, power_to_db
from partwise_lab.training.mix_plan import MixPlan, MixSettings, Planner
from partwise_lab.training.stem_bank import StemBank

_TO_OCTAVES = math.log2(10.0) / 10.0  # of power, from dB
_AT_ONCE = 2  # mixes; what is summed up stays in a core's cache


def window_frames(seconds: float, frames_per_s: float) -> int:
    """Length of a training window in mel frames, a multiple of the trunk's stride."""
    return round(seconds * frames_per_s / STRIDE) * STRIDE


@dataclass(frozen=True)
class Batch:
    """Pseudo-mixes and what is known about them.

    log_mel : [mixes, frames, bands] in dB
    labels : int64 [mixes, parts=5], the song that the part's stem comes from
    present : bool [mixes, parts=5], whether the part can be heard
    labelled : bool [mixes, parts=5], whether it is, and its label says all of what is heard of it
    shares : [mixes, parts=5, frames / cell, bands / cell], each part's share of the power, 0..1
    """

    log_mel: Tensor
    labels: Tensor
    present: Tensor
    labelled: Tensor
    shares: Tensor


class PseudoMixer:
    """Draws batches from a stem bank, for ever; the same seed gives the same batches.

    voices : sung over some mixes, as a part of OTHER that no label knows of.
    cell : shares are averaged over cells of so many frames and bands.
    """

    def __init__(
        self,
        bank: StemBank,
        settings: MixSettings,
        seed: int,
        device: str = "cpu",
        cell: tuple[int, int] = CELL,
        voices: StemBank | None = None,
    ) -> None:
        self.bank = bank
        self.settings = settings
        self.device = device
        self.cell = cell
        self.frames = window_frames(settings.seconds, bank.mel.frames_per_s)
        self.rng = np.random.default_rng(seed)
        self.planner = Planner(bank, settings, self.frames)
        self.voices = voices
        if voices:
            mixes = settings.songs * settings.views
            each = replace(settings, songs=mixes, views=1)
            self._singers = Planner(voices, each, self.frames)

    def draw(self) -> Batch:
        """One batch of songs * views mixes."""
        return self.mix(self.planner.draw(self.rng))

    def mix(self, plan: MixPlan) -> Batch:
        """The batch that a plan describes, and who sings over it."""
        s, rng, device = self.settings, self.rng, self.device
        mixes, bands = len(plan.song), self.bank.mel.bands
        first = self.bank.told("first", plan.stem) + plan.first
        change_db = np.empty((mixes, len(PARTS), bands))
        for part in PARTS:
            i = part.index
            own_db = colour(rng, s.songs, bands, s.eq_db)[plan.slot[:, i]]
            change_db[:, i] = own_db + plan.gain_db[:, i, None]
        sung = self._sing(mixes, bands) if self.voices else None
        floor_db = rng.uniform(-75.0, -45.0, (mixes, 1, 1))
        mix_db = self._to_device(colour(rng, mixes, bands, s.mix_eq_db))[:, None]
        log_mel = torch.empty(mixes, self.frames, bands, device=device)
        present = torch.empty(mixes, len(PARTS), dtype=torch.bool, device=device)
        shares = torch.empty(
            mixes, len(PARTS), self.frames // self.cell[0], bands // self.cell[1], device=device
        )
        at_once = _AT_ONCE if device == "cpu" else mixes
        for begin in range(0, mixes, at_once):
            rows = slice(begin, begin + at_once)
            power = self._power(self.bank, first[rows], change_db[rows])
            power *= self._to_device(plan.keep[rows])[:, :, None, None]
            if sung:
                voice = self._power(sung.bank, sung.first[rows, None], sung.change_db[rows, None])
                power[:, Part.OTHER.index] += (
                    voice[:, 0] * self._to_device(sung.sings[rows])[:, None, None]
                )
            total = power.sum(dim=1)  # [mixes, frames, bands]
            part_energy = power.mean(dim=(2, 3))  # [mixes, parts]
            energy = part_energy.sum(dim=1, keepdim=True)
            present[rows] = part_energy > energy * 10.0 ** (s.audible_db / 10.0)
            cells = F.avg_pool2d(power, self.cell)
            shares[rows] = cells / (cells.sum(dim=1, keepdim=True) + 1e-12)
            # A noise floor under every mix, so that digital silence is not a cue.
            noise = energy[:, :, None] * 10.0 ** (self._to_device(floor_db[rows]) / 10.0)
            log_mel[rows] = power_to_db(total + noise, 1e-12) + mix_db[rows]
        labelled = present.clone()
        if sung:
            labelled[torch.from_numpy(sung.sings).to(device), Part.OTHER.index] = False
        labels = torch.from_numpy(plan.song).to(device)
        return Batch(log_mel, labels, present, labelled, shares)

    def _power(self, bank: StemBank, first: np.ndarray, change_db: np.ndarray) -> Tensor:
        """Windows from rows `first` [mixes, stems] on, in power: [mixes, stems, frames, bands].

        change_db : [mixes, stems, bands].
        """
        window_db = bank.windows(first.reshape(-1), self.frames, self.device)
        power = window_db.unflatten(0, first.shape).add_(self._to_device(change_db)[:, :, None])
        return power.mul_(_TO_OCTAVES).exp2_()

    def _sing(self, mixes: int, bands: int) -> _Singing:
        assert self.voices
        rng, s, stems = self.rng, self.settings, self.voices.stems[Part.OTHER]
        chosen, offset = self._singers.windows(Part.OTHER, rng)
        level_db = np.array([stems[k].level_db for k in chosen])
        gain_db = rng.normal(0.0, s.gain_db, mixes) - level_db
        return _Singing(
            bank=self.voices,
            sings=rng.random(mixes) < s.sung,
            first=np.array([stems[k].first for k in chosen]) + offset,
            change_db=colour(rng, mixes, bands, s.eq_db) + gain_db[:, None],
        )

    def _to_device(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.device, torch.float32)


@dataclass(frozen=True)
class _Singing:
    """A voice for each mix, and whether it sings there."""

    bank: StemBank
    sings: np.ndarray
    first: np.ndarray
    change_db: np.ndarray


def colour(rng: np.random.Generator, count: int, bands: int, deviation_db: float) -> np.ndarray:
    """Smooth random frequency responses in dB, [count, bands]: a few cosines over the mel axis."""
    orders = np.arange(1, 6)
    basis = np.cos(np.pi * orders[:, None] * (np.arange(bands) + 0.5) / bands)  # [5, bands]
    weights = rng.normal(0.0, 1.0, (count, len(orders))) / np.sqrt(orders)
    curves = weights @ basis
    scale = math.sqrt(0.5 * float(np.sum(1.0 / orders)))
    return curves * (deviation_db / scale)
