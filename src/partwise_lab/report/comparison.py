"""Comparisons as tables: embedders (`partwise-lab compare`), recordings, speeds, rivals.

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

from collections.abc import Sequence
from typing import Any

from partwise.parts import PARTS
from partwise_lab.measure.compare import row_names
from partwise_lab.report.files import Report
from partwise_lab.report.table import (
    NONE,
    NOT_MEASURED,
    Cell,
    Number,
    Strong,
    Table,
    number,
    percent,
    share,
)
from partwise_lab.report.tables import by_part, interval, precision

MEAN = "mean"
_SPEEDS = "Speeds are times real time on one core; a dash: not measured, or not needed."


def comparison_text(report: dict[str, Any]) -> str:
    """The table for a terminal: also the mean of all labels, and bytes of a segment."""
    labels = report["options"]["labels"]
    return (
        _side_by_side(report, 1).text()
        + f"\n\nchance {1 / labels:.0%}; to first: points more than the first row, * where the "
        "paired 95 % interval leaves out zero\nx real time: one core, separation and all five "
        "parts; bytes: per segment, all parts"
    )


def comparison_table(report: dict[str, Any]) -> str:
    """The table in Markdown, accuracy by part with the best in bold, and what it says below.

    Rows on clean stems hear what nobody has, so they are not among the best.
    """
    return f"{_side_by_side(report, 0).markdown()}\n\n{_comparison_notes(report)}"


def _side_by_side(report: dict[str, Any], digits: int) -> Table:
    """digits : of the accuracies; 0 for the short table of the docs."""
    rows, short = report["rows"], digits == 0
    found = [{s["part"]: s["accuracy"] for s in _scores_of(row, "paper")} for row in rows]
    fair = [own for row, own in zip(rows, found, strict=True) if row["hears"] != "oracle"]
    best = {part: max((own[part] for own in fair if part in own), default=None) for part in PARTS}
    lines: list[list[Cell]] = []
    for row, own in zip(rows, found, strict=True):
        fair_row = row["hears"] != "oracle"
        speed, low, high = row["speed"]["together"], row["mean_low"], row["mean_high"]
        cells = [
            share(own.get(p), digits, best=fair_row and p in own and own[p] == best[p])
            for p in PARTS
        ]
        lines.append(
            [
                row["name"],
                row["hears"],
                *cells,
                f"{percent(row['mean'])} ({100 * low:.{digits}f} to {100 * high:.{digits}f})",
                "" if row is rows[0] else _to_first(row),
                share(row["mean_strict"], digits),
                *([] if short else [share(row["mean_all"], digits)]),
                f"{speed:,.0f}" if speed else NONE,
                number(row["bytes_per_track" if short else "bytes_per_segment"]),
            ]
        )
    last = ["to first", "strict", *([] if short else ["all labels"]), "x real time"]
    mean = "mean (95 %)" if short else f"mean at {report['options']['labels']} (95 %)"
    size = "bytes a track" if short else "bytes"
    return Table(["row", "hears", *PARTS, mean, *last, size], lines)


def comparison_line(report: dict[str, Any]) -> str:
    """The first row's mean, the best of those that hear mixes or separated stems, and the oracle's.

    `ours 80 %, musly on hpss 41 %; clean stems 100 %`
    """
    first, *others = report["rows"]
    fair = [row for row in others if row["hears"] != "oracle"]
    oracle = [row["mean"] for row in others if row["hears"] == "oracle"]
    best = max(fair, key=lambda row: row["mean"])
    line = f"**{percent(first['mean'], 0)}**, {best['name']} on {best['hears']} "
    line += percent(best["mean"], 0)
    return line + (f"; on clean stems {percent(max(oracle), 0)}" if oracle else "")


def _scores_of(row: dict[str, Any], reading: str) -> list[dict[str, Any]]:
    return [score for score in row["scores"] if score["reading"] == reading]


def _to_first(row: dict[str, Any]) -> str:
    """Points more than the first row, with a star where zero is outside the interval."""
    if MEAN not in row["differences"]:
        return NONE
    known, low, high = row["differences"][MEAN]
    return f"{100 * known:+.1f}{'*' if low > 0 or high < 0 else ''}"


def _comparison_notes(report: dict[str, Any]) -> str:
    options = report["options"]
    refused = [item["row"] for item in report.get("refused", ())]
    return (
        f"{options['labels']} labels (chance {100 / options['labels']:.0f} %), drawn "
        f"{options['draws']} times from {options['pool']} pieces a part of {report['pieces']}, "
        f"{options['mixes']} pseudo-mixes each; data digest {report['data_digest']}. To first: "
        "points more than the first row, * where the paired 95 % interval leaves out zero. "
        "Times real time: one core, separation and all five parts. Bytes: a track of four minutes "
        "with a segment every 5 s." + (f" Could not run: {', '.join(refused)}." * bool(refused))
    )


def columns_of(report: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """part or "mean" -> row's name -> its accuracy, low, high and chance, if there."""
    rows = report["rows"]
    reading = rows[0]["scores"][0]["reading"]
    found: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in (*map(str, PARTS), MEAN)}
    for who, row in zip(row_names(rows), rows, strict=True):
        scores = _scores_of(row, reading)
        for score in scores:
            found[score["part"]][who] = score
        if row.get("mean") is not None:
            chances = [score["chance"] for score in scores]
            found[MEAN][who] = {
                "accuracy": row["mean"],
                "low": row.get("mean_low"),
                "high": row.get("mean_high"),
                "chance": sum(chances) / len(chances) if chances else None,
            }
    return {name: scores for name, scores in found.items() if scores}


