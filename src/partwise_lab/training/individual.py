"""The objective of the individual networks: stems in, each part on its own.

The row of the paper's first experiment that the one network is measured against: five networks, one
per part, learn from clean stems (Hashizume et al. 2022) or from separated ones to tell whose stem
it is. Loss, colouring and batches are those of the recipe `partwise`, so that what differs is what
is heard.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from partwise.parts import PARTS
from partwise_lab.model.individual import IndividualNetworks
from partwise_lab.training.losses import multi_positive_contrastive
from partwise_lab.training.plan import Planner
from partwise_lab.training.precision import autocast
from partwise_lab.training.pseudo_mix import colour, window_frames
from partwise_lab.training.recipes import Recipe
from partwise_lab.training.stem_bank import StemBank


class StemBatch(NamedTuple):
    """log_mel : [parts=5, stems, frames, bands] in dB; labels : int64 [parts=5, stems]."""

    log_mel: Tensor
    labels: Tensor


class IndividualObjective:
    """`Objective` of five networks that hear stems; the budget is that of all five together.

    separated : whose stems they are, kept with the settings; "oracle" for clean ones.
    """

    def __init__(
        self, bank: StemBank, recipe: Recipe, device: str = "cpu", *, separated: str = "oracle"
    ) -> None:
        self.bank, self.choices, self.device = bank, recipe, device
        self.recipe = recipe.name
        self.settings: dict[str, Any] = asdict(recipe) | {"hears": separated}
        self.data_digest, self.pieces, self.mel = bank.digest, len(bank.pieces), bank.mel
        self.segments = recipe.mix.songs * recipe.mix.views * len(PARTS)
        self.learning_rate = recipe.learning_rate
        self.warmup_steps = recipe.warmup_steps
        self.weight_decay = recipe.weight_decay
        self.clip_norm = recipe.clip_norm
        self.ema = recipe.ema
        self.columns = tuple(str(part) for part in PARTS)
        self.frames = window_frames(recipe.mix.seconds, bank.mel.frames_per_s)
        self.planner = Planner(bank, recipe.mix, self.frames)
        self.restart(0)
        torch.manual_seed(recipe.seed)
        self.model = IndividualNetworks(recipe.encoder)
        self.model.to(device, memory_format=torch.channels_last)  # pyright: ignore
        self.learner = self.model

    def begin(self) -> None:
        """Nothing to prepare."""

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        self.rng = np.random.default_rng(self.choices.seed * 1_000_003 + step)

    def draw(self) -> StemBatch:
        """songs * views windows of every part, each song's coloured alike."""
        mix, bands = self.choices.mix, self.mel.bands
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
        terms = {
            str(part): multi_positive_contrastive(
                heard[part.index].float(),
                batch.labels[part.index],
                there,
                self.choices.temperature,
            )
            for part in PARTS
        }
        return torch.stack(list(terms.values())).mean(), terms
