"""Leakage: the labels of one part, read in the subspace of another, 5 x 5."""

from __future__ import annotations

from typing import Any

from partwise_lab.report.html.charts import part_heat_map
from partwise_lab.report.html.fragment import Context, Fragment


def leakage(report: dict[str, Any], context: Context) -> Fragment | None:
    """The heat map of a report that has a `leakage` table."""
    table = report.get("leakage")
    if not table:
        return None
    texts = [["–" if cell is None else f"{100 * cell:.1f}" for cell in row] for row in table]
    drawing = part_heat_map(
        table,
        texts,
        f"{context.prefix}-leakage",
        "Accuracy in per cent, for labels of each part the subspace it was read in.",
        axis_labels=("labels of", "read in the subspace of"),
    )
    chances = {score["chance"] for score in report.get("scores", ()) if score["reading"] == "paper"}
    chance = f", which is {100 * min(chances):.1f} %" if len(chances) == 1 else ""
    note = (
        "Per cent of segments told right when the labels of the row are read in the subspace of "
        f"the column. Off the diagonal the target is chance{chance}: more is what leaks."
    )
    body = context.render("figures.html", note=note, figures=[("", "", drawing)])
    return Fragment("leakage", "What each subspace hears of the other parts", body)
