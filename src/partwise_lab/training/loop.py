"""The training loop: draw a batch, ask the objective for its loss, take a step; checkpoints.

A run lives in a folder: `last.safetensors` + `last.json` (averaged weights, ready for export),
`state.pt` (what resuming needs), `log.csv` (one row every `LOG_EVERY` steps) and `curves.png`.

Under ``torchrun`` every process trains on batches of its own and the gradients are averaged
(distributed data parallel); only the first process writes.
"""

from __future__ import annotations

import copy
import csv
import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from partwise.errors import PartwiseError
from partwise_lab.model.checkpoint import load_checkpoint, parameters, save_checkpoint
from partwise_lab.training import distributed
from partwise_lab.training.curves import plot_curves
from partwise_lab.training.objective import Objective

LOG_EVERY = 20
CHECKPOINT_EVERY_S = 120.0

# What a minute of the budget is: of the wall clock, or of one CPU core of this process, which is
# what comparisons on a shared machine need.
Clock = Literal["wall", "core"]


@dataclass(frozen=True)
class Progress:
    """Where a run stands; passed to the progress callback after every logged step."""

    step: int
    minutes: float
    budget_minutes: float
    segments_per_s: float
    losses: dict[str, float]


@dataclass
class _Standing:
    """What is kept between steps and across interruptions."""

    step: int = 0
    used_s: float = 0.0


