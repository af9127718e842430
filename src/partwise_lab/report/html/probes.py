"""What each subspace holds: the conclusion in words, then how well each fact is read where."""

from __future__ import annotations

from typing import Any, NamedTuple

from markupsafe import Markup

from partwise_lab.report.html.charts import Bar, bar_chart, part_heat_map
from partwise_lab.report.html.fragment import Context, Fragment
from partwise_lab.report.html.tables import Number, Table, with_interval
from partwise_lab.report.markdown import NONE

_R2 = "R2"


class Fact(NamedTuple):
    """How well one fact is read: in the part's own subspace, and in all of them."""

    name: str
    about: str
    measure: str
    own: Markup
    everywhere: Markup


def probes(report: dict[str, Any], context: Context) -> Fragment | None:
    """The words, figures and numbers of a report that has `probes` entries."""
    entries = report.get("probes")
    if not entries:
        return None
    measured = {entry["fact"] for entry in entries}
    body = context.render(
        "probes.html",
        words=report["words"],
        facts=[_fact(name, report, context) for name in report["facts"] if name in measured],
        every=Table(
            "Every fact of every part in every subspace",
            ["part, fact, subspace", "score", "chance", "pieces", "segments", "pieces of classes"],
            [(f"{e['part']}, {e['fact']}, in {e['subspace']}", _numbers(e)) for e in entries],
        ),
        segments=report["segments"],
    )
    return Fragment("probes", "What 'similar' answers to", body)


def _fact(name: str, report: dict[str, Any], context: Context) -> Fact:
    measure, about = (report["facts"][name][key] for key in ("measure", "about"))
    entries = [entry for entry in report["probes"] if entry["fact"] == name]
    bars = [
        Bar(
            **{key: e[key] for key in ("low", "high", "chance", "chance_low", "chance_high")},
            name=e["part"],
            value=e["score"],
            percent=measure != _R2,
        )
        for e in entries
        if e["part"] == e["subspace"]
    ]
    own = bar_chart(
        bars,
        f"{context.prefix}-probe-{name}",
        f"{measure} of {name}, read in the part's own subspace",
    )
    return Fact(name, about, measure, own, _heat_map(name, measure, report, context))


def _heat_map(name: str, measure: str, report: dict[str, Any], context: Context) -> Markup:
    table = report["tables"][name]
    texts = [[NONE if cell is None else _said(cell, measure) for cell in row] for row in table]
    return part_heat_map(
        table,
        texts,
        f"{context.prefix}-probes-{name}",
        f"{measure} of {name} of each part, for each subspace that it was read in.",
        axis_labels=(f"{name} of", "read in the subspace of"),
    )


def _numbers(entry: dict[str, Any]) -> list[Number]:
    percent = entry["measure"] != _R2
    chance = {key.removeprefix("chance_"): entry[key] for key in ("chance_low", "chance_high")}
    classes = ", ".join(f"{name} {pieces}" for name, pieces in (entry["classes"] or {}).items())
    return [
        with_interval(entry, "score", percent=percent),
        with_interval(chance | {"value": entry["chance"]}, percent=percent),
        *(Number(str(entry[key])) for key in ("pieces", "segments")),
        Number(classes),
    ]


def _said(score: float, measure: str) -> str:
    return f"{score:.2f}" if measure == _R2 else f"{100 * score:.0f}"
