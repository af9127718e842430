"""The recipe `paper` from end to end: its choices, losses and stages, on one budget.

Teachers are trained first (`teachers`), then a network is pre-trained to say what they say, then it
learns from triplets of mixes (`triplets`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from partwise.errors import PartwiseError
from partwise_lab.data.stems import find_pieces
from partwise_lab.model.checkpoint import describe
from partwise_lab.model.comparisons import EQUAL_SIZE, PaperEncoder, PaperEncoderSettings
from partwise_lab.training import machine
from partwise_lab.training.loop import Progress, train
from partwise_lab.training.paper.teachers import (
    TeacherObjective,
    TeacherRecipe,
    TeacherTable,
    distance,
    length,
    load_teachers,
)
from partwise_lab.training.paper.triplets import (
    ANCHOR,
    NEGATIVE,
    POSITIVE,
    SegmentGrid,
    TripletBatch,
    TripletPlanner,
    group_by_tempo,
    mix_triplets,
    one_group,
)
from partwise_lab.training.recipes import Objective, Optimiser
from partwise_lab.training.stem_bank import StemBank

TEACHERS, PRETRAINED = "teachers", "pretrained"  # folders of the earlier stages, inside the run's
Stage = Literal["pre-training", "main"]


@dataclass(frozen=True)
class PaperRecipe(Optimiser):
    """The recipe `paper`: arXiv 2404.06682 as far as it is known.

    encoder : the network; the default has the size of `partwise`'s own, for fair comparisons.
    triplets : per step; each is three mixes.
    seconds, hop_s : length of training segments and the distance of adjacent ones [s].
    same_tempo : whether the four songs of a triplet have a tempo in common, and
    tempo_width : how wide a tempo group is, as a share of the tempo.
    margin : of the triplet loss.
    additional_weight : of the loss of the second part, for which the roles are swapped; 0: "basic".
    auxiliary_weight : of the distance to the clean-stem teachers during the main training.
    near_zero_weight : of the loss of absent parts' subspaces (the journal version).
    teacher_share, pretraining_share : of the training budget, spent on the teachers and on
        distilling them before the main training; without pre-training and auxiliary loss there are
        no teachers.
    learning_rate : the highest, of Adam, in the main training. The lab's code has 5e-5 to 1e-4 for
        hundreds of epochs on a GPU; in short trials a higher one serves the paper better. Basic +
        additional, channels halved, 32 triplets a step, one run each,
        triplets of unseen pieces put in the right order (of 400, +-2.5 points): after 70 steps
        50 % at 3e-4, 54 % at 1e-3, 56 % at 3e-3; after 250 steps 61 % at 1e-3, 62 % at 3e-3.
    pretraining_learning_rate : the same while distilling; the lab's code has this very value.

    Known departures from the paper: the front end (22.05 kHz, so that recipes share their data;
    gain taken out), mixing in the mel-power domain, pre-training on pseudo-mixes too, tempo groups
    by width, as the paper's are not known; and as in our own recipe warm-up and cosine of the
    learning rate, clipped gradients and averaged weights, which can only help.
    """

    name: str = "paper"
    encoder: PaperEncoderSettings = EQUAL_SIZE
    teachers: TeacherRecipe = field(default_factory=TeacherRecipe)
    triplets: int = 64
    seconds: float = 3.0
    hop_s: float = 1.5
    same_tempo: bool = True
    tempo_width: float = 0.1
    margin: float = 0.2
    additional_weight: float = 1.0
    auxiliary_weight: float = 1.0
    near_zero_weight: float = 1.0
    teacher_share: float = 0.15
    pretraining_share: float = 0.25
    learning_rate: float = 1e-3
    pretraining_learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_steps: int = 40

    @property
    def has_teachers(self) -> bool:
        return self.auxiliary_weight > 0 or self.pretraining_share > 0


_ADDITIONAL = PaperRecipe(
    name="paper-additional",
    auxiliary_weight=0.0,
    near_zero_weight=0.0,
    teacher_share=0.0,
    pretraining_share=0.0,
)

# Name -> what it is, and the recipe. All but the last are of equal network size.
PAPER_RECIPES: dict[str, tuple[str, PaperRecipe]] = {
    "paper-basic": (
        "the paper's basic triplets alone",
        replace(_ADDITIONAL, name="paper-basic", additional_weight=0.0),
    ),
    "paper-additional": ("the paper's basic and additional triplets", _ADDITIONAL),
    "paper": (
        "the paper: teachers, pre-training, auxiliary loss, basic and additional triplets",
        PaperRecipe(),
    ),
    "paper-published-size": (
        "the same with the paper's own, larger network",
        PaperRecipe(name="paper-published-size", encoder=PaperEncoderSettings()),
    ),
}


class PaperObjective(Objective):
    """The other two stages: distilling the teachers, and the main training.

    tempo_bpm : of each piece of the bank, None where it is not known.
    teachers : what they say of the bank's stems; needed while distilling and for the auxiliary
        loss.
    """

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
        distilling = stage == "pre-training"
        rate = recipe.pretraining_learning_rate if distilling else recipe.learning_rate
        groups = (
            group_by_tempo(tempo_bpm, recipe.tempo_width)
            if recipe.same_tempo
            else one_group(len(bank.pieces))
        )
        told = {"stage": stage, "pieces_without_tempo_group": groups.left_out}
        super().__init__(recipe.name, recipe, bank, device, **told)
        self.optimiser = replace(recipe, learning_rate=rate)
        self.recipe, self.stage, self.groups = recipe, stage, groups
        self.segments = 3 * recipe.triplets
        self.weights = {"auxiliary": 1.0} if distilling else _weights(recipe)
        self.columns = tuple(self.weights)
        self.grid = SegmentGrid.of(bank, recipe.seconds, recipe.hop_s)
        self.planner = TripletPlanner(self.grid, groups)
        if "auxiliary" in self.weights and teachers is None:
            raise ValueError("this stage needs teachers")
        self.table = teachers if "auxiliary" in self.weights else None
        torch.manual_seed(recipe.seed)
        self.model = self.learner = PaperEncoder(recipe.encoder)
        self.model.to(device, memory_format=torch.channels_last)  # pyright: ignore
        self.restart(0)

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        self.rng = np.random.default_rng([self.recipe.seed, step, self.stage == "main"])

    def draw(self) -> tuple[TripletBatch, Tensor | None]:
        """Triplets, and what the teachers say of their stems: [roles=3, triplets, parts=5, dim]."""
        plan = self.planner.draw(self.recipe.triplets, self.rng)
        batch = mix_triplets(self.bank, self.grid, plan, self.device)
        return batch, self.table.look_up(batch.segment) if self.table else None

    def loss(
        self, batch: tuple[TripletBatch, Tensor | None], used: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the losses, and each of them."""
        triplets, teachers = batch
        with machine.autocast(self.device):
            encoded = self.model(triplets.log_mel.flatten(0, 1))
        rows = encoded.embeddings.float().unflatten(0, triplets.log_mel.shape[:2])
        a, p, n = rows[ANCHOR], rows[POSITIVE], rows[NEGATIVE]  # [triplets, parts, dim] each
        margin = self.recipe.margin
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


