"""Factorial pseudo-mixing: one batch of mixes in which every part carries labels of its own.

For each part, `songs` stems are drawn with `views` windows each, and the five parts are shuffled
against each other. So each mix serves all five subspaces: two mixes that share the drummer differ
in everything else. Random subsets of stems are left out, so that the network learns who is absent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from partwise.model.encoder import STRIDE
from partwise.model.frontend import power_to_db
from partwise.parts import PARTS, Part
from partwise.training.stem_bank import StemBank


@dataclass(frozen=True)
class MixSettings:
    """How pseudo-mixes are made.

    songs, views : a batch has songs * views mixes; every label occurs `views` times.
    seconds : length of a training segment [s].
    keep : range that each mix's chance of keeping a stem is drawn from.
    gain_db : standard deviation of each stem's level around equal loudness [dB].
    eq_db : standard deviation of the colouring given to a song's stem, the same in all its views,
        as if it had been recorded elsewhere: more identities from the same data [dB].
    mix_eq_db : the same for whole mixes, drawn anew each time, which must not matter [dB].
    audible_db : a part this far below the whole mix counts as absent [dB].
    min_sounding : windows in which a stem sounds for a smaller share of the time are not drawn.
    """

    songs: int = 24
    views: int = 4
    seconds: float = 5.0
    keep: tuple[float, float] = (0.4, 1.0)
    gain_db: float = 5.0
    eq_db: float = 3.0
    mix_eq_db: float = 2.0
    audible_db: float = -25.0
    min_sounding: float = 0.3


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


class PseudoMixer:
    """Draws batches from a stem bank, for ever; the same seed gives the same batches."""

    def __init__(self, bank: StemBank, settings: MixSettings, seed: int) -> None:
        self.bank = bank
        self.settings = settings
        self.frames = round(settings.seconds * bank.mel.frames_per_s / STRIDE) * STRIDE
        self.rng = np.random.default_rng(seed)
        self._usable = {
            part: [s for s in bank.stems[part] if s.frames > self.frames] for part in PARTS
        }

    def draw(self) -> Batch:
        """One batch of songs * views mixes."""
        s, rng = self.settings, self.rng
        mixes = s.songs * s.views
        power = torch.empty(mixes, len(PARTS), self.frames, self.bank.mel.bands)
        labels = np.empty((mixes, len(PARTS)), dtype=np.int64)
        for part in PARTS:
            first, label, level_db = self._draw_windows(part)
            order = rng.permutation(mixes)
            colour_db = _colour(rng, s.songs, self.bank.mel.bands, s.eq_db).repeat(s.views, axis=0)
            gain_db = rng.normal(0.0, s.gain_db, mixes) - level_db
            change_db = torch.from_numpy((colour_db + gain_db[:, None])[order]).float()
            window_db = self.bank.windows(first[order], self.frames) + change_db[:, None, :]
            power[:, part.index] = torch.exp(window_db * (math.log(10.0) / 10.0))
            labels[:, part.index] = label[order]
        power *= self._keep(mixes)[:, :, None, None]
        return self._mix(power, labels)

    def _draw_windows(self, part: Part) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """First rows, song labels and stem levels of songs * views windows of one part."""
        s, rng, usable = self.settings, self.rng, self._usable[part]
        chosen = rng.choice(len(usable), s.songs, replace=len(usable) < s.songs)
        stems = [usable[i] for i in chosen for _ in range(s.views)]
        start = np.array([stem.first for stem in stems])
        room = np.array([stem.frames - self.frames for stem in stems])
        # Of some random windows take the first that sounds enough, else the fullest.
        tries = start + (rng.random((6, len(stems))) * room).astype(np.int64)
        sounding = self.bank.sounding(tries, self.frames)
        enough = sounding >= s.min_sounding
        pick = np.where(enough.any(axis=0), enough.argmax(axis=0), sounding.argmax(axis=0))
        first = tries[pick, np.arange(len(stems))]
        label = np.array([stem.piece for stem in stems])
        return first, label, np.array([stem.level_db for stem in stems])

    def _keep(self, mixes: int) -> Tensor:
        """float [mixes, parts=5]: 1 where the stem stays in the mix; at least one stays."""
        rng = self.rng
        chance = rng.uniform(*self.settings.keep, size=(mixes, 1))
        keep = rng.random((mixes, len(PARTS))) < chance
        keep[np.arange(mixes), rng.integers(len(PARTS), size=mixes)] = True
        return torch.from_numpy(keep).float()

    def _mix(self, power: Tensor, labels: np.ndarray) -> Batch:
        s = self.settings
        mixes, _, _, bands = power.shape
        total = power.sum(dim=1)  # [mixes, frames, bands]
        part_energy = power.mean(dim=(2, 3))  # [mixes, parts]
        energy = part_energy.sum(dim=1, keepdim=True)
        present = part_energy > energy * 10.0 ** (s.audible_db / 10.0)
        shares = F.avg_pool2d(power / (total[:, None] + 1e-12), STRIDE)
        # A noise floor under every mix, so that digital silence is not a cue.
        floor_db = torch.from_numpy(self.rng.uniform(-75.0, -45.0, (mixes, 1, 1))).float()
        mixed = total + energy[:, :, None] * torch.exp(floor_db * (math.log(10.0) / 10.0))
        colour_db = torch.from_numpy(_colour(self.rng, mixes, bands, s.mix_eq_db)).float()
        log_mel = power_to_db(mixed, 1e-10) + colour_db[:, None, :]
        return Batch(log_mel, torch.from_numpy(labels), present, shares)


def _colour(rng: np.random.Generator, count: int, bands: int, deviation_db: float) -> np.ndarray:
    """Smooth random frequency responses in dB, [count, bands]: a few cosines over the mel axis."""
    orders = np.arange(1, 6)
    basis = np.cos(np.pi * orders[:, None] * (np.arange(bands) + 0.5) / bands)  # [5, bands]
    weights = rng.normal(0.0, 1.0, (count, len(orders))) / np.sqrt(orders)
    curves = weights @ basis
    scale = math.sqrt(0.5 * float(np.sum(1.0 / orders)))
    return curves * (deviation_db / scale)
