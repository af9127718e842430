"""The training loop: draw a batch, three losses, one step; checkpoints that resume.

A run lives in a folder: `last.safetensors` + `last.json` (averaged weights, ready for export),
`state.pt` (what resuming needs), `log.csv` (one row every `LOG_EVERY` steps) and `curves.png`.
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
from typing import Any

import torch
from torch import nn

from partwise.errors import PartwiseError
from partwise.model.checkpoint import parameters, save_checkpoint
from partwise.model.encoder import PartEncoder
from partwise.parts import PARTS
from partwise.training.losses import mask_loss, multi_positive_contrastive, presence_loss
from partwise.training.pseudo_mix import Batch, PseudoMixer
from partwise.training.recipes import Recipe
from partwise.training.stem_bank import StemBank

LOG_EVERY = 20
CHECKPOINT_EVERY_S = 120.0
_COLUMNS = ["step", "minutes", "segments", "loss", *PARTS, "presence", "masks", "learning_rate"]


@dataclass(frozen=True)
class Progress:
    """Where a run stands; passed to the progress callback after every logged step."""

    step: int
    minutes: float
    budget_minutes: float
    segments_per_s: float
    losses: dict[str, float]


def train(
    bank: StemBank,
    recipe: Recipe,
    out: Path,
    *,
    minutes: float,
    device: str = "cpu",
    threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train for a budget of `minutes` of training time; returns the checkpoint's path.

    Running again with the same `out` resumes; a larger budget goes on from there (the learning
    rate follows the share of the budget used). Ctrl-C writes a checkpoint first.
    Raises PartwiseError when `out` holds a run of another recipe or data, or a loss is not finite.
    """
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    out.mkdir(parents=True, exist_ok=True)
    model = PartEncoder(recipe.encoder).to(device)
    # Channels last is twice as fast on CPUs with bf16.
    model = model.to(memory_format=torch.channels_last)  # pyright: ignore
    average = copy.deepcopy(model).eval().requires_grad_(False)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    run = {"recipe": asdict(recipe), "data_digest": bank.digest, "mel": asdict(bank.mel)}
    state = _resume(out, run, model, average, optimiser, device)
    step, used_s = state["step"], state["used_s"]
    batches = _prefetched(PseudoMixer(bank, recipe.mix, seed=recipe.seed * 1_000_003 + step))
    model.train()
    budget_s = minutes * 60.0
    saved_s = used_s
    sums: dict[str, float] = {}

    def save() -> None:
        _save_state(out, run, model, average, optimiser, step, used_s)
        about = {
            "recipe": recipe.name,
            "recipe_settings": asdict(recipe),
            "data_digest": bank.digest,
            "pieces": len(bank.pieces),
            "minutes": round(used_s / 60.0, 1),
            "steps": step,
            "parameters": parameters(model),
        }
        save_checkpoint(out / "last.safetensors", average, bank.mel, about)

    try:
        while used_s < budget_s:
            began = time.perf_counter()
            rate = _learning_rate(recipe, step, used_s / budget_s)
            for group in optimiser.param_groups:
                group["lr"] = rate
            losses = train_step(model, optimiser, next(batches), recipe, device)
            _average(average, model, min(recipe.ema, (1 + step) / (10 + step)))
            step += 1
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value / LOG_EVERY
            took_s = time.perf_counter() - began
            used_s += took_s
            if step % LOG_EVERY == 0:
                mixes = recipe.mix.songs * recipe.mix.views
                if not math.isfinite(sums["loss"]):
                    raise PartwiseError(
                        f"the loss became {sums['loss']} at step {step}: the last good checkpoint "
                        f"is in {out}; try a lower learning rate"
                    )
                row = [step, round(used_s / 60, 3), step * mixes]
                row += [round(sums[c], 4) for c in _COLUMNS[3:-1]] + [f"{rate:.3e}"]
                _log(out / "log.csv", row)
                if progress:
                    progress(Progress(step, used_s / 60, minutes, mixes / took_s, dict(sums)))
                sums = {}
                if used_s - saved_s > CHECKPOINT_EVERY_S:
                    save()
                    saved_s = used_s
    except KeyboardInterrupt:
        save()
        raise
    save()
    plot_curves(out)
    return out / "last.safetensors"


