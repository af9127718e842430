"""Presence: average precision per part, beside what guessing gets."""

from __future__ import annotations

from typing import Any

from partwise_lab.report.html.charts import Bar, bar_chart
from partwise_lab.report.html.fragment import Context, Fragment


def presence(report: dict[str, Any], context: Context) -> Fragment | None:
    """The bars of a report that has `average_precision`."""
    values = report.get("average_precision")
    if not values:
        return None
    shares = report.get("share_present", {})
    intervals = report.get("average_precision_interval", {})
    bars, untold = [], []
    for part, value in values.items():
        if value is None:
            untold.append(part)
            continue
        low, high = intervals.get(part) or (None, None)
        bars.append(Bar(part, value, low, high, shares.get(part)))
    note = (
        "Average precision in per cent: how well presence ranks the segments in which the part "
        "sounds before those in which it does not. Dashed: how often the part is there, which is "
        "what guessing gets."
    )
    if untold:
        note += f" It cannot be told for {', '.join(untold)}, whose presence never varies."
    figures = []
    if bars:
        drawing = bar_chart(bars, f"{context.prefix}-presence", "Average precision of presence")
        figures.append(("", "", drawing))
    body = context.render("figures.html", note=note, figures=figures)
    return Fragment("presence", "Which parts are there", body)
