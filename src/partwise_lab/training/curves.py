"""The picture of a run: every loss over training time."""

from __future__ import annotations

import csv
from pathlib import Path

from partwise.parts import PARTS

_NOT_LOSSES = {"step", "minutes", "segments", "loss", "learning_rate"}


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
    names = [name for name in rows[0] if name not in _NOT_LOSSES]
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
