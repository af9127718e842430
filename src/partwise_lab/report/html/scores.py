"""Accuracy per part with its 95 % interval and the chance line, one figure for each reading."""

from __future__ import annotations

from typing import Any

from partwise_lab.measure.knn import MEANS
from partwise_lab.report.html.charts import Bar, bar_chart
from partwise_lab.report.html.fragment import Context, Fragment

# reading -> (heading, what it means)
_READINGS = {
    "paper": (
        "As in the paper",
        "Segments of the same pseudo-mix may not vote; the same passage in another mix may.",
    ),
    "strict": (
        "Strict",
        "The same passage of the same stem may not vote either: only how it is played can tell.",
    ),
    "all": ("Among all labels", "As in the paper, but among all pieces that were drawn."),
    "nearest": ("Half a song by its other half", "The nearest segment of the other halves."),
    "unmixed": (
        "Segments of real mixes",
        "Only the segment itself may not vote. Any subspace can win from cues of the song.",
    ),
}


def scores(report: dict[str, Any], context: Context) -> Fragment | None:
    """The readings of a report that has `scores`; not of a comparison."""
    found = report.get("scores", ())
    if not found:
        return None
    figures = []
    for reading in dict.fromkeys(score["reading"] for score in found):
        mine = [score for score in found if score["reading"] == reading]
        heading, meaning = _READINGS.get(reading, (reading, ""))
        labels = sorted({score["labels"] for score in mine})
        among = str(labels[0]) if len(labels) == 1 else f"{labels[0]} to {labels[-1]}"
        bars = [Bar(s["part"], s["accuracy"], s["low"], s["high"], s["chance"]) for s in mine]
        mean = report.get(MEANS.get(reading, ""))
        if mean is not None:
            chance = sum(score["chance"] for score in mine) / len(mine)
            bars.append(Bar("mean", mean, chance=chance))
        drawing = bar_chart(bars, f"{context.prefix}-{reading}", f"{heading}, among {among} labels")
        figures.append((heading, f"Among {among} labels. {meaning}", drawing))
    note = (
        "Per cent of segments that were told right. In brackets and as lines: 95 % intervals, a "
        "bootstrap over pieces. Dashed: what guessing gets."
    )
    body = context.render("figures.html", note=note, figures=figures)
    return Fragment("scores", "How often the right piece is found", body)
