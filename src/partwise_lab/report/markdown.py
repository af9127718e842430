"""Reports as Markdown tables, for the model card and the docs: every figure from the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from partwise.parts import PARTS
from partwise_lab.report.report_file import Report

NONE = "–"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, without a line end."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def percent(value: float | None, digits: int = 1) -> str:
    """`76.1 %`; a dash for None."""
    return NONE if value is None else f"{100.0 * value:.{digits}f} %"


def number(value: float | None) -> str:
    """`1,351,582`; a dash for None."""
    return NONE if value is None else f"{value:,}"


def parts_table(report: Report, presence: Report | None = None) -> str:
    """Per part: 10 labels with its interval, strict, all labels of the pool, and presence.

    presence : the report to take the average precision from; None leaves the column out.
    """
    few, strict, every = (report.scores(name) for name in ("paper", "strict", "all"))
    labels = sorted({score["labels"] for score in few.values()})
    header = ["part", _labels_text(labels), "95 % interval", "chance", "strict"]
    header += ["all labels"] * bool(every) + ["presence"] * (presence is not None)
    rows = []
    for part in PARTS:
        score = few.get(part)
        if score is None:
            row = [str(part), f"not measured ({report.not_measured.get(part, 'no stems')})"]
            row += [NONE] * 3
        else:
            accuracy = percent(score["accuracy"])
            row = [
                str(part),
                accuracy if len(labels) == 1 else f"{accuracy} of {score['labels']}",
                interval(score),
                percent(score["chance"], 0),
                percent(_accuracy(strict.get(part))),
            ]
        row += [_of_labels(every.get(part))] * bool(every)
        if presence is not None:
            row.append(_precision(presence.average_precision.get(part)))
        rows.append(row)
    means = [percent(report.mean(name)) for name in ("paper", "strict", "all")]
    last = ["**mean**", f"**{means[0]}**", "", percent(report.chance("paper"), 0), means[1]]
    last += [means[2]] * bool(every) + [""] * (presence is not None)
    return table(header, [*rows, last])


def comparison_table(report: dict[str, Any]) -> str:
    """A report of `partwise-lab compare`: a row each, accuracy by part with the best in bold.

    Rows on clean stems hear what nobody has, so they are not among the best.
    """
    rows = report["rows"]
    found = [_of_paper(row) for row in rows]
    fair = [own for row, own in zip(rows, found, strict=True) if row["hears"] != "oracle"]
    best = {part: max((own[part] for own in fair if part in own), default=None) for part in PARTS}
    lines = []
    for row, own in zip(rows, found, strict=True):
        counts = row["hears"] != "oracle"
        cells = [percent(own.get(part), 0) for part in PARTS]
        cells = [
            f"**{cell}**" if counts and part in own and own[part] == best[part] else cell
            for part, cell in zip(PARTS, cells, strict=True)
        ]
        speed = row["speed"]["together"]
        lines.append(
            [
                row["name"],
                row["hears"],
                *cells,
                f"{percent(row['mean'])} ({_edges(row['mean_low'], row['mean_high'])})",
                "" if row is rows[0] else _to_first(row),
                percent(row["mean_strict"], 0),
                f"{speed:,.0f}" if speed else NONE,
                number(row["bytes_per_track"]),
            ]
        )
    last = ["mean (95 %)", "to first", "strict", "x real time", "bytes a track"]
    return f"{table(['row', 'hears', *PARTS, *last], lines)}\n\n{_comparison_notes(report)}"


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


def _of_paper(row: dict[str, Any]) -> dict[str, float]:
    return {s["part"]: s["accuracy"] for s in row["scores"] if s["reading"] == "paper"}


def _edges(low: float, high: float) -> str:
    return f"{100 * low:.0f} to {100 * high:.0f}"


def _to_first(row: dict[str, Any]) -> str:
    """Points more than the first row, with a star where zero is outside the interval."""
    if "mean" not in row["differences"]:
        return NONE
    known, low, high = row["differences"]["mean"]
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


def leakage_table(report: Report) -> str:
    """The 5 x 5 matrix: labels of the row, read in the subspace of the column."""
    rows = []
    for row, cells in zip(PARTS, report.leakage or (), strict=True):
        texts = [percent(cell) for cell in cells]
        texts[row.index] = f"**{texts[row.index]}**"
        rows.append([f"{row}", *texts])
    return table(["labels of \\ read in", *PARTS], rows)


def presence_table(report: Report, thresholds: Sequence[float] | None = None) -> str:
    """Average precision of presence per part, and the thresholds that ship."""
    intervals = report.raw.get("average_precision_interval", {})
    shares = report.raw.get("share_present", {})
    columns: dict[str, list[str]] = {
        "average precision": [_precision(report.average_precision.get(part)) for part in PARTS]
    }
    if intervals:
        columns["95 % interval"] = [
            " to ".join(f"{edge:.3f}" for edge in intervals.get(part) or ()) or NONE
            for part in PARTS
        ]
    if shares:
        columns["there in"] = [percent(shares.get(part), 0) for part in PARTS]
    if thresholds is not None:
        columns["threshold"] = [f"{thresholds[part.index]:.2f}" for part in PARTS]
    rows = [[str(part), *(cells[part.index] for cells in columns.values())] for part in PARTS]
    return table(["part", *columns], rows)


def real_table(synthetic: Sequence[Report], real: Sequence[Report]) -> str:
    """Per part: each report on recorded stems, and before them the same of synthesised ones."""
    columns: dict[str, list[str]] = {}
    for reading, title in (("paper", "synthesised"), ("nearest", "synthesised, halves")):
        found = [r for r in synthetic if r.scores(reading) and not r.oracle]
        if found:
            columns[title] = _real_column(found[0], reading)
    for report in real:
        for reading in report.readings:
            if reading == "all":
                continue
            columns[_real_title(report, reading)] = _real_column(report, reading)
        if report.average_precision:
            columns["presence, average precision"] = [
                *(_precision(report.average_precision.get(part)) for part in PARTS),
                "",
            ]
    names = [*PARTS, "**mean**"]
    rows = [[name, *(cells[i] for cells in columns.values())] for i, name in enumerate(names)]
    return table(["part", *columns], rows)


def speed_table(benchmarks: Sequence[dict[str, Any]], digest: str = "") -> str:
    """Audio seconds per second and core; one column for each format of each benchmark."""
    columns = [(b, name, speeds) for b in benchmarks for name, speeds in b["speeds"].items()]
    header = ["step"]
    for benchmark, name, _ in columns:
        ours = "this model" if benchmark["model"] == digest else f"model {benchmark['model']}"
        header.append(f"{ours}, {name}")
    steps = dict.fromkeys(step for _, _, speeds in columns for step in speeds)
    rows = [
        [step, *(f"{s[step]:,.0f}" if step in s else "–" for _, _, s in columns)] for step in steps
    ]
    machines = ", ".join(dict.fromkeys(b["machine"] for b in benchmarks))
    return f"Times real time on one core ({machines}):\n\n{table(header, rows)}"


def rivals_table(raw: dict[str, Any]) -> str:
    """What `benchmarks/rivals.py --json` wrote; ratios are to the first row, which is ours."""
    ours = raw["rows"][0]["speed"]
    rows, missing = [], []
    for row in raw["rows"]:
        if "skipped" in row:
            missing.append(f"Not measured: {row['name']} ({row['skipped']}).")
            continue
        speeds = f"{_speed(row['slowest'])} to {_speed(row['fastest'])}"
        peak = NONE if row["peak_mb"] is None else f"{row['peak_mb']:,.0f} MB"
        by_file = [_speed(speed) for speed in row["by_file"].values()]
        cells = [f"**{_speed(row['speed'])}**", speeds, *by_file, f"{ours / row['speed']:.2f}"]
        bytes_per_track = number(row["bytes_per_track"])
        rows.append([row["name"], row["about"], *cells, peak, bytes_per_track])
    header = ["row", "what it does with a file", "x real time", "min to max"]
    files = list(raw["rows"][0]["by_file"])
    last = ["partwise is faster by", "peak memory", "bytes a track"]
    about = (
        f"One core of {raw['machine']}, {' and '.join(files)} of {raw['seconds']} s, decoding "
        f"included, median of {raw['repeats']} turns. Bytes: what is kept of a track of 4 minutes."
    )
    text = f"{table([*header, *files, *last], rows)}\n\n{about}"
    return "\n".join([text, *missing])


def _speed(times_real_time: float) -> str:
    return f"{times_real_time:,.0f}" if times_real_time >= 10 else f"{times_real_time:.1f}"


def interval(score: dict[str, Any]) -> str:
    """`73.1 to 83.1 %`."""
    return f"{100 * score['low']:.1f} to {100 * score['high']:.1f} %"


def _real_title(report: Report, reading: str) -> str:
    kind = {
        "paper": "recordings, pseudo-mixes",
        "strict": "the same, strict",
        "nearest": "recordings, half a song by its other half",
    }[reading]
    return f"{kind}, clean stems" if report.oracle else kind


def _real_column(report: Report, reading: str) -> list[str]:
    """A cell for each part, and the mean: accuracy, with how many pieces there were to tell."""
    scores = report.scores(reading)
    cells = []
    for part in PARTS:
        score = scores.get(part)
        cells.append(
            f"{percent(score['accuracy'], 0)} of {score['labels']} ({interval(score)})"
            if score
            else "not measured"
        )
    chance = percent(report.chance(reading), 0)
    return [*cells, f"**{percent(report.mean(reading), 0)}** (chance {chance})"]


def _labels_text(labels: Sequence[int]) -> str:
    return f"{labels[0]} labels" if len(labels) == 1 else "all pieces that have it"


def _accuracy(score: dict[str, Any] | None) -> float | None:
    return None if score is None else score["accuracy"]


def _of_labels(score: dict[str, Any] | None) -> str:
    return NONE if score is None else f"{percent(score['accuracy'])} of {score['labels']}"


def _precision(value: float | None) -> str:
    return NONE if value is None else f"{value:.3f}"