def accuracies(report: dict[str, Any]) -> Table:
    """Every accuracy with its interval, the best of a column, and what differs for sure."""
    rows, first = report["rows"], report["first"]
    columns = columns_of(report)
    best = {name: max(s["accuracy"] for s in of.values()) for name, of in columns.items()}
    largest = {
        key: max((row[key] for row in rows if row.get(key) is not None), default=None)
        for key in ("mean_strict", "mean_all")
    }

    def cell(who: str, row: dict[str, Any], name: str) -> Number:
        if (score := columns[name].get(who)) is None:
            return Number(None)
        value, low, high = (score[key] for key in ("accuracy", "low", "high"))
        small = () if low is None else (f"{100 * low:.1f}–{100 * high:.1f}",)
        bold = round(value, 4) >= round(best[name], 4)
        if name not in row.get("differences", {}):
            return share(value, small=small, best=bold)
        by, low, high = row["differences"][name]
        better = True if low > 0 else False if high < 0 else None
        said = f"{100 * by:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f}) against {first}"
        return share(value, small=small, best=bold, better=better, than=first, difference=said)

    lines: list[list[Cell]] = [
        [
            who,
            row["hears"],
            *(cell(who, row, name) for name in columns),
            *(share(row.get(key), best=row.get(key) == most) for key, most in largest.items()),
        ]
        for who, row in zip(row_names(rows), rows, strict=True)
    ]
    return Table(["who", "hears", *columns, "mean, strict", "mean, all labels"], lines, "Accuracy")


def costs(report: dict[str, Any]) -> Table:
    """Three speeds, bytes and parameters, and the budget of each row."""
    lines: list[list[Cell]] = []
    for who, row in zip(row_names(report["rows"]), report["rows"], strict=True):
        speed = row.get("speed") or {}
        speeds = [speed.get(key) for key in ("separate", "embed", "together")]
        counts = [row.get(key) for key in ("bytes_per_segment", "bytes_per_track", "parameters")]
        budget = str(row.get("budget") or NONE)
        lines.append([who, *map(_times, speeds), *map(number, counts), budget])
    head = ["who", "separate", "embed", "together", "bytes a segment", "bytes a track"]
    return Table([*head, "parameters", "budget"], lines, "What it costs", _SPEEDS)


def _times(speed: float | None) -> str:
    """`0.989 ×`, `590 ×`; a dash where it was not measured."""
    if speed is None:
        return NONE
    return f"{speed:,.0f} ×" if speed >= 100 else f"{speed:.3g} ×"


