"""The picture of the ladder: for each run the accuracy of every part, and their mean, as SVG.

The figures' digest stands in the file, so whether a picture is up to date can be told on machines
whose matplotlib or fonts draw it a little differently.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from partwise.parts import PARTS
from partwise_lab.report.files import Report

Rungs = Sequence[tuple[str, Report]]

# Told apart by people who see few colours, on white and on black.
_COLOURS = dict(zip(PARTS, ("#D55E00", "#0072B2", "#CC79A7", "#009E73", "#E69F00"), strict=True))
_GREY = "#808080"


def _digest(rungs: Rungs) -> str:
    """Names the figures that are drawn."""
    drawn = [
        [title, [(p, round(s["accuracy"], 4)) for p, s in report.scores("paper").items()]]
        for title, report in rungs
    ]
    return hashlib.sha256(json.dumps(drawn).encode()).hexdigest()[:16]


def picture_is_of(path: Path, rungs: Rungs) -> bool:
    """Whether the file is there and shows these figures."""
    return path.exists() and f"figures {_digest(rungs)}" in path.read_text(encoding="utf-8")


def ladder_picture(path: Path, rungs: Rungs) -> None:
    """Draw the SVG; the same figures give the same file."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    # Text stays text, in whatever sans-serif font the reader has.
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "partwise", "font.size": 10}
    ):
        figure, axes = plt.subplots(figsize=(9, 1.3 + 0.36 * len(rungs)), layout="constrained")
        for row, (_, report) in enumerate(rungs):
            axes.barh(row, 100 * (report.mean("paper") or 0.0), color=_GREY, alpha=0.35, height=0.7)
        for part in PARTS:
            points = [
                (100 * score["accuracy"], row)
                for row, (_, report) in enumerate(rungs)
                if (score := report.scores("paper").get(part))
            ]
            if points:
                across, rows = zip(*points, strict=True)
                look = {"color": _COLOURS[part], "s": 36, "zorder": 3, "clip_on": False}
                axes.scatter(across, rows, label=str(part), **look)
        chances = {report.chance("paper") for _, report in rungs}
        if len(chances) == 1 and (chance := chances.pop()) is not None:
            axes.axvline(100 * chance, color=_GREY, linestyle=":", label="chance")
        axes.set_yticks(range(len(rungs)), [title for title, _ in rungs])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel("right among a few pieces [%]; the bar is the mean of the parts")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside upper center", ncols=6, frameon=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(
            path,
            format="svg",
            metadata={"Date": None, "Creator": None, "Description": f"figures {_digest(rungs)}"},
        )
        plt.close(figure)
