"""The recipe `presence`: a trained network's presence layer, taught anew on what is heard later.

While a network learns, most mixes hold most parts, and each stem is about as loud as the others.
Listeners bring single instruments, quiet parts and songs that are sung. Here everything but the
layer that tells presence stays as it is, bit for bit, so embeddings do not change: the layer
learns from mixes of any number of stems, of levels further apart, sung over or not.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from partwise.errors import PartwiseError
from partwise_lab.model.checkpoint import load_checkpoint
from partwise_lab.model.encoder import PartEncoder
from partwise_lab.training.factorial import presence_loss
from partwise_lab.training.machine import autocast
from partwise_lab.training.mix_plan import MixSettings
from partwise_lab.training.pseudo_mix import Batch
from partwise_lab.training.recipes import MixObjective, Optimiser
from partwise_lab.training.stem_bank import StemBank

NAME = "presence"


@dataclass(frozen=True)
class PresenceRecipe(Optimiser):
    """Every choice of it; a mix keeps each stem with a chance drawn from 0 to 1, one at least."""

    name: str = NAME
    mix: MixSettings = field(default_factory=lambda: MixSettings(keep=(0.0, 1.0), gain_db=8.0))
    learning_rate: float = 1e-3
    warmup_steps: int = 20
    ema: float = 0.98


class PresenceObjective(MixObjective):
    """The recipe on one stem bank.

    start : the checkpoint whose presence is taught anew.
    Raises PartwiseError where the checkpoint is missing or tells no presence by a layer.
    """

    columns = ("presence",)

    def __init__(
        self,
        bank: StemBank,
        start: Path,
        recipe: PresenceRecipe,
        device: str = "cpu",
        voices: StemBank | None = None,
    ) -> None:
        model, _, about = load_checkpoint(start)
        if not isinstance(model, PartEncoder):
            raise PartwiseError(f"--start-from {start} has no layer that tells presence")
        told = {key: about.get(key) for key in ("recipe", "data_digest", "steps", "segments")}
        super().__init__(bank, recipe, device, voices, start=told)
        model.eval().requires_grad_(False)
        model.to(device, memory_format=torch.channels_last)  # pyright: ignore
        model.presence.requires_grad_(True)
        self.model = self.network = model
        # The network itself is not among it: it must not go into training mode.
        self.learner = nn.ModuleDict({"presence": model.presence})

    def loss(self, batch: Batch, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """How well it is told who is heard."""
        with torch.no_grad(), autocast(self.device):
            features = self.network.features(batch.log_mel)[0]
        logits = self.network.presence(features.float()).flatten(1)
        value = presence_loss(logits, batch.present)
        return value, {"presence": value}
