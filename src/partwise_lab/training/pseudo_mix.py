"""Factorial pseudo-mixing: who plays in each mix of a batch, and the batch, on any device.

The plan is drawn before a single sample is touched. For each part, `songs` stems are drawn with
`views` windows each, and the five parts are shuffled against each other. So each mix serves all
five subspaces: two mixes that share the drummer differ in everything else. Random subsets of stems
are left out, so that the network learns who is absent.

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

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.model.encoder import CELL, STRIDE, power_to_db
from partwise_lab.training.stem_bank import StemBank

_TO_OCTAVES = math.log2(10.0) / 10.0  # of power, from dB
_AT_ONCE = 2  # mixes; what is summed up stays in a core's cache


@dataclass(frozen=True)
class MixSettings:
    """How pseudo-mixes are made.

    songs, views : a batch has songs * views mixes; every label occurs `views` times.
    seconds : length of a training segment [s].
    keep : range that each mix's chance of keeping a stem is drawn from; (1, 1) keeps all.
    gain_db : standard deviation of each stem's level around equal loudness [dB].
    eq_db : standard deviation of the colouring given to a song's stem, the same in all its views,
        as if it had been recorded elsewhere: more identities from the same data [dB].
    mix_eq_db : the same for whole mixes, drawn anew each time, which must not matter [dB].
    audible_db : a part this far below the whole mix counts as absent [dB].
    min_sounding : windows in which a stem sounds for a smaller share of the time are not drawn.
    sung : chance of a voice over a mix, where there are voices.
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
    sung: float = 0.3


@dataclass(frozen=True)
class MixPlan:
    """The stems of each mix; every array is [mixes, parts=5].

    stem : int64, index into ``bank.stems[part]``
    first : int64, first mel frame of the window within the stem
    song : int64, the piece that the stem comes from: the label
    slot : int64, 0 .. songs - 1: which of the batch's songs of this part it is
    keep : bool, whether the stem stays in the mix; at least one does
    gain_db : float64, brings the stem from its own level to the one drawn for it [dB]
    """

    stem: np.ndarray
    first: np.ndarray
    song: np.ndarray
    slot: np.ndarray
    keep: np.ndarray
    gain_db: np.ndarray


class Planner:
    """Draws plans from a bank, for ever; the same seed gives the same plans.

    frames : length of a window in mel frames.
    """

    def __init__(self, bank: StemBank, settings: MixSettings, frames: int) -> None:
        self.bank = bank
        self.settings = settings
        self.frames = frames
        # By piece: a bank of separated stems has several of one part of a piece.
        self._usable = {part: list(self._long_enough(part).values()) for part in PARTS}

    def _long_enough(self, part: Part) -> dict[int, np.ndarray]:
        found: dict[int, list[int]] = {}
        for number, stem in enumerate(self.bank.stems[part]):
            if stem.frames > self.frames:
                found.setdefault(stem.piece, []).append(number)
        return {piece: np.array(numbers) for piece, numbers in found.items()}

    def draw(self, rng: np.random.Generator) -> MixPlan:
        """The plan of songs * views mixes."""
        mixes = self.settings.songs * self.settings.views
        stem, first, song, slot = (np.empty((mixes, len(PARTS)), dtype=np.int64) for _ in range(4))
        gain_db = np.empty((mixes, len(PARTS)))
        for part in PARTS:
            i = part.index
            chosen, offset = self.windows(part, rng)
            order = rng.permutation(mixes)
            stems = [self.bank.stems[part][s] for s in chosen[order]]
            stem[:, i], first[:, i] = chosen[order], offset[order]
            song[:, i] = [s.piece for s in stems]
            slot[:, i] = order // self.settings.views
            level_db = np.array([s.level_db for s in stems])
            gain_db[:, i] = rng.normal(0.0, self.settings.gain_db, mixes) - level_db
        return MixPlan(stem, first, song, slot, self._keep(mixes, rng), gain_db)

    def windows(self, part: Part, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Stem and first frame within it of songs * views windows of one part, song by song.

        Raises PartwiseError where no stem of the part is as long as a window.
        """
        s, usable = self.settings, self._usable[part]
        if not usable:
            seconds = self.frames / self.bank.mel.frames_per_s
            raise PartwiseError(
                f"no stem of {part} is longer than the {seconds:.1f} s of a segment"
            )
        drawn = rng.choice(len(usable), s.songs, replace=len(usable) < s.songs)
        chosen = np.concatenate(
            [
                np.repeat(usable[d], s.views)
                if len(usable[d]) == 1
                else rng.choice(usable[d], s.views)
                for d in drawn
            ]
        )
        stems = [self.bank.stems[part][i] for i in chosen]
        start = np.array([stem.first for stem in stems])
        room = np.array([stem.frames - self.frames for stem in stems])
        # Of some random windows take the first that sounds enough, else the fullest.
        tries = (rng.random((6, len(stems))) * room).astype(np.int64)
        sounding = self.bank.sounding(start + tries, self.frames)
        enough = sounding >= s.min_sounding
        pick = np.where(enough.any(axis=0), enough.argmax(axis=0), sounding.argmax(axis=0))
        return chosen, tries[pick, np.arange(len(stems))]

    def _keep(self, mixes: int, rng: np.random.Generator) -> np.ndarray:
        chance = rng.uniform(*self.settings.keep, size=(mixes, 1))
        keep = rng.random((mixes, len(PARTS))) < chance
        keep[np.arange(mixes), rng.integers(len(PARTS), size=mixes)] = True
        return keep


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
        first, change_db = np.empty_like(plan.first), np.empty((mixes, len(PARTS), bands))
        for part in PARTS:
            i = part.index
            begins = np.array([self.bank.stems[part][k].first for k in plan.stem[:, i]])
            first[:, i] = begins + plan.first[:, i]
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
