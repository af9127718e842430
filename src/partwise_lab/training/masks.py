"""The recipe `masks`: a decoder that listens through a trained network, which stays as it is.

What it gives goes to the ear and not into an index, so it can be taught after the network, and anew
for every network: minutes on a core. The trunk is frozen bit for bit and in evaluation mode; the
decoder learns from pseudo-mixes how the known stems share every cell of the spectrogram.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from partwise.errors import PartwiseError
from partwise_lab.model.checkpoint import load_checkpoint
from partwise_lab.model.encoder import PartEncoder
from partwise_lab.model.masks import MaskNetwork
from partwise_lab.training.comparisons import weighted_mask_loss
from partwise_lab.training.machine import autocast
from partwise_lab.training.mix_plan import MixSettings
from partwise_lab.training.pseudo_mix import Batch
from partwise_lab.training.recipes import MixObjective, Optimiser
from partwise_lab.training.stem_bank import StemBank

NAME = "masks"


@dataclass(frozen=True)
class MaskRecipe(Optimiser):
    """Every choice of it.

    loudness : cells count by the mix's power to this exponent: what is loud is what is heard.
    """

    name: str = NAME
    mix: MixSettings = field(default_factory=lambda: MixSettings(songs=8, views=2))
    loudness: float = 0.5
    learning_rate: float = 3e-3
    weight_decay: float = 0.01
    warmup_steps: int = 30
    ema: float = 0.99


class MaskObjective(MixObjective):
    """The recipe on one stem bank.

    start : the checkpoint of an encoder, or of this recipe to go on from.
    Raises PartwiseError where the checkpoint is missing or of another kind.
    """

    columns = ("masks",)
    cell = (1, 1)  # shares at full resolution

    def __init__(
        self,
        bank: StemBank,
        start: Path,
        recipe: MaskRecipe,
        device: str = "cpu",
        voices: StemBank | None = None,
    ) -> None:
        model, _, about = load_checkpoint(start)
        torch.manual_seed(recipe.seed)
        if isinstance(model, PartEncoder):
            model = MaskNetwork.on(model)
        if not isinstance(model, MaskNetwork):
            raise PartwiseError(f"--start-from {start} is no encoder that masks could be read from")
        told = {key: about.get(key) for key in ("recipe", "data_digest", "steps", "segments")}
        super().__init__(bank, recipe, device, voices, start=told)
        model.eval().to(device, memory_format=torch.channels_last)  # pyright: ignore
        model.encoder.requires_grad_(False)
        self.model = self.network = model
        # The trunk is not among it: it must not go into training mode.
        self.learner = nn.ModuleDict({"decoder": model.decoder})

    def loss(self, batch: Batch, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy of the masks against the ideal ones, louder cells counting more."""
        with autocast(self.device):
            with torch.no_grad():
                maps = self.network.encoder.maps(batch.log_mel)
            logits = self.network.decoder(maps)
        value = weighted_mask_loss(
            logits.float(), batch.shares, batch.log_mel, self.recipe.loudness
        )
        return value, {"masks": value}
