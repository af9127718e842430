"""Reports as tidy CSV: one row a number, for spreadsheets, R and pandas.

The columns; a cell is empty where the column has no meaning for the number:

    protocol   what was measured
    subject    digest of the model, or the name of the compared row
    quantity   accuracy; leakage; average_precision; share_present; difference (of accuracy, to the
               comparison's `first` row); separate, embed and together (speed, times real time on
               one core); bytes_per_segment, bytes_per_track, parameters
               of same-part: auc; similarity (mean cosine)
               of probes: balanced_accuracy, r2; probe_chance (what guessing gets, and as its
               interval what the probe in the part's own subspace gets of truths dealt out anew)
               of abx: votes, sure_votes, majority, consensus (shares agreed with);
               p_value_majority, p_value_consensus; one_vs_rest, perfect_majority, perfect_sure,
               chose_same_song (what people reach); counts: asked, heard, songs, trained_on,
               trained_songs, missing_triplets, missing_clips, undecided, answers, malformed,
               listeners, dummies_asked, dummies_passed
    reading    of an accuracy: paper, strict, all, nearest, unmixed...; of a similarity: same_part,
               same_rest, unrelated; of a probe: the fact; of abx: the kind of question and the
               aspect, as `XAB timbre`
    part       drums, bass, piano, guitar, other, mix or mean: whose labels were to be told
    subspace   part whose subspace was read
    labels     how many there were to tell apart
    value      the number; accuracies and shares are 0..1
    low, high  its 95 % interval
    chance     what guessing gets
    segments   test segments; of abx the votes or triplets that a share is of
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from partwise.parts import PARTS
from partwise_lab.measure.abx.scoring import MEASURES
from partwise_lab.measure.compare import row_names
from partwise_lab.measure.knn import MEANS

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
    for entry in report.get("same_part", ()):
        yield from _same_part(entry)
    yield from _probes(report.get("probes", ()))
    if "agreement" in report:
        yield from _listeners(report)
    compared = report.get("rows", ())
    for name, row in zip(row_names(compared), compared, strict=True):
        for found in _compared(row):
            yield found | {"subject": name}


def _score(score: dict[str, Any]) -> dict[str, Any]:
    row = {"quantity": "accuracy", "subspace": score["part"], "value": score["accuracy"]}
    kept = ("part", "reading", "labels", "low", "high", "chance", "segments")
    return row | {key: score.get(key) for key in kept}


def _same_part(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """AUC and similarities of one part in one subspace."""
    where = {key: entry[key] for key in ("part", "subspace", "segments")}
    edges = {"low": entry["low"], "high": entry["high"], "chance": 0.5}
    yield {"quantity": "auc", **where, "value": entry["auc"], **edges}
    for kind, found in entry["similarity"].items():
        row = {"quantity": "similarity", "reading": kind, **where, "value": found["mean"]}
        yield row | {"low": found["low"], "high": found["high"]}


def _probes(entries: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        quantity = entry["measure"].lower().replace(" ", "_")
        kept = ("part", "subspace", "low", "high", "chance", "segments")
        row = {"reading": entry["fact"]} | {key: entry[key] for key in kept}
        row["labels"] = len(entry["classes"]) if entry["classes"] else None
        yield row | {"quantity": quantity, "value": entry["score"]}
        if entry["part"] == entry["subspace"]:
            edges = {"low": entry["chance_low"], "high": entry["chance_high"], "chance": None}
            yield row | {"quantity": "probe_chance", "value": entry["chance"]} | edges


def _listeners(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Shares agreed with, what people reach, means over parts, and counts."""
    for entry in report["agreement"]:
        row = {"reading": f"{entry['kind']} {entry['aspect']}", "part": entry["part"]}
        for measure in MEASURES:
            share = entry[measure]
            if share:
                found = {key: share[key] for key in ("value", "low", "high")}
                found |= {"chance": entry["chance"], "segments": share["n"]}
                yield row | {"quantity": measure} | found
                if "p_value" in share:
                    yield row | {"quantity": f"p_value_{measure}", "value": share["p_value"]}
        for name, value in entry["human"].items():
            if value is not None:
                yield row | {"quantity": name, "value": value}
    for kind, aspects in report["mean"].items():
        for aspect, means in aspects.items():
            for measure, value in means.items():
                row = {"quantity": measure, "reading": f"{kind} {aspect}", "part": "mean"}
                yield row | {"value": value}
    answers, triplets, missing = report["answers"], report["triplets"], report["missing"]
    for kind, count in triplets["asked"].items():
        yield {"quantity": "asked", "reading": kind, "value": count}
    counts = {
        "answers": answers["rows"],
        "malformed": sum(answers["malformed"].values()),
        "listeners": answers["listeners"],
        "dummies_asked": answers["dummies"]["asked"],
        "dummies_passed": answers["dummies"]["passed"],
        **{key: triplets[key] for key in ("heard", "songs", "trained_on", "trained_songs")},
        "missing_triplets": missing["triplets"],
        "missing_clips": missing["clips"],
        "undecided": report["undecided"],
    }
    yield from ({"quantity": name, "value": count} for name, count in counts.items())


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
