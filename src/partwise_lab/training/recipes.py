"""Recipes: every choice of a training run as one frozen value, saved with the checkpoint.

`Optimiser` is what all recipes choose and `Objective` what the loop asks of a recipe on its data;
below them the recipes of the family `partwise`, rung by rung.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor, nn

from partwise.embedding.logmel import MelSettings
from partwise_lab.model.encoder import EncoderSettings
from partwise_lab.training.pseudo_mix import MixSettings
from partwise_lab.training.stem_bank import StemBank


@dataclass(frozen=True)
class Optimiser:
    """How the loop takes its steps.

    learning_rate : the highest, reached after `warmup_steps`, then down a cosine over the budget.
    weight_decay : of AdamW, which without decay is Adam.
    clip_norm : of the gradients.
    ema : decay of the averaged weights, which are the ones that are kept.
    seed : of the weights and of what is drawn.
    """

    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup_steps: int = 150
    clip_norm: float = 5.0
    ema: float = 0.998
    seed: int = 0


class Objective(ABC):
    """One recipe on one data set, as the loop sees it.

    name : of the recipe, kept with the checkpoint.
    settings : every choice of the recipe, JSON-able; a run is resumed only with the same ones.
    data_digest, pieces, mel : the data and the front end.
    model : the network that is averaged, kept and exported.
    learner : everything that is learnt; holds ``model`` and what is dropped after training.
    columns : names of the losses that ``loss`` returns, in the order of the log.
    segments : pseudo-mixes (or stems) that one step learns from.
    """

    name: str
    optimiser: Optimiser
    device: str
    settings: dict[str, Any]
    data_digest: str
    pieces: int
    mel: MelSettings
    model: nn.Module
    learner: nn.Module
    columns: tuple[str, ...]
    segments: int

    def __init__(
        self, name: str, optimiser: Optimiser, bank: StemBank, device: str, **more: Any
    ) -> None:
        """more : further settings."""
        self.name, self.optimiser, self.bank, self.device = name, optimiser, bank, device
        self.settings = asdict(optimiser) | more
        self.data_digest, self.pieces, self.mel = bank.digest, len(bank.pieces), bank.mel

    def begin(self) -> None:  # noqa: B027
        """Called once before the first step of a new run, when the model has its weights."""

    @abstractmethod
    def draw(self) -> Any:
        """The next batch, on the device; called from a thread of its own."""

    @abstractmethod
    def loss(self, batch: Any, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The total loss and its terms by column; `used` is the share of the budget spent, 0..1."""

    @abstractmethod
    def restart(self, step: int) -> None:
        """Draw on from `step`, when a run is resumed."""


def same_choices(theirs: Any, ours: Any) -> bool:
    """Whether two runs have chosen alike; what one of them does not know counts as 0 or None, so
    that runs of other versions can be resumed."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return all(same_choices(theirs.get(key), ours.get(key)) for key in theirs | ours)
    return json.dumps(theirs or None) == json.dumps(ours or None)


@dataclass(frozen=True)
class Recipe(Optimiser):
    """The recipe `partwise`: factorial pseudo-mixing, in-batch multi-positive contrastive loss in
    each subspace, presence, and masks supervised by the stems.

    temperature : of the contrastive loss.
    contrastive_weight, presence_weight, mask_weight : of the losses.
    identity_weight : of the piece-identity margin softmax; 0 leaves its heads out.
    identity_margin, identity_temperature : of that softmax.
    """

    name: str = "partwise"
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    mix: MixSettings = field(default_factory=MixSettings)
    temperature: float = 0.1
    contrastive_weight: float = 1.0
    presence_weight: float = 0.3
    mask_weight: float = 0.5
    identity_weight: float = 0.0
    identity_margin: float = 0.1
    identity_temperature: float = 0.1


_NO_MASKS = EncoderSettings(masks="none")
_SMALL_BATCHES = MixSettings(songs=12, views=4)

# Networks for stems, one per part: what the one network is compared with.
INDIVIDUAL = Recipe(
    name="individual",
    encoder=_NO_MASKS,
    mix=_SMALL_BATCHES,
    presence_weight=0.0,
    mask_weight=0.0,
    warmup_steps=20,
    ema=0.98,
)

# What `partwise-lab train --recipe` knows of this family: the ladder of the ablation, rung by rung.
VARIANTS: dict[str, tuple[str, Recipe]] = {
    "factorial": (
        "factorial mixes of all five stems and the contrastive loss, nothing else",
        Recipe(
            encoder=_NO_MASKS,
            mix=MixSettings(keep=(1.0, 1.0)),
            presence_weight=0.0,
            mask_weight=0.0,
        ),
    ),
    "factorial-subsets": (
        "the same with random subsets of stems and the presence head",
        Recipe(encoder=_NO_MASKS, mask_weight=0.0),
    ),
    "masked-pooling": (
        "the same with soft part masks under which the trunk's map is pooled",
        Recipe(),
    ),
    "masked-pooling-identity": (
        "the same with a piece-identity margin softmax beside the contrastive loss",
        Recipe(identity_weight=0.5),
    ),
    "masked-features": (
        "masks at stride 4 on the trunk's features, then a shared part encoder",
        Recipe(encoder=EncoderSettings(masks="feature")),
    ),
    "masked-features-overview": (
        "the same with attention over time, so that every cell knows the whole segment",
        Recipe(encoder=EncoderSettings(masks="feature", overview=192)),
    ),
    "masked-features-overview-identity": (
        "the same with the piece-identity softmax, and masks that count twice as much",
        Recipe(
            encoder=EncoderSettings(masks="feature", overview=192),
            mask_weight=1.0,
            identity_weight=0.3,
        ),
    ),
    "accelerator": (
        "the widest of them, in large batches: for a GPU",
        Recipe(
            encoder=EncoderSettings(
                dim=64, widths=(40, 80, 160), blocks=(1, 2, 2), masks="feature", overview=256
            ),
            mix=MixSettings(songs=96, views=4),
            identity_weight=0.2,
            mask_weight=1.0,
            warmup_steps=500,
            ema=0.999,
        ),
    ),
    "masked-pooling-small-batches": (
        "masked pooling in batches of 12 songs, for budgets of some minutes of one core",
        Recipe(mix=_SMALL_BATCHES, warmup_steps=40, ema=0.99),
    ),
    "tiny": (
        "a small network and small batches, to try things out in seconds",
        Recipe(
            encoder=EncoderSettings(dim=16, widths=(8, 16, 16), blocks=(1, 1, 1), pooled=16),
            mix=MixSettings(songs=4, views=3, seconds=2.0),
            warmup_steps=5,
        ),
    ),
}
