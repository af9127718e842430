"""What the one network is compared with: five networks that hear stems, and a separator for them.

The row of the paper's first experiment that the one network is measured against: five networks, one
per part, learn from clean stems (Hashizume et al. 2022) or from separated ones to tell whose stem
it is. Loss, colouring and batches are those of the recipe `partwise`, so that what differs is what
is heard. The separator is a mask U-Net, which learns whose sound each cell of a pseudo-mix is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.data.stems import find_pieces
from partwise_lab.model.comparisons import IndividualNetworks, MaskUNet, MaskUNetSettings
from partwise_lab.model.encoder import LogMelFrontend
from partwise_lab.separation.separator import Separator
from partwise_lab.training.factorial import multi_positive_contrastive
from partwise_lab.training.machine import autocast
from partwise_lab.training.mix_plan import MixPlan, MixSettings, Planner
from partwise_lab.training.pseudo_mix import Batch, colour, window_frames
from partwise_lab.training.recipes import MixObjective, Objective, Optimiser, Recipe
from partwise_lab.training.stem_bank import HeardPiece, StemBank, hear_stem

_REFERENCE_RMS = 0.1


class StemBatch(NamedTuple):
    """log_mel : [parts=5, stems, frames, bands] in dB; labels : int64 [parts=5, stems]."""

    log_mel: Tensor
    labels: Tensor


class IndividualObjective(Objective):
    """Five networks that hear stems; the budget is that of all five together.

    separated : whose stems they are, kept with the settings; "oracle" for clean ones.
    """

    def __init__(
        self, bank: StemBank, recipe: Recipe, device: str = "cpu", *, separated: str = "oracle"
    ) -> None:
        super().__init__(recipe.name, recipe, bank, device, hears=separated)
        self.recipe = recipe
        self.segments = recipe.mix.songs * recipe.mix.views * len(PARTS)
        self.columns = tuple(str(part) for part in PARTS)
        self.frames = window_frames(recipe.mix.seconds, bank.mel.frames_per_s)
        self.planner = Planner(bank, recipe.mix, self.frames)
        self.restart(0)
        torch.manual_seed(recipe.seed)
        self.model = self.learner = IndividualNetworks(recipe.encoder)
        self.model.to(device, memory_format=torch.channels_last)  # pyright: ignore

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        self.rng = np.random.default_rng(self.recipe.seed * 1_000_003 + step)

    def draw(self) -> StemBatch:
        """songs * views windows of every part, each song's coloured alike."""
        mix, bands = self.recipe.mix, self.mel.bands
        log_mel, labels = [], []
        for part in PARTS:
            chosen, offset = self.planner.windows(part, self.rng)
            stems = [self.bank.stems[part][number] for number in chosen]
            first = np.array([stem.first for stem in stems]) + offset
            own_db = np.repeat(colour(self.rng, mix.songs, bands, mix.eq_db), mix.views, axis=0)
            change_db = own_db + colour(self.rng, len(stems), bands, mix.mix_eq_db)
            change = torch.from_numpy(change_db).to(self.device, torch.float32)
            log_mel.append(self.bank.windows(first, self.frames, self.device) + change[:, None])
            labels.append(torch.tensor([stem.piece for stem in stems], device=self.device))
        return StemBatch(torch.stack(log_mel), torch.stack(labels))

    def loss(self, batch: StemBatch, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The contrastive loss of every part, and their mean."""
        with autocast(self.device):
            heard = self.model(batch.log_mel)
        there = torch.ones(batch.labels.shape[1], dtype=torch.bool, device=self.device)
        temperature = self.recipe.temperature
        terms = {
            str(part): multi_positive_contrastive(own.float(), labels, there, temperature)
            for part, own, labels in zip(PARTS, heard, batch.labels, strict=True)
        }
        return torch.stack(list(terms.values())).mean(), terms


@dataclass(frozen=True)
class SeparatorRecipe(Optimiser):
    """Every choice of a separator's training.

    loudness : cells count by the mix's power to this exponent (0.5: by its amplitude), so that
        the network does not spend itself on near silence.
    """

    name: str = "separator"
    unet: MaskUNetSettings = field(default_factory=MaskUNetSettings)
    mix: MixSettings = field(default_factory=lambda: MixSettings(songs=8, views=2))
    loudness: float = 0.3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    ema: float = 0.995


class SeparatorObjective(MixObjective):
    """A mask U-Net on one stem bank."""

    columns = ("masks",)
    cell = (1, 1)  # shares at full resolution

    def __init__(self, bank: StemBank, recipe: SeparatorRecipe, device: str = "cpu") -> None:
        super().__init__(bank, recipe, device)
        torch.manual_seed(recipe.seed)
        self.model = self.learner = MaskUNet(recipe.unet)
        self.model.to(device, memory_format=torch.channels_last)  # pyright: ignore

    def loss(self, batch: Batch, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the masks against the ideal ratio masks, louder cells counting more."""
        with autocast(self.device):
            logits = self.model(batch.log_mel)
        value = weighted_mask_loss(
            logits.float(), batch.shares, batch.log_mel, self.recipe.loudness
        )
        return value, {"masks": value}


def weighted_mask_loss(
    mask_logits: Tensor, shares: Tensor, log_mel: Tensor, loudness: float
) -> Tensor:
    """Cross-entropy of estimated against ideal ratio masks, weighted by the mix's power.

    mask_logits, shares : [mixes, parts, frames, bands]; shares sum to 1 where something sounds
    log_mel : [mixes, frames, bands] in dB
    loudness : exponent of the power that a cell counts by; every mix counts the same in all
    returns : scalar
    """
    weights = 10.0 ** (loudness * (log_mel - log_mel.amax(dim=(1, 2), keepdim=True)) / 10.0)
    weights = weights / weights.sum(dim=(1, 2), keepdim=True)
    entropy = -(shares * torch.log_softmax(mask_logits, dim=1)).sum(dim=1)
    return (entropy * weights).sum(dim=(1, 2)).mean()


def separated_bank(
    folder: Path,
    bank: StemBank,
    separator: Separator,
    settings: MixSettings,
    *,
    mixes_per_piece: float = 2.0,
    seconds: float = 10.0,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> StemBank:
    """A bank of what a separator makes of pseudo-mixes of `folder`, made where none is kept there.

    Mixes are drawn as in training, separated as waveforms, and each stem is kept under the piece
    that its part was taken from; a piece occurs in several mixes. Separators are too slow to be
    asked anew for every batch.
    bank : the clean stems of that folder, of which the mixes are made.
    settings : how they are mixed; its batches and its segment length do not matter here.
    mixes_per_piece : how many mixes are made, in multiples of the number of pieces.
    Raises PartwiseError where a separator works at another rate or tells no part apart.
    """
    rate_hz = bank.mel.sample_rate_hz
    if separator.sample_rate_hz != rate_hz:
        raise PartwiseError(
            f"the separator {separator.name} works at {separator.sample_rate_hz} Hz, the data is "
            f"prepared at {rate_hz} Hz"
        )
    pieces = {piece.name: piece for piece in find_pieces(folder)}
    frames = window_frames(seconds, bank.mel.frames_per_s)
    mixing = replace(settings, songs=max(2, len(bank.pieces) // 8), views=1, seconds=seconds)
    wanted = max(1, round(mixes_per_piece * len(bank.pieces)))
    told = f"{bank.digest}{separator.digest}{mixing}{wanted}{seconds}{seed}"
    digest = hashlib.blake2b(told.encode(), digest_size=6).hexdigest()
    transform = LogMelFrontend(bank.mel)

    def mix(plan: MixPlan, row: int) -> np.ndarray:
        """float32 [samples] of one row of the plan, from the pieces' own files, at -20 dBFS."""
        hop = bank.mel.hop_length
        total = np.zeros(frames * hop, np.float32)
        for part in PARTS:
            if not plan.keep[row, part.index]:
                continue
            piece = pieces[bank.pieces[int(plan.song[row, part.index])]]
            start = int(plan.first[row, part.index]) * hop
            samples = piece.read(part, rate_hz)[start : start + len(total)]
            gain = np.float32(10.0 ** (plan.gain_db[row, part.index] / 20.0))
            total += np.pad(samples, (0, len(total) - len(samples))) * gain
        return total * np.float32(_REFERENCE_RMS / max(float(np.sqrt(np.mean(total**2))), 1e-6))

    def hear(plan: MixPlan, row: int) -> HeardPiece:
        stems = separator.separate(mix(plan, row))
        found = []
        for part in PARTS:
            if plan.keep[row, part.index] and part in stems:
                kept = hear_stem(stems[part], transform)
                if kept is not None:
                    found.append((int(plan.song[row, part.index]), part, kept))
        return found, []

    def heard() -> Iterator[HeardPiece]:
        planner, rng = Planner(bank, mixing, frames), np.random.default_rng(seed)
        plans = [planner.draw(rng) for _ in range(0, wanted, mixing.songs)]
        plan_of = [plans[number // mixing.songs] for number in range(wanted)]
        rows = [number % mixing.songs for number in range(wanted)]
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for done, found in enumerate(pool.map(hear, plan_of, rows), 1):
                yield found
                if progress:
                    progress(done, wanted)

    return StemBank.kept(folder, bank.mel, digest, bank.pieces, heard)