def train_step(
    model: nn.Module, optimiser: torch.optim.Optimizer, batch: Batch, recipe: Recipe, device: str
) -> dict[str, float]:
    """One step on one batch; returns every loss as a number."""
    present, labels = batch.present.to(device), batch.labels.to(device)
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
        encoded = model(batch.log_mel.to(device))
    embeddings = encoded.embeddings.float()
    contrastive = [
        multi_positive_contrastive(
            embeddings[:, i], labels[:, i], present[:, i], recipe.temperature
        )
        for i in range(len(PARTS))
    ]
    presence = presence_loss(encoded.presence_logits.float(), present)
    masks = mask_loss(encoded.mask_logits.float(), batch.shares.to(device))
    loss = (
        torch.stack(contrastive).mean()
        + recipe.presence_weight * presence
        + recipe.mask_weight * masks
    )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
    optimiser.step()
    named = dict(zip([str(part) for part in PARTS], contrastive, strict=True))
    named |= {"loss": loss, "presence": presence, "masks": masks}
    return {name: float(value.detach()) for name, value in named.items()}


def _prefetched(mixer: PseudoMixer) -> Iterator[Batch]:
    """The mixer's batches, the next one drawn on another core while this one is learnt from."""
    with ThreadPoolExecutor(1) as drawer:
        upcoming = drawer.submit(mixer.draw)
        while True:
            batch = upcoming.result()
            upcoming = drawer.submit(mixer.draw)
            yield batch


def _learning_rate(recipe: Recipe, step: int, used: float) -> float:
    """Linear warm-up, then a cosine down to 1 % over the budget."""
    cosine = 0.505 + 0.495 * math.cos(math.pi * min(used, 1.0))
    return recipe.learning_rate * min(1.0, (step + 1) / recipe.warmup_steps) * cosine


@torch.no_grad()
def _average(average: nn.Module, model: nn.Module, decay: float) -> None:
    """Exponential moving average of the weights and of the normalisation statistics."""
    for kept, new in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.dtype.is_floating_point:
            kept.lerp_(new, 1.0 - decay)
        else:
            kept.copy_(new)


def _save_state(
    out: Path,
    run: dict[str, Any],
    model: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    step: int,
    used_s: float,
) -> None:
    partial = out / "state.partial"
    torch.save(
        {
            "run": run,
            "model": model.state_dict(),
            "average": average.state_dict(),
            "optimiser": optimiser.state_dict(),
            "step": step,
            "used_s": used_s,
        },
        partial,
    )
    os.replace(partial, out / "state.pt")


def _resume(
    out: Path,
    run: dict[str, Any],
    model: nn.Module,
    average: nn.Module,
    optimiser: torch.optim.Optimizer,
    device: str,
) -> dict[str, Any]:
    path = out / "state.pt"
    if not path.exists():
        return {"step": 0, "used_s": 0.0}
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except Exception as error:
        raise PartwiseError(f"{path} cannot be read ({error}): delete it to start anew") from None
    for key, value in run.items():
        if state["run"].get(key) != value:
            raise PartwiseError(
                f"{out} holds a run with another {key.replace('_', ' ')}: choose another folder"
            )
    model.load_state_dict(state["model"])
    average.load_state_dict(state["average"])
    optimiser.load_state_dict(state["optimiser"])
    return state


def _log(path: Path, row: list) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(_COLUMNS)
        writer.writerow(row)


def plot_curves(out: Path) -> None:
    """Draw `curves.png` from `log.csv`: the contrastive loss of each part over time."""
    path = out / "log.csv"
    if not path.exists():
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    minutes = [float(row["minutes"]) for row in rows]
    for axis, names in zip(axes, (list(PARTS), ["presence", "masks"]), strict=True):
        for name in names:
            axis.plot(minutes, [float(row[name]) for row in rows], label=str(name))
        axis.set_xlabel("training time [min]")
        axis.legend()
    axes[0].set_ylabel("contrastive loss")
    figure.savefig(out / "curves.png", dpi=110)
    plt.close(figure)
