"""The recipe `paper` from end to end: teachers, pre-training, main training, on one budget."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from partwise.errors import PartwiseError
from partwise_lab.data.stems import find_pieces
from partwise_lab.training import distributed
from partwise_lab.training.loop import Clock, Progress, train
from partwise_lab.training.objective import Objective
from partwise_lab.training.paper.objective import PaperObjective, TeacherObjective
from partwise_lab.training.paper.recipe import PaperRecipe
from partwise_lab.training.paper.teachers import TeacherTable, load_teachers
from partwise_lab.training.paper.windows import SegmentGrid
from partwise_lab.training.stem_bank import StemBank

TEACHERS, PRETRAINED = "teachers", "pretrained"  # folders of the earlier stages, inside the run's


def train_paper(
    bank: StemBank,
    recipe: PaperRecipe,
    tempo_bpm: Sequence[float | None],
    out: Path,
    *,
    minutes: float,
    teachers: Path | None = None,
    device: str = "cpu",
    threads: int | None = None,
    clock: Clock = "wall",
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train for a budget of `minutes`, all stages together; returns the checkpoint's path.

    Running again with the same `out` resumes; with a larger budget the main training goes on.
    The checkpoint's own `minutes` are those of the main training; the earlier stages keep theirs.
    teachers : folder of a finished teacher run to use instead of training new ones; they cost
        nothing of this budget. By default they are trained in, and reused from, `out/teachers`.
    Raises PartwiseError as `loop.train` does, and when the teachers given belong to other data or
    settings.
    """
    spent = 0.0

    def stage(objective: Objective, folder: Path, budget: float, start: Path | None = None) -> Path:
        def report(p: Progress) -> None:
            if progress:
                progress(replace(p, minutes=spent + p.minutes, budget_minutes=minutes))

        path = train(
            objective,
            folder,
            minutes=budget,
            device=device,
            threads=threads,
            clock=clock,
            start_from=start,
            progress=report,
        )
        distributed.largest(0.0)  # under torchrun all wait until the first process has written
        return path

    heard = None
    if recipe.has_teachers:
        folder = teachers or out / TEACHERS
        if teachers is None:
            if not _begun(out / PRETRAINED, out):
                objective = TeacherObjective(bank, recipe.teachers, device)
                stage(objective, folder, minutes * recipe.teacher_share)
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
            stage(objective, out / PRETRAINED, minutes * recipe.pretraining_share)
        start = out / PRETRAINED / "last.safetensors"
        spent += _minutes_of(out / PRETRAINED)
    objective = PaperObjective(bank, recipe, tempo_bpm, stage="main", teachers=heard, device=device)
    return stage(objective, out, max(minutes - spent, 0.0), start)


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
        return float(json.loads(path.read_text())["minutes"])
    except (OSError, ValueError, KeyError):
        raise PartwiseError(
            f"{path}, an earlier stage of this run, cannot be read: train in another folder"
        ) from None