def real_table(synthetic: Sequence[Report], real: Sequence[Report]) -> Table:
    """Per part: each report on recorded stems, and before them the same of synthesised ones."""
    columns: dict[str, list[Cell]] = {}
    for reading, title in (("paper", "synthesised"), ("nearest", "synthesised, halves")):
        found = [r for r in synthetic if r.scores(reading) and not r.oracle]
        if found:
            columns[title] = _real_column(found[0], reading)
    kinds = {
        "paper": "recordings, pseudo-mixes",
        "strict": "the same, strict",
        "nearest": "recordings, half a song by its other half",
    }
    for report in real:
        for reading in report.readings:
            if reading != "all":
                title = kinds[reading] + (", clean stems" if report.oracle else "")
                columns[title] = _real_column(report, reading)
        if report.average_precision:
            told = report.average_precision
            columns["presence, average precision"] = [
                *(precision(told.get(part)) for part in PARTS),
                "",
            ]
    return by_part(columns, Strong("mean"))


def _real_column(report: Report, reading: str) -> list[Cell]:
    """A cell for each part, and the mean: accuracy, with how many pieces there were to tell."""
    scores = report.scores(reading)
    cells: list[Cell] = [
        f"{percent(score['accuracy'], 0)} of {score['labels']} ({interval(score)})"
        if (score := scores.get(part))
        else NOT_MEASURED
        for part in PARTS
    ]
    chance = percent(report.chance(reading), 0)
    return [*cells, f"**{percent(report.mean(reading), 0)}** (chance {chance})"]


def speed_table(benchmarks: Sequence[dict[str, Any]], digest: str = "") -> str:
    """Audio seconds per second and core; one column for each format of each benchmark."""
    columns = [(b, name, speeds) for b in benchmarks for name, speeds in b["speeds"].items()]
    head = ["step"]
    for benchmark, name, _ in columns:
        ours = "this model" if benchmark["model"] == digest else f"model {benchmark['model']}"
        head.append(f"{ours}, {name}")
    steps = dict.fromkeys(step for _, _, speeds in columns for step in speeds)
    rows = [
        [step, *(f"{s[step]:,.0f}" if step in s else NONE for _, _, s in columns)] for step in steps
    ]
    machines = ", ".join(dict.fromkeys(b["machine"] for b in benchmarks))
    return f"Times real time on one core ({machines}):\n\n{Table(head, rows).markdown()}"


def rivals_table(raw: dict[str, Any]) -> str:
    """What `benchmarks/rivals.py --json` wrote; ratios are to the first row, which is ours."""
    ours = raw["rows"][0]["speed"]
    rows: list[list[Cell]] = []
    missing = []
    for row in raw["rows"]:
        if "skipped" in row:
            missing.append(f"Not measured: {row['name']} ({row['skipped']}).")
            continue
        speeds = f"{_speed(row['slowest'])} to {_speed(row['fastest'])}"
        peak = NONE if row["peak_mb"] is None else f"{row['peak_mb']:,.0f} MB"
        by_file = [_speed(speed) for speed in row["by_file"].values()]
        faster = [f"{ours / row['speed']:.2f}", peak, number(row["bytes_per_track"])]
        rows.append(
            [row["name"], row["about"], Strong(_speed(row["speed"])), speeds, *by_file, *faster]
        )
    files = list(raw["rows"][0]["by_file"])
    head = ["row", "what it does with a file", "x real time", "min to max", *files]
    head += ["partwise is faster by", "peak memory", "bytes a track"]
    about = (
        f"One core of {raw['machine']}, {' and '.join(files)} of {raw['seconds']} s, decoding "
        f"included, median of {raw['repeats']} turns. Bytes: what is kept of a track of 4 minutes."
    )
    return "\n".join([f"{Table(head, rows).markdown()}\n\n{about}", *missing])


def _speed(times_real_time: float) -> str:
    return f"{times_real_time:,.0f}" if times_real_time >= 10 else f"{times_real_time:.1f}"
