"""Maps: the test segments of a few labels in two dimensions, one map for each subspace."""

from __future__ import annotations

from typing import Any

from partwise_lab.report.html.charts import GLYPHS, dot_map
from partwise_lab.report.html.fragment import Context, Fragment


def maps(report: dict[str, Any], context: Context) -> Fragment | None:
    """The maps of a report that has `details`."""
    details = report.get("details")
    if not details:
        return None
    drawn = []
    for part, behind in details["parts"].items():
        labels = behind["labels"]
        drawing = dot_map(
            behind["x"],
            behind["y"],
            behind["label"],
            dot_titles(behind, part),
            f"{context.prefix}-map-{part}",
            f"{behind['method']} map of {len(behind['x'])} segments of {len(labels)} pieces in "
            f"the {part} subspace",
        )
        legend = [(i, GLYPHS[i % len(GLYPHS)], name) for i, name in enumerate(labels)]
        drawn.append((part, behind["method"], drawing, legend))
    body = context.render("maps.html", maps=drawn)
    return Fragment("maps", "Maps of the subspaces", body)


def dot_titles(behind: dict[str, Any], part: str) -> list[str]:
    """The tooltip of each dot: whose part it is, in which mix, and from when on."""
    titles = []
    for label, mix, start_s in zip(behind["label"], behind["mix"], behind["start_s"], strict=True):
        others = [
            f"{other} of {piece}"
            for other, piece in behind["mixes"][mix].items()
            if other != part and piece != behind["labels"][label]
        ]
        rest = f" with {', '.join(others)}" if others else ""
        titles.append(
            f"{part} of {behind['labels'][label]}, mix {mix + 1}, from {start_s:g} s{rest}"
        )
    return titles
