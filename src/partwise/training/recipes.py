"""Recipes: every choice of a training run as one frozen value, saved with the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass, field

from partwise.model.encoder import EncoderSettings
from partwise.training.pseudo_mix import MixSettings


@dataclass(frozen=True)
class Recipe:
    """The recipe `partwise`: factorial pseudo-mixing, in-batch multi-positive contrastive loss in
    each subspace, presence, and masks supervised by the stems.

    temperature : of the contrastive loss.
    presence_weight, mask_weight : of the two other losses; the contrastive one weighs 1.
    learning_rate : the highest, reached after `warmup_steps`, then down a cosine over the budget.
    ema : decay of the averaged weights, which are the ones that are kept.
    """

    name: str = "partwise"
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    mix: MixSettings = field(default_factory=MixSettings)
    temperature: float = 0.1
    presence_weight: float = 0.3
    mask_weight: float = 0.5
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup_steps: int = 150
    clip_norm: float = 5.0
    ema: float = 0.998
    seed: int = 0
