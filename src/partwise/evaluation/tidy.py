"""Reports as tidy CSV: one row a number, for spreadsheets, R and pandas.

The columns; a cell is empty where the column has no meaning for the number:

    protocol   what was measured
    subject    digest of the model, or the name of the compared row
    quantity   accuracy; leakage; average_precision; share_present; difference (of accuracy, to the
               comparison's `first` row); separate, embed and together (speed, times real time on
               one core); bytes_per_segment, bytes_per_track, parameters
    reading    of an accuracy: paper, strict, all, nearest, unmixed...
    part       drums, bass, piano, guitar, other or mean: whose labels were to be told
    subspace   part whose subspace was read
    labels     how many there were to tell apart
    value      the number; accuracies and shares are 0..1
    low, high  its 95 % interval
    chance     what guessing gets
    segments   test segments
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from partwise.evaluation.entries import MEANS, row_names
from partwise.parts import PARTS

COLUMNS: tuple[str, ...] = tuple(
    "protocol subject quantity reading part subspace labels value low high chance segments".split()
)
_COSTS = ("bytes_per_segment", "bytes_per_track", "parameters")


def csv_text(report: dict[str, Any]) -> str:
    """The whole file, with a heading. Numbers are written so that they read back the same."""
    text = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in tidy_rows(report):
        writer.writerow({"protocol": report["protocol"], "subject": report.get("model")} | row)
    return text.getvalue()


def tidy_rows(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one report, without `protocol`; empty cells are missing or None."""
    yield from map(_score, report.get("scores", ()))
    readings = dict.fromkeys(score["reading"] for score in report.get("scores", ()))
    for reading in readings:
        value = report.get(MEANS.get(reading, ""))
        if value is not None:
            yield {"quantity": "accuracy", "reading": reading, "part": "mean", "value": value}
    for part, cells in zip(PARTS, report.get("leakage", ()), strict=False):
        for subspace, value in zip(PARTS, cells, strict=True):
            if value is not None:
                yield {"quantity": "leakage", "part": part, "subspace": subspace, "value": value}
    for part, value in report.get("average_precision", {}).items():
        share = {"quantity": "share_present", "part": part, "value": report["share_present"][part]}
        if share["value"] is not None:
            yield share
        if value is not None:
            low, high = report["average_precision_interval"][part]
            row = {"quantity": "average_precision", "part": part, "subspace": part}
            yield row | {"value": value, "low": low, "high": high, "chance": share["value"]}
    compared = report.get("rows", ())
    for name, row in zip(row_names(compared), compared, strict=True):
        for found in _compared(row):
            yield found | {"subject": name}


def _score(score: dict[str, Any]) -> dict[str, Any]:
    row = {"quantity": "accuracy", "subspace": score["part"], "value": score["accuracy"]}
    kept = ("part", "reading", "labels", "low", "high", "chance", "segments")
    return row | {key: score.get(key) for key in kept}


def _compared(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The numbers of one row of a comparison."""
    yield from map(_score, row["scores"])
    for reading in ("paper", "strict", "all"):
        value = row.get(MEANS[reading])
        if value is not None:
            found = {"quantity": "accuracy", "reading": reading, "part": "mean", "value": value}
            if reading == "paper":
                found |= {"low": row.get("mean_low"), "high": row.get("mean_high")}
            yield found
    for part, (value, low, high) in row.get("differences", {}).items():
        yield {"quantity": "difference", "part": part, "value": value, "low": low, "high": high}
    costs = dict(row.get("speed") or {}) | {key: row.get(key) for key in _COSTS}
    for quantity, value in costs.items():
        if value is not None:
            yield {"quantity": quantity, "value": value}
