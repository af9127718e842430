"""Recipes: every choice of a training run as one frozen value, saved with the checkpoint.

`Optimiser` is what all recipes choose and `Objective` what the loop asks of a recipe on its data;
below them our own recipe.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from torch import Tensor, nn

from partwise.embedding.logmel import MelSettings
from partwise_lab.model.encoder import CELL, EncoderSettings
from partwise_lab.training.mix_plan import MixSettings
from partwise_lab.training.pseudo_mix import Batch, PseudoMixer
from partwise_lab.training.stem_bank import StemBank


@dataclass(frozen=True)
class Optimiser:
    """How the loop takes its steps.

    learning_rate : of AdamW, the highest, reached after `warmup_steps`.
    muon_rate : of Muon, for convolutions between hidden maps; 0 leaves them to AdamW (see `steps`).
    constant : whether the rates stay there, until the run is cooled; else they go down a cosine
        over the budget, and the budget cannot be known to have been too small.
    weight_decay : of both; AdamW without decay is Adam.
    clip_norm : of the gradients.
    ema : decay of the averaged weights, which are the ones that are kept.
    seed : of the weights and of what is drawn.
    """

    learning_rate: float = 2e-3
    muon_rate: float = 0.0
    constant: bool = False
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

    @abstractmethod
    def draw(self) -> Any:
        """The next batch, on the device; called from a thread of its own."""

    @abstractmethod
    def loss(self, batch: Any, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The total loss and its terms by column; `used` is the share of the budget spent, 0..1."""

    @abstractmethod
    def restart(self, step: int) -> None:
        """Draw on from `step`, when a run is resumed."""


class MixObjective(Objective):
    """An objective that learns from pseudo-mixes of one stem bank.

    recipe : has `mix`, how they are made. voices : sung over some of them; kept with the settings.
    cell : frames and bands over which the shares of a batch are averaged.
    """

    cell: tuple[int, int] = CELL

    def __init__(
        self,
        bank: StemBank,
        recipe: Any,
        device: str = "cpu",
        voices: StemBank | None = None,
        **more: Any,
    ) -> None:
        """more : further settings."""
        more["voices"] = voices and voices.digest
        super().__init__(recipe.name, recipe, bank, device, **more)
        self.recipe, self.voices = recipe, voices
        self.segments = recipe.mix.songs * recipe.mix.views
        self.restart(0)

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        seed = self.recipe.seed * 1_000_003 + step
        self.mixer = PseudoMixer(
            self.bank, self.recipe.mix, seed, self.device, self.cell, self.voices
        )

    def draw(self) -> Batch:
        """The next batch."""
        return self.mixer.draw()


def same_choices(theirs: Any, ours: Any) -> bool:
    """Whether two runs have chosen alike; what one of them does not know counts as 0 or None, so
    that runs of other versions can be resumed."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return all(same_choices(theirs.get(key), ours.get(key)) for key in theirs | ours)
    return json.dumps(theirs or None) == json.dumps(ours or None)


@dataclass(frozen=True)
class Recipe(Optimiser):
    """The recipe `partwise`: factorial pseudo-mixing with voices over some mixes, in-batch
    multi-positive contrastive loss in each subspace, presence, and masks supervised by the stems.

    temperature : of the contrastive loss.
    presence_weight, mask_weight : of the losses beside it.
    """

    name: str = "partwise"
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    mix: MixSettings = field(default_factory=MixSettings)
    temperature: float = 0.1
    presence_weight: float = 0.3
    mask_weight: float = 0.5
    learning_rate: float = 3e-3
    muon_rate: float = 0.04
    constant: bool = True
    warmup_steps: int = 100
    ema: float = 0.999


# What `partwise-lab train --recipe` knows of this family.
RECIPES: dict[str, tuple[str, Recipe]] = {
    "partwise": ("the one that ships: for as long as it is left to, then cooled", Recipe()),
    "partwise-budget": (
        "the same with its rates going down over a budget of some minutes, for comparisons",
        Recipe(
            name="partwise-budget",
            mix=MixSettings(songs=12, views=4),
            constant=False,
            warmup_steps=20,
            ema=0.98,
        ),
    ),
    "tiny": (
        "a small network and small batches, to try things out in seconds",
        Recipe(
            name="tiny",
            encoder=EncoderSettings(
                dim=16, widths=(16, 16, 16), blocks=1, pooled=16, pooled_fine=8
            ),
            mix=MixSettings(songs=4, views=3, seconds=2.0),
            warmup_steps=5,
        ),
    ),
}

# Networks for stems, one per part: what the one network is compared with.
INDIVIDUAL = replace(
    RECIPES["partwise-budget"][1], name="individual", presence_weight=0.0, mask_weight=0.0
)
