"""Factorial pseudo-mixing in the mel-power domain: a plan becomes a batch, on any device.

Mel powers of stems add up to that of their mix, but for interference between them, which averages
out; so a mix costs five look-ups and a sum, thousands a second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from partwise.parts import PARTS
from partwise_lab.model.encoder import STRIDE
from partwise_lab.model.frontend import power_to_db
from partwise_lab.training.plan import MixPlan, MixSettings, Planner
from partwise_lab.training.stem_bank import StemBank

_TO_POWER = math.log(10.0) / 10.0


@dataclass(frozen=True)
class Batch:
    """Pseudo-mixes and what is known about them.

    log_mel : [mixes, frames, bands] in dB
    labels : int64 [mixes, parts=5], the song that the part's stem comes from
    present : bool [mixes, parts=5], whether the part can be heard
    shares : [mixes, parts=5, frames / 8, bands / 8], each part's share of the mix's power, 0..1
    """

    log_mel: Tensor
    labels: Tensor
    present: Tensor
    shares: Tensor


def window_frames(seconds: float, frames_per_s: float) -> int:
    """Length of a training window in mel frames, a multiple of the trunk's stride."""
    return round(seconds * frames_per_s / STRIDE) * STRIDE


class PseudoMixer:
    """Draws batches from a stem bank, for ever; the same seed gives the same batches.

    cell : shares are averaged over cells of this many frames and bands.
    """

    def __init__(
        self,
        bank: StemBank,
        settings: MixSettings,
        seed: int,
        device: str = "cpu",
        cell: int = STRIDE,
    ) -> None:
        self.bank = bank
        self.settings = settings
        self.device = device
        self.cell = cell
        self.frames = window_frames(settings.seconds, bank.mel.frames_per_s)
        self.rng = np.random.default_rng(seed)
        self.planner = Planner(bank, settings, self.frames)
        self.songs = len(bank.pieces)  # number of different labels

    def draw(self) -> Batch:
        """One batch of songs * views mixes."""
        return self.mix(self.planner.draw(self.rng))

    def mix(self, plan: MixPlan) -> Batch:
        """The batch that a plan describes."""
        s, rng, bands = self.settings, self.rng, self.bank.mel.bands
        mixes = len(plan.song)
        power = torch.empty(mixes, len(PARTS), self.frames, bands, device=self.device)
        for part in PARTS:
            i = part.index
            stems = self.bank.stems[part]
            first = np.array([stems[k].first for k in plan.stem[:, i]]) + plan.first[:, i]
            colour_db = colour(rng, s.songs, bands, s.eq_db)[plan.slot[:, i]]
            change_db = self._to_device(colour_db + plan.gain_db[:, i, None])
            window_db = self.bank.windows(first, self.frames, self.device) + change_db[:, None, :]
            power[:, i] = torch.exp(window_db * _TO_POWER)
        power *= self._to_device(plan.keep)[:, :, None, None]
        total = power.sum(dim=1)  # [mixes, frames, bands]
        part_energy = power.mean(dim=(2, 3))  # [mixes, parts]
        energy = part_energy.sum(dim=1, keepdim=True)
        present = part_energy > energy * 10.0 ** (s.audible_db / 10.0)
        shares = F.avg_pool2d(power / (total[:, None] + 1e-12), self.cell)
        # A noise floor under every mix, so that digital silence is not a cue.
        floor_db = self._to_device(rng.uniform(-75.0, -45.0, (mixes, 1, 1)))
        mixed = total + energy[:, :, None] * torch.exp(floor_db * _TO_POWER)
        colour_db = self._to_device(colour(rng, mixes, bands, s.mix_eq_db))
        log_mel = power_to_db(mixed, 1e-10) + colour_db[:, None, :]
        labels = torch.from_numpy(plan.song).to(self.device)
        return Batch(log_mel, labels, present, shares)

    def _to_device(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values).to(self.device, torch.float32)


def colour(rng: np.random.Generator, count: int, bands: int, deviation_db: float) -> np.ndarray:
    """Smooth random frequency responses in dB, [count, bands]: a few cosines over the mel axis."""
    orders = np.arange(1, 6)
    basis = np.cos(np.pi * orders[:, None] * (np.arange(bands) + 0.5) / bands)  # [5, bands]
    weights = rng.normal(0.0, 1.0, (count, len(orders))) / np.sqrt(orders)
    curves = weights @ basis
    scale = math.sqrt(0.5 * float(np.sum(1.0 / orders)))
    return curves * (deviation_db / scale)
