"""Comparisons: several ways to hear a part on the same test, as tables and dots with intervals.

A report with `protocol` "compare" has `first`, the name of the row that differences are taken
against, and `rows`, each with

    name, hears    what it is, and what it is given (mixes, separated stems, clean stems)
    scores         as in other reports
    mean, mean_low, mean_high, mean_strict, mean_all
    differences    part or "mean" -> [difference to `first`, low, high]
    speed          separate, embed, together: times real time on one core, or null
    bytes_per_segment, bytes_per_track, parameters, budget, note     or null
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from partwise.parts import PARTS
from partwise_lab.measure.compare import row_names
from partwise_lab.report.html.charts import Bar, dot_chart
from partwise_lab.report.html.fragment import Context, Fragment
from partwise_lab.report.markdown import NONE, number

MEAN = "mean"
_FURTHER = ("mean_strict", "mean_all")


@dataclass(frozen=True)
class Cell:
    """An accuracy in the table; `sign` is + or - where it differs from the first row's for sure."""

    text: str
    interval: str = ""
    best: bool = False
    sign: str = ""
    difference: str = ""


def comparison(report: dict[str, Any], context: Context) -> Fragment | None:
    """The tables and dot plots of a comparison."""
    rows = report.get("rows")
    if report["protocol"] != "compare" or not rows:
        return None
    names = row_names(rows)
    reading = rows[0]["scores"][0]["reading"]
    bars = {name: _bars(rows, names, name, reading) for name in (*map(str, PARTS), MEAN)}
    bars = {name: found for name, found in bars.items() if found}
    best = {
        name: max(round(bar.value, 4) for bar in found.values()) for name, found in bars.items()
    }
    accuracies = []
    for who, row in zip(names, rows, strict=True):
        cells = [_cell(bars[name].get(who), row, name, best[name]) for name in bars]
        further = [_percent(row.get(key)) for key in _FURTHER]
        accuracies.append((who, row["hears"], cells, further))
    figures = [
        (
            name,
            "",
            dot_chart(
                list(found.values()),
                f"{context.prefix}-compare-{name}",
                f"Accuracy for {name}",
            ),
        )
        for name, found in bars.items()
    ]
    body = context.render(
        "comparison.html",
        first=report["first"],
        columns=list(bars),
        accuracies=accuracies,
        best_further=[_percent(_largest(rows, key)) for key in _FURTHER],
        figures=figures,
        costs=[[who, *_costs(row)] for who, row in zip(names, rows, strict=True)],
        notes=[(who, r["note"]) for who, r in zip(names, rows, strict=True) if r.get("note")],
    )
    return Fragment("comparison", "Side by side", body)


def _bars(rows: list[dict[str, Any]], names: list[str], name: str, reading: str) -> dict[str, Bar]:
    """row's name -> its bar, for one part or the mean."""
    found = {}
    for who, row in zip(names, rows, strict=True):
        scores = [s for s in row["scores"] if s["reading"] == reading]
        if name == MEAN and row.get("mean") is not None:
            chance = sum(s["chance"] for s in scores) / len(scores) if scores else None
            edges = row.get("mean_low"), row.get("mean_high")
            found[who] = Bar(who, row["mean"], *edges, chance)
        for score in scores:
            if score["part"] == name:
                values = (score[key] for key in ("accuracy", "low", "high", "chance"))
                found[who] = Bar(who, *values)
    return found


def _cell(bar: Bar | None, row: dict[str, Any], name: str, best: float) -> Cell:
    if bar is None:
        return Cell(NONE)
    sign = said = ""
    if name in row.get("differences", {}):
        difference, low, high = row["differences"][name]
        sign = "+" if low > 0 else "−" if high < 0 else ""
        said = f"{100 * difference:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"
    interval = ""
    if bar.low is not None and bar.high is not None:
        interval = f"{100 * bar.low:.1f}–{100 * bar.high:.1f}"
    return Cell(f"{100 * bar.value:.1f}", interval, round(bar.value, 4) >= best, sign, said)


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.1f}"


def _largest(rows: list[dict[str, Any]], key: str) -> float | None:
    return max((row[key] for row in rows if row.get(key) is not None), default=None)


def _costs(row: dict[str, Any]) -> list[str]:
    """Three speeds, bytes and parameters, budget."""
    speed = row.get("speed") or {}
    speeds = [speed.get(key) for key in ("separate", "embed", "together")]
    counts = [row.get(key) for key in ("bytes_per_segment", "bytes_per_track", "parameters")]
    return [
        *map(_times, speeds),
        *map(number, counts),
        str(row.get("budget") or NONE),
    ]


def _times(speed: float | None) -> str:
    """`0.989 ×`, `590 ×`; a dash where it was not measured."""
    if speed is None:
        return NONE
    return f"{speed:,.0f} ×" if speed >= 100 else f"{speed:.3g} ×"
