"""Confusions: which piece was taken for which, and segments to listen to whose neighbours erred."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from partwise_lab.report.html.charts import heat_map, shares_of_rows
from partwise_lab.report.html.clips import can_make_clips, clip_address
from partwise_lab.report.html.fragment import Context, Fragment

_LETTERS = "ABCDEFGHIJKL"
_ROLES = {
    "query": "Asked with",
    "right": "Nearest of the right piece",
    "wrong": "Nearest of the piece it was taken for",
}


@dataclass(frozen=True)
class Heard:
    """One segment to listen to; `address` is empty where there is no sound."""

    role: str
    piece: str
    distance: str
    about: str
    address: str


def confusions(report: dict[str, Any], context: Context) -> Fragment | None:
    """Matrices and examples of a report that has `details`."""
    details = report.get("details")
    if not details:
        return None
    found = []
    for part, behind in details["parts"].items():
        examples = [
            [_heard(role, example[role], part, behind, details, context) for role in _ROLES]
            for example in behind["examples"]
        ]
        found.append((part, _matrix(part, behind, context), examples))
    body = context.render("confusions.html", parts=found, whole=details["whole"])
    return Fragment("confusions", "What is taken for what", body)


def _matrix(part: str, behind: dict[str, Any], context: Context) -> Markup:
    labels, counts = behind["labels"], behind["confusion"]
    letters = [_LETTERS[i] for i in range(len(labels))]
    errors = [
        f"{labels[i]} for {labels[j]} {count} times"
        for i, row in enumerate(counts)
        for j, count in enumerate(row)
        if count and i != j
    ]
    return heat_map(
        shares_of_rows(counts),
        [f"{letter} {name}" for letter, name in zip(letters, labels, strict=True)],
        letters,
        f"{context.prefix}-confusion-{part}",
        f"Confusion of {len(labels)} pieces by their {part}. Taken: {'; '.join(errors) or 'none'}",
        texts=[[str(count) if count else "" for count in row] for row in counts],
        axis_labels=("", "taken for"),
    )


def _heard(
    role: str,
    pick: dict[str, Any] | None,
    part: str,
    behind: dict[str, Any],
    details: dict[str, Any],
    context: Context,
) -> Heard:
    if pick is None:
        return Heard(_ROLES[role], "", "", "no segment of it may vote", "")
    sources, start_s = behind["mixes"][pick["mix"]], pick["start_s"]
    others = [f"{other} of {name}" for other, name in sources.items() if other != part]
    end_s = start_s + details["segment_s"]
    if details["whole"]:
        about = f"{start_s:g} to {end_s:g} s"
    else:
        about = f"{start_s:g} to {end_s:g} s, with {', '.join(others) or 'nothing else'}"
    address = ""
    if context.reader is not None and can_make_clips():
        address = clip_address(
            context.reader, sources, start_s, details["segment_s"], whole=details["whole"]
        )
    distance = "" if role == "query" else f"distance {pick['distance']:.3f}"
    return Heard(_ROLES[role], behind["labels"][pick["label"]], distance, about, address)
