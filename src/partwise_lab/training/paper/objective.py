"""What the recipe `paper` asks of the training loop: two objectives for its three stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from partwise.parts import PARTS
from partwise_lab.model.paper_encoder import PaperEncoder
from partwise_lab.training.paper.losses import (
    distance,
    distillation_loss,
    masked_triplet_loss,
    near_zero_loss,
)
from partwise_lab.training.paper.recipe import PaperRecipe, TeacherRecipe
from partwise_lab.training.paper.teachers import StemTeachers, TeacherTable, teacher_settings
from partwise_lab.training.paper.tempo import group_by_tempo, one_group
from partwise_lab.training.paper.triplets import (
    ANCHOR,
    NEGATIVE,
    POSITIVE,
    TripletBatch,
    TripletPlanner,
    mix_triplets,
)
from partwise_lab.training.paper.windows import SegmentGrid, StemTriplets
from partwise_lab.training.precision import autocast
from partwise_lab.training.stem_bank import StemBank

Stage = Literal["pre-training", "main"]


class TeacherObjective:
    """`Objective` of the first stage: five clean-stem teachers, side by side."""

    weight_decay = 0.0  # AdamW without decay is Adam

    def __init__(self, bank: StemBank, recipe: TeacherRecipe, device: str = "cpu") -> None:
        self.bank = bank
        self.choices = recipe
        self.device = device
        self.recipe = "paper-teachers"
        self.settings: dict[str, Any] = teacher_settings(recipe)
        self.data_digest = bank.digest
        self.pieces = len(bank.pieces)
        self.mel = bank.mel
        self.segments = 3 * len(PARTS) * recipe.triplets
        self.learning_rate = recipe.learning_rate
        self.warmup_steps = recipe.warmup_steps
        self.clip_norm = recipe.clip_norm
        self.ema = recipe.ema
        self.columns = tuple(str(part) for part in PARTS)
        self.grid = SegmentGrid.of(bank, recipe.seconds, recipe.hop_s)
        self.triplets = StemTriplets(self.grid)
        torch.manual_seed(recipe.seed)
        self.model: nn.Module = StemTeachers(recipe.networks)
        self.model.to(device, memory_format=torch.channels_last)  # pyright: ignore
        self.learner: nn.Module = self.model
        self.restart(0)

    def begin(self) -> None:
        """Nothing to do before the first step."""

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        self.rng = np.random.default_rng([self.choices.seed, step])

    def draw(self) -> Tensor:
        """Stems in dB, [roles=3, parts=5, triplets, frames, bands]."""
        number = self.triplets.draw(self.choices.triplets, self.rng)
        log_mel = self.grid.windows(self.bank, number.reshape(-1), self.device)
        return log_mel.unflatten(0, number.shape)

    def loss(self, batch: Tensor, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean of the parts' triplet losses, and each of them."""
        roles, _, triplets = batch.shape[:3]
        stems = batch.transpose(0, 1).flatten(1, 2)  # [parts, roles * triplets, frames, bands]
        with autocast(self.device):
            heard = self.model(stems)
        a, p, n = heard.float().unflatten(1, (roles, triplets)).unbind(1)  # [parts, triplets, dim]
        hinge = torch.clamp(distance(a, p) - distance(a, n) + self.choices.margin, min=0.0)
        by_part = hinge.mean(dim=1)
        return by_part.mean(), {str(part): by_part[part.index] for part in PARTS}


class PaperObjective:
    """`Objective` of the other two stages: distilling the teachers, and the main training.

    tempo_bpm : of each piece of the bank, None where it is not known.
    teachers : what they say of the bank's stems; needed while distilling and for the auxiliary
        loss.
    """

    weight_decay = 0.0  # AdamW without decay is Adam

    def __init__(
        self,
        bank: StemBank,
        recipe: PaperRecipe,
        tempo_bpm: Sequence[float | None],
        *,
        stage: Stage = "main",
        teachers: TeacherTable | None = None,
        device: str = "cpu",
    ) -> None:
        self.bank = bank
        self.choices = recipe
        self.stage = stage
        self.device = device
        self.recipe = recipe.name
        self.data_digest = bank.digest
        self.pieces = len(bank.pieces)
        self.mel = bank.mel
        self.segments = 3 * recipe.triplets
        distilling = stage == "pre-training"
        self.learning_rate = (
            recipe.pretraining_learning_rate if distilling else recipe.learning_rate
        )
        self.warmup_steps = recipe.warmup_steps
        self.clip_norm = recipe.clip_norm
        self.ema = recipe.ema
        self.weights = {"auxiliary": 1.0} if distilling else _weights(recipe)
        self.columns = tuple(self.weights)
        self.grid = SegmentGrid.of(bank, recipe.seconds, recipe.hop_s)
        self.groups = (
            group_by_tempo(tempo_bpm, recipe.tempo_width)
            if recipe.same_tempo
            else one_group(len(bank.pieces))
        )
        self.planner = TripletPlanner(self.grid, self.groups)
        self.settings: dict[str, Any] = {
            **asdict(recipe),
            "stage": stage,
            "pieces_without_tempo_group": self.groups.left_out,
        }
        if "auxiliary" in self.weights and teachers is None:
            raise ValueError("this stage needs teachers")
        self.table = teachers if "auxiliary" in self.weights else None
        torch.manual_seed(recipe.seed)
        self.model: nn.Module = PaperEncoder(recipe.encoder)
        self.model.to(device, memory_format=torch.channels_last)  # pyright: ignore
        self.learner: nn.Module = self.model
        self.restart(0)

    def begin(self) -> None:
        """Nothing to do before the first step."""

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        self.rng = np.random.default_rng([self.choices.seed, step, self.stage == "main"])

    def draw(self) -> tuple[TripletBatch, Tensor | None]:
        """Triplets, and what the teachers say of their stems: [roles=3, triplets, parts=5, dim]."""
        plan = self.planner.draw(self.choices.triplets, self.rng)
        batch = mix_triplets(self.bank, self.grid, plan, self.device)
        return batch, self.table.look_up(batch.segment) if self.table else None

    def loss(
        self, batch: tuple[TripletBatch, Tensor | None], used: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the losses, and each of them."""
        triplets, teachers = batch
        with autocast(self.device):
            encoded = self.model(triplets.log_mel.flatten(0, 1))
        rows = encoded.embeddings.float().unflatten(0, triplets.log_mel.shape[:2])
        a, p, n = rows[ANCHOR], rows[POSITIVE], rows[NEGATIVE]  # [triplets, parts, dim] each
        margin = self.choices.margin
        terms: dict[str, Tensor] = {}
        if "basic" in self.weights:
            terms["basic"] = masked_triplet_loss(a, p, n, triplets.basic, margin)
        if "additional" in self.weights:  # the same audio, the roles swapped
            terms["additional"] = masked_triplet_loss(a, n, p, triplets.additional, margin)
        if teachers is not None:
            terms["auxiliary"] = distillation_loss(rows, teachers)
        if "near zero" in self.weights:
            terms["near zero"] = near_zero_loss(rows, triplets.absent)
        total = torch.stack([self.weights[name] * term for name, term in terms.items()]).sum()
        return total, terms


def _weights(recipe: PaperRecipe) -> dict[str, float]:
    """The losses of the main training that count."""
    weights = {
        "basic": 1.0,
        "additional": recipe.additional_weight,
        "auxiliary": recipe.auxiliary_weight,
        "near zero": recipe.near_zero_weight,
    }
    return {name: weight for name, weight in weights.items() if weight > 0}