def masked_triplet_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, part: Tensor, margin: float
) -> Tensor:
    """max(0, D(a, p; m_c) - D(a, n; m_c) + margin), D Euclidean in the subspace of a triplet's c.

    anchor, positive, negative : [triplets, parts=5, dim]
    part : int64 [triplets], the part c of each triplet
    returns : scalar, mean over triplets
    """
    each = torch.arange(len(part), device=part.device)
    a, p, n = (rows[each, part] for rows in (anchor, positive, negative))  # [triplets, dim]
    return torch.clamp(distance(a, p) - distance(a, n) + margin, min=0.0).mean()


def distillation_loss(embeddings: Tensor, teachers: Tensor) -> Tensor:
    """L_M = || f(x) - y / ||y|| ||: the whole embedding against the teachers' concatenated ones.

    embeddings : [..., parts=5, dim], f(x)
    teachers : same shape, y: what each part's teacher says of that part's stem; 0 if it is absent
    returns : scalar, mean over mixes
    """
    x, y = embeddings.flatten(-2), teachers.flatten(-2)
    return distance(x, y / length(y)[..., None]).mean()


def near_zero_loss(embeddings: Tensor, absent: Tensor) -> Tensor:
    """The journal version's extra loss: the subspace of an absent part is to be near zero.

    embeddings : [..., parts=5, dim]
    absent : bool [..., parts=5]
    returns : scalar, mean length of the absent parts' subspaces; 0 when none is absent
    """
    return torch.sum(length(embeddings) * absent) / torch.clamp(absent.sum(), min=1)


