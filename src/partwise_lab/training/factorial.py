"""The objective of the recipe `partwise`: factorial mixes, and what is asked of each subspace."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from partwise.parts import PARTS
from partwise_lab.model.encoder import Encoded, PartEncoder
from partwise_lab.training.losses import (
    identity_loss,
    mask_loss,
    multi_positive_contrastive,
    presence_loss,
)
from partwise_lab.training.precision import autocast
from partwise_lab.training.prototypes import Prototypes
from partwise_lab.training.pseudo_mix import Batch, PseudoMixer
from partwise_lab.training.recipes import Recipe
from partwise_lab.training.stem_bank import StemBank


class FactorialObjective:
    """`Objective` of the recipe `partwise` on one stem bank.

    sung : whether there are voices among the bank's stems; kept with the settings.
    """

    def __init__(
        self, bank: StemBank, recipe: Recipe, device: str = "cpu", *, sung: bool = False
    ) -> None:
        self.bank, self.choices, self.device = bank, recipe, device
        self.recipe = recipe.name
        self.settings: dict[str, Any] = asdict(recipe) | {"voices": sung}
        self.data_digest = bank.digest
        self.pieces = len(bank.pieces)
        self.mel = bank.mel
        self.segments = recipe.mix.songs * recipe.mix.views
        self.learning_rate = recipe.learning_rate
        self.warmup_steps = recipe.warmup_steps
        self.weight_decay = recipe.weight_decay
        self.clip_norm = recipe.clip_norm
        self.ema = recipe.ema
        self.restart(0)
        torch.manual_seed(recipe.seed)
        self.model = PartEncoder(recipe.encoder)
        self.learner = nn.ModuleDict({"model": self.model})
        self.prototypes = None
        if recipe.identity_weight:
            self.prototypes = Prototypes(self.mixer.songs, recipe.encoder.dim)
            self.learner["prototypes"] = self.prototypes
        # Channels last is twice as fast on CPUs with bf16.
        self.learner.to(device, memory_format=torch.channels_last)  # pyright: ignore
        self.columns = (*(str(part) for part in PARTS), "presence")
        if self.model.settings.masks != "none":
            self.columns += ("masks",)
        if recipe.identity_weight:
            self.columns += ("identity",)

    def begin(self) -> None:
        """Put the prototypes where the network hears the pieces' clean stems."""
        if self.prototypes:
            self.prototypes.begin_with(self.model, self.bank, self.mixer.frames, self.device)

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        recipe = self.choices
        seed = recipe.seed * 1_000_003 + step
        self.mixer = PseudoMixer(self.bank, recipe.mix, seed, self.device, recipe.encoder.cell)

    def draw(self) -> Batch:
        """The next batch."""
        return self.mixer.draw()

    def loss(self, batch: Batch, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the losses, and each of them."""
        recipe = self.choices
        with autocast(self.device):
            encoded: Encoded = self.model(batch.log_mel)
        embeddings = encoded.embeddings.float()
        terms = {
            str(part): multi_positive_contrastive(
                embeddings[:, part.index],
                batch.labels[:, part.index],
                batch.present[:, part.index],
                recipe.temperature,
            )
            for part in PARTS
        }
        total = recipe.contrastive_weight * torch.stack(list(terms.values())).mean()
        terms["presence"] = presence_loss(encoded.presence_logits.float(), batch.present)
        total = total + recipe.presence_weight * terms["presence"]
        if encoded.mask_logits is not None:
            terms["masks"] = mask_loss(encoded.mask_logits.float(), batch.shares)
            total = total + recipe.mask_weight * terms["masks"]
        if self.prototypes:
            prototypes = self.prototypes.weight
            identities = [
                identity_loss(
                    embeddings[:, part.index],
                    prototypes[part.index],
                    batch.labels[:, part.index],
                    batch.present[:, part.index],
                    recipe.identity_margin,
                    recipe.identity_temperature,
                )
                for part in PARTS
            ]
            terms["identity"] = torch.stack(identities).mean()
            total = total + recipe.identity_weight * terms["identity"]
        return total, terms
