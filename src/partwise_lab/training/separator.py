"""The objective of the mask U-Net: whose sound each cell of a pseudo-mix is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from partwise_lab.model.mask_unet import MaskUNet, MaskUNetSettings
from partwise_lab.training.plan import MixSettings
from partwise_lab.training.precision import autocast
from partwise_lab.training.pseudo_mix import Batch, PseudoMixer
from partwise_lab.training.stem_bank import StemBank


@dataclass(frozen=True)
class SeparatorRecipe:
    """Every choice of a separator's training.

    loudness : cells count by the mix's power to this exponent (0.5: by its amplitude), so that
        the network does not spend itself on near silence.
    """

    name: str = "separator"
    unet: MaskUNetSettings = field(default_factory=MaskUNetSettings)
    mix: MixSettings = field(default_factory=lambda: MixSettings(songs=8, views=2))
    loudness: float = 0.3
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    clip_norm: float = 5.0
    ema: float = 0.995
    seed: int = 0


class SeparatorObjective:
    """`Objective` of a mask U-Net on one stem bank."""

    def __init__(self, bank: StemBank, recipe: SeparatorRecipe, device: str = "cpu") -> None:
        self.bank, self.choices, self.device = bank, recipe, device
        self.recipe = recipe.name
        self.settings: dict[str, Any] = asdict(recipe)
        self.data_digest, self.pieces, self.mel = bank.digest, len(bank.pieces), bank.mel
        self.segments = recipe.mix.songs * recipe.mix.views
        self.learning_rate = recipe.learning_rate
        self.warmup_steps = recipe.warmup_steps
        self.weight_decay = recipe.weight_decay
        self.clip_norm = recipe.clip_norm
        self.ema = recipe.ema
        self.columns: tuple[str, ...] = ("masks",)
        self.restart(0)
        torch.manual_seed(recipe.seed)
        self.model = MaskUNet(recipe.unet)
        self.model.to(device, memory_format=torch.channels_last)  # pyright: ignore
        self.learner = self.model

    def begin(self) -> None:
        """Nothing to prepare."""

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        seed = self.choices.seed * 1_000_003 + step
        self.mixer = PseudoMixer(self.bank, self.choices.mix, seed, self.device, cell=1)

    def draw(self) -> Batch:
        """The next batch, its shares at full resolution."""
        return self.mixer.draw()

    def loss(self, batch: Batch, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the masks against the ideal ratio masks, louder cells counting more."""
        with autocast(self.device):
            logits = self.model(batch.log_mel)
        value = weighted_mask_loss(
            logits.float(), batch.shares, batch.log_mel, self.choices.loudness
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