def train_paper(
    bank: StemBank,
    recipe: PaperRecipe,
    tempo_bpm: Sequence[float | None],
    out: Path,
    *,
    minutes: float,
    teachers: Path | None = None,
    device: str = "cpu",
    progress: Callable[[Progress], None] | None = None,
    **how: Any,
) -> Path:
    """Train for a budget of `minutes`, all stages together; returns the checkpoint's path.

    Running again with the same `out` resumes; with a larger budget the main training goes on.
    The checkpoint's own `minutes` are those of the main training; the earlier stages keep theirs.
    teachers : folder of a finished teacher run to use instead of training new ones; they cost
        nothing of this budget. By default they are trained in, and reused from, `out/teachers`.
    how : further options of `loop.train`.
    Raises PartwiseError as `loop.train` does, and when the teachers given belong to other data or
    settings.
    """
    spent = 0.0

    def report(p: Progress) -> None:
        if progress:
            progress(replace(p, minutes=spent + p.minutes, budget_minutes=minutes))

    def run(objective: Objective, folder: Path, budget: float, start: Path | None = None) -> Path:
        path = train(objective, folder, minutes=budget, start_from=start, progress=report, **how)
        machine.largest(0.0)  # under torchrun all wait until the first process has written
        return path

    heard = None
    if recipe.has_teachers:
        folder = teachers or out / TEACHERS
        if teachers is None:
            if not _begun(out / PRETRAINED, out):
                objective = TeacherObjective(bank, recipe.teachers, device)
                run(objective, folder, minutes * recipe.teacher_share)
            spent += _minutes_of(folder)
        found = load_teachers(folder, recipe.teachers, bank)
        grid = SegmentGrid.of(bank, recipe.seconds, recipe.hop_s)
        heard = TeacherTable(found, bank, grid, device)  # one for both stages that follow
    start = None
    if recipe.pretraining_share:
        if not _begun(out):
            objective = PaperObjective(
                bank, recipe, tempo_bpm, stage="pre-training", teachers=heard, device=device
            )
            run(objective, out / PRETRAINED, minutes * recipe.pretraining_share)
        start = out / PRETRAINED / "last.safetensors"
        spent += _minutes_of(out / PRETRAINED)
    objective = PaperObjective(bank, recipe, tempo_bpm, stage="main", teachers=heard, device=device)
    return run(objective, out, max(minutes - spent, 0.0), start)


def tempos_of(data: Sequence[Path], bank: StemBank) -> list[float | None]:
    """The tempo of each piece of a bank, from the stems folders it was made of."""
    tempo_bpm = {piece.name: piece.tempo_bpm for folder in data for piece in find_pieces(folder)}
    return [tempo_bpm.get(name) for name in bank.pieces]


def _begun(*folders: Path) -> bool:
    """Whether a later stage has begun, so that the earlier ones must stay as they are."""
    return any((folder / "state.pt").exists() for folder in folders)


def _minutes_of(folder: Path) -> float:
    """Training time that a finished stage has taken. Raises PartwiseError when it is gone."""
    path = folder / "last.json"
    try:
        return float(describe(folder / "last.safetensors")["minutes"])
    except (OSError, ValueError, KeyError):
        raise PartwiseError(
            f"{path}, an earlier stage of this run, cannot be read: train in another folder"
        ) from None