def train(
    objective: Objective,
    out: Path,
    *,
    minutes: float,
    device: str = "cpu",
    threads: int | None = None,
    clock: Clock = "wall",
    start_from: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train for a budget of `minutes` of training time; returns the checkpoint's path.

    Running again with the same `out` resumes; a larger budget goes on from there (the learning
    rate follows the share of the budget used). Ctrl-C writes a checkpoint first.
    start_from : checkpoint whose weights a new run begins with.
    Raises PartwiseError when `out` holds a run of another recipe or data, a loss is not finite or
    the disk is full.
    """
    if threads:
        torch.set_num_threads(threads)
    now = time.perf_counter if clock == "wall" else time.process_time
    out.mkdir(parents=True, exist_ok=True)
    learner = objective.learner
    average = copy.deepcopy(objective.model).eval().requires_grad_(False)
    optimiser = torch.optim.AdamW(
        learner.parameters(), lr=objective.learning_rate, weight_decay=objective.weight_decay
    )
    run = {
        "recipe": objective.settings,
        "data_digest": objective.data_digest,
        "mel": asdict(objective.mel),
    }
    at = _resume(out, run, learner, average, optimiser, device)
    if at.step == 0:
        if start_from:
            _begin_with(start_from, objective.model, average)
        objective.begin()
    synchronise = distributed.share(learner)
    objective.restart(at.step * distributed.world() + distributed.rank())
    batches = _prefetched(objective)
    learner.train()
    budget_s = minutes * 60.0
    saved_s = at.used_s
    sums: dict[str, torch.Tensor] = {}

    def save() -> None:
        if distributed.rank() > 0:
            return
        about = {
            "recipe": objective.recipe,
            "recipe_settings": objective.settings,
            "data_digest": objective.data_digest,
            "pieces": objective.pieces,
            "minutes": round(at.used_s / 60.0, 1),
            "clock": clock,
            "device": _device_name(device),
            "steps": at.step,
            "segments": at.step * objective.segments * distributed.world(),
            "parameters": parameters(objective.model),
        }
        try:
            _save_state(out, run, learner, average, optimiser, at)
            save_checkpoint(out / "last.safetensors", average, objective.mel, about)
        except OSError as error:
            raise PartwiseError(f"the checkpoint in {out} cannot be written: {error}") from None

    try:
        while (used := distributed.largest(at.used_s / budget_s if budget_s else 1.0)) < 1.0:
            began = now()
            rate = _learning_rate(objective, at.step, used)
            for group in optimiser.param_groups:
                group["lr"] = rate
            loss, terms = objective.loss(next(batches), used)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            synchronise()
            nn.utils.clip_grad_norm_(learner.parameters(), objective.clip_norm)
            optimiser.step()
            _average(average, objective.model, min(objective.ema, (1 + at.step) / (10 + at.step)))
            at.step += 1
            for name, value in {"loss": loss, **terms}.items():
                share = value.detach().float() / LOG_EVERY
                sums[name] = sums[name] + share if name in sums else share
            log_now = at.step % LOG_EVERY == 0
            losses = {name: float(value) for name, value in sums.items()} if log_now else {}
            took_s = now() - began
            at.used_s += took_s
            if not log_now:
                continue
            sums = {}
            if not math.isfinite(losses["loss"]):
                raise PartwiseError(
                    f"the loss became {losses['loss']} at step {at.step}: the last good checkpoint "
                    f"is in {out}; try a lower learning rate"
                )
            if distributed.rank() == 0:
                segments = objective.segments * distributed.world()
                row = {
                    "step": at.step,
                    "minutes": round(at.used_s / 60, 3),
                    "segments": at.step * segments,
                    "loss": round(losses["loss"], 4),
                    **{name: round(losses[name], 4) for name in objective.columns},
                    "learning_rate": f"{rate:.3e}",
                }
                _log(out / "log.csv", row)
                if progress:
                    speed = segments / max(took_s, 1e-9)
                    progress(Progress(at.step, at.used_s / 60, minutes, speed, losses))
            if at.used_s - saved_s > CHECKPOINT_EVERY_S:
                save()
                saved_s = at.used_s
    except KeyboardInterrupt:
        save()
        raise
    save()
    if distributed.rank() == 0:
        plot_curves(out)
    return out / "last.safetensors"


def _prefetched(objective: Objective) -> Iterator[Any]:
    """The objective's batches, the next one drawn beside the step that learns from this one."""
    with ThreadPoolExecutor(1) as drawer:
        upcoming = drawer.submit(objective.draw)
        while True:
            batch = upcoming.result()
            upcoming = drawer.submit(objective.draw)
            yield batch


def _learning_rate(objective: Objective, step: int, used: float) -> float:
    """Linear warm-up, then a cosine down to 1 % over the budget."""
    cosine = 0.505 + 0.495 * math.cos(math.pi * min(used, 1.0))
    return objective.learning_rate * min(1.0, (step + 1) / objective.warmup_steps) * cosine


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights and of the normalisation statistics."""
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1.0 - decay)
        else:
            kept.copy_(new)


def _device_name(device: str) -> str:
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def _begin_with(path: Path, model: nn.Module, average: nn.Module) -> None:
    """Take the weights of a checkpoint; what this network has beyond it keeps its own."""
    weights = model.state_dict()
    theirs = load_checkpoint(path)[0].state_dict()
    if any(name not in weights or weights[name].shape != theirs[name].shape for name in theirs):
        raise PartwiseError(f"checkpoint {path} is of another network than this recipe")
    model.load_state_dict(weights | theirs)
    average.load_state_dict(weights | theirs)


def _save_state(
    out: Path,
    run: dict[str, Any],
    learner: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    at: _Standing,
) -> None:
    partial = out / "state.partial"
    torch.save(
        {
            "run": run,
            "learner": learner.state_dict(),
            "average": average.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": at.step,
            "used_s": at.used_s,
        },
        partial,
    )
    os.replace(partial, out / "state.pt")


def _resume(
    out: Path,
    run: dict[str, Any],
    learner: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    device: str,
) -> _Standing:
    path = out / "state.pt"
    if not path.exists():
        return _Standing()
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise PartwiseError(f"{path} cannot be read ({error}): delete it to start anew") from None
    for key, value in run.items():
        if state.get("run", {}).get(key) != value:
            raise PartwiseError(
                f"{out} holds a run with another {key.replace('_', ' ')}: choose another folder"
            )
    learner.load_state_dict(state["learner"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return _Standing(state["step"], state["used_s"])


def _log(path: Path, row: dict[str, Any]) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
