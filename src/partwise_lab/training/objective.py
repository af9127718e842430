"""What a recipe asks of the training loop: a model, batches and a loss."""

from __future__ import annotations

from typing import Any, Protocol

from torch import Tensor, nn

from partwise.embedding.logmel import MelSettings


class Objective(Protocol):
    """One recipe on one data set, as the loop sees it.

    recipe : its name, kept with the checkpoint.
    settings : every choice of the recipe, JSON-able; a run is resumed only with the same ones.
    data_digest, pieces, mel : the data and the front end.
    model : the network that is averaged, kept and exported.
    learner : everything that is learnt; holds ``model`` and what is dropped after training.
    columns : names of the losses that ``loss`` returns, in the order of the log.
    segments : pseudo-mixes (or stems) that one step learns from.
    learning_rate, warmup_steps, weight_decay, clip_norm, ema : of the optimiser and the averaging.
    """

    recipe: str
    settings: dict[str, Any]
    data_digest: str
    pieces: int
    mel: MelSettings

    @property
    def model(self) -> nn.Module: ...

    @property
    def learner(self) -> nn.Module: ...

    columns: tuple[str, ...]
    segments: int
    learning_rate: float
    warmup_steps: int
    weight_decay: float
    clip_norm: float
    ema: float

    def begin(self) -> None:
        """Called once before the first step of a new run, when the model has its weights."""
        ...

    def draw(self) -> Any:
        """The next batch, on the device; called from a thread of its own."""
        ...

    def loss(self, batch: Any, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The total loss and its terms by column; `used` is the share of the budget spent, 0..1."""
        ...

    def restart(self, step: int) -> None:
        """Draw on from `step`, when a run is resumed."""
        ...
