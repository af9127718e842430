"""The training loop: draw a batch, ask the objective for its loss, take a step; checkpoints.

A run lives in a folder: `last.safetensors` + `last.json` (averaged weights, ready for export),
`state.pt` (what resuming needs), `log.csv` (one row every `LOG_EVERY` steps) and `curves.png`.
A run of constant rate is never finished; what it has learnt so far is, by cooling: the rate falls
to nothing in a folder of its own, `cooled`, and the run itself can go on as it was.

Under ``torchrun`` every process trains on batches of its own and the gradients are averaged
(distributed data parallel); only the first process writes.
"""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from partwise.atomic import replacing
from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.model.checkpoint import load_checkpoint, parameters, save_checkpoint
from partwise_lab.training import machine
from partwise_lab.training.recipes import Objective, same_choices
from partwise_lab.training.steps import Steps

LOG_EVERY = 20
CHECKPOINT_EVERY_S = 120.0
COOLED = "cooled"  # folder inside the run's
_LEAST = 0.01  # of the rate, at the end of a budget

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


def train(
    objective: Objective,
    out: Path,
    *,
    minutes: float,
    threads: int | None = None,
    clock: Clock = "wall",
    start_from: Path | None = None,
    cool: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train for a budget of `minutes` of training time; returns the checkpoint's path.

    Running again with the same `out` resumes; a larger budget goes on from there (the learning
    rate of most recipes follows the share of the budget used). Ctrl-C writes a checkpoint first.
    start_from : checkpoint whose weights a new run begins with.
    cool : finish what the run in `out` has learnt: on from there in `out/cooled`, while the rate
        falls to nothing over `minutes`.
    Raises PartwiseError when `out` holds a run of another recipe or data, or none to cool, a loss
    is not finite or the disk is full.
    """
    if threads:
        torch.set_num_threads(threads)
    now = time.perf_counter if clock == "wall" else time.process_time
    begun = out
    if cool:
        if not (begun / "state.pt").exists():
            raise PartwiseError(f"{out} holds no run that could be cooled")
        out = begun / COOLED
    out.mkdir(parents=True, exist_ok=True)
    run = _Run(objective, out, clock)
    if not run.resume(out):
        if cool:
            run.resume(begun)
            run.before_s, run.used_s = run.before_s + run.used_s, 0.0
        elif start_from:
            run.begin_with(start_from)
    synchronise = machine.share(objective.learner)
    objective.restart(run.step * machine.world() + machine.rank())
    batches = _prefetched(objective)
    objective.learner.train()
    budget_s, saved_s = minutes * 60.0, run.used_s
    sums: dict[str, torch.Tensor] = {}
    try:
        while (used := machine.largest(run.used_s / budget_s if budget_s else 1.0)) < 1.0:
            began = now()
            scale = _scale(objective, run.step, used, cool)
            for name, value in run.take_step(next(batches), used, scale, synchronise).items():
                share = value.detach().float() / LOG_EVERY
                sums[name] = sums[name] + share if name in sums else share
            log_now = run.step % LOG_EVERY == 0
            losses = {name: float(value) for name, value in sums.items()} if log_now else {}
            took_s = now() - began
            run.used_s += took_s
            if not log_now:
                continue
            sums = {}
            if not math.isfinite(losses["loss"]):
                raise PartwiseError(
                    f"the loss became {losses['loss']} at step {run.step}: the last good "
                    f"checkpoint is in {out}; try a lower learning rate"
                )
            if machine.rank() == 0:
                run.log(losses, scale)
                if progress:
                    speed = objective.segments * machine.world() / max(took_s, 1e-9)
                    progress(Progress(run.step, run.used_s / 60, minutes, speed, losses))
            if run.used_s - saved_s > CHECKPOINT_EVERY_S:
                run.save()
                saved_s = run.used_s
    except KeyboardInterrupt:
        run.save()
        raise
    run.save()
    if machine.rank() == 0:
        plot_curves(out)
    return out / "last.safetensors"


class _Run:
    """What is kept between steps and across interruptions.

    average : the model whose weights are the moving average of those that learn
    step, used_s : steps taken, and the training time they took of this budget
    before_s : training time of the run that is being cooled
    """

    def __init__(self, objective: Objective, out: Path, clock: Clock) -> None:
        self.objective, self.out, self.clock = objective, out, clock
        self.average = copy.deepcopy(objective.model).eval().requires_grad_(False)
        self.steps = Steps(objective.learner, objective.optimiser)
        self.step, self.used_s, self.before_s = 0, 0.0, 0.0
        self.is_of: dict[str, Any] = {
            "recipe": objective.settings,
            "data_digest": objective.data_digest,
            "mel": asdict(objective.mel),
        }

    @property
    def segments(self) -> int:
        """What all processes have learnt from."""
        return self.step * self.objective.segments * machine.world()

    def take_step(
        self, batch: Any, used: float, scale: float, synchronise: Callable[[], None]
    ) -> dict[str, torch.Tensor]:
        """Learn from one batch at so much of the rates; the loss and its terms."""
        objective = self.objective
        loss, terms = objective.loss(batch, used)
        self.steps.clear()
        loss.backward()
        synchronise()
        self.steps.take(scale)
        decay = min(objective.optimiser.ema, (1 + self.step) / (10 + self.step))
        _average(self.average, objective.model, decay)
        self.step += 1
        return {"loss": loss, **terms}

    def begin_with(self, path: Path) -> None:
        """Take the weights of a checkpoint; what this network has beyond it keeps its own."""
        weights = self.objective.model.state_dict()
        theirs = load_checkpoint(path)[0].state_dict()
        if any(name not in weights or weights[name].shape != theirs[name].shape for name in theirs):
            raise PartwiseError(f"checkpoint {path} is of another network than this recipe")
        self.objective.model.load_state_dict(weights | theirs)
        self.average.load_state_dict(weights | theirs)

    def resume(self, folder: Path) -> bool:
        """Go on where the run in a folder stopped; whether there is one."""
        path = folder / "state.pt"
        if not path.exists():
            return False
        device = self.objective.device
        try:
            state = torch.load(path, map_location=device, weights_only=True)
        except Exception as error:
            raise PartwiseError(
                f"{path} cannot be read ({error}): delete it to start anew"
            ) from None
        for key, value in self.is_of.items():
            if not same_choices(state.get("run", {}).get(key), value):
                raise PartwiseError(
                    f"{folder} holds a run with another {key.replace('_', ' ')}: "
                    "choose another folder"
                )
        self.objective.learner.load_state_dict(state["learner"])
        self.average.load_state_dict(state["average"])
        self.steps.load(state["steps"])
        self.step, self.used_s, self.before_s = state["step"], state["used_s"], state["before_s"]
        return True

    def save(self) -> None:
        """Write what resuming needs, then the checkpoint."""
        if machine.rank() > 0:
            return
        objective = self.objective
        state = {
            "run": self.is_of,
            "learner": objective.learner.state_dict(),
            "average": self.average.state_dict(),
            "steps": self.steps.state(),
            "step": self.step,
            "used_s": self.used_s,
            "before_s": self.before_s,
        }
        about = {
            "recipe": objective.name,
            "recipe_settings": objective.settings,
            "data_digest": objective.data_digest,
            "pieces": objective.pieces,
            "minutes": round((self.before_s + self.used_s) / 60.0, 1),
            "clock": self.clock,
            "device": machine.device_name(objective.device),
            "steps": self.step,
            "segments": self.segments,
            "parameters": parameters(objective.model),
        }
        try:
            with replacing(self.out / "state.pt") as file:
                torch.save(state, file)
            save_checkpoint(self.out / "last.safetensors", self.average, objective.mel, about)
        except OSError as error:
            raise PartwiseError(
                f"the checkpoint in {self.out} cannot be written: {error}"
            ) from None

    def log(self, losses: dict[str, float], scale: float) -> None:
        """One more row of `log.csv`."""
        rate = self.objective.optimiser.learning_rate * scale
        row = {
            "step": self.step,
            "minutes": round(self.used_s / 60, 3),
            "segments": self.segments,
            "loss": round(losses["loss"], 4),
            **{name: round(losses[name], 4) for name in self.objective.columns},
            "learning_rate": f"{rate:.3e}",
        }
        path = self.out / "log.csv"
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)


def _prefetched(objective: Objective) -> Iterator[Any]:
    """The objective's batches, the next one drawn beside the step that learns from this one."""
    with ThreadPoolExecutor(1) as drawer:
        upcoming = drawer.submit(objective.draw)
        while True:
            batch = upcoming.result()
            upcoming = drawer.submit(objective.draw)
            yield batch


def _scale(objective: Objective, step: int, used: float, cool: bool) -> float:
    """Of the recipe's rates: linear warm-up, then what it chose, down to 1 % over the budget."""
    chosen, used = objective.optimiser, min(used, 1.0)
    warm = min(1.0, (step + 1) / chosen.warmup_steps)
    if cool:
        return max(_LEAST, 1.0 - used)
    if chosen.constant:
        return warm
    return warm * (0.5 * (1.0 + _LEAST) + 0.5 * (1.0 - _LEAST) * math.cos(math.pi * used))


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights and of the normalisation statistics."""
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1.0 - decay)
        else:
            kept.copy_(new)


def plot_curves(out: Path) -> None:
    """Draw `curves.png` from `log.csv`: the losses of the parts, and beside them the others."""
    path = out / "log.csv"
    if not path.exists():
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    known = {"step", "minutes", "segments", "loss", "learning_rate"}
    names = [name for name in rows[0] if name not in known]
    parts = [name for name in names if name in set(PARTS)]
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    minutes = [float(row["minutes"]) for row in rows]
    for axis, shown in zip(axes, (parts, [n for n in names if n not in parts]), strict=True):
        for name in shown:
            axis.plot(minutes, [float(row[name]) for row in rows], label=name)
        axis.set_xlabel("training time [min]")
        if shown:
            axis.legend()
    axes[0].set_ylabel("loss")
    figure.savefig(out / "curves.png", dpi=110)
    plt.close(figure)
