"""Reports written: JSON, HTML, and tidy CSV, one row a number, for spreadsheets, R and pandas.

The columns of the CSV; a cell is empty where the column has no meaning for the number:

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
import json
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from partwise.atomic import is_plain, write_whole
from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.measure.abx.scoring import MEASURES
from partwise_lab.measure.compare import row_names
from partwise_lab.measure.knn import MEANS
from partwise_lab.report.rows import ROWS

FORMATS = ("json", "csv", "html")
_HTML_NEEDS = {"jinja2": "Jinja2", "matplotlib": "Matplotlib", "sklearn": "scikit-learn"}
COLUMNS: tuple[str, ...] = tuple(
    "protocol subject quantity reading part subspace labels value low high chance segments".split()
)
_COSTS = ("bytes_per_segment", "bytes_per_track", "parameters")


def destinations(out: Path) -> dict[str, Path]:
    """format -> file, of what `--out` names: X.json, X.csv, X.html, or a folder for all three;
    `-`, a pipe or a device takes the JSON.

    Raises PartwiseError for another suffix, and where nothing can be written there.
    """
    if not out.parent.is_dir():
        raise PartwiseError(f"the folder of --out {out} does not exist")
    suffix = out.suffix.lower().removeprefix(".")
    if suffix not in FORMATS and not (out.is_dir() or is_plain(out)):
        return {"json": out}
    if out.is_dir() or not suffix:
        if out.exists() and not out.is_dir():
            raise PartwiseError(f"--out {out} is a file: name a folder, or X.json, X.csv or X.html")
        return {name: out / f"report.{name}" for name in FORMATS}
    if suffix not in FORMATS:
        raise PartwiseError(
            f"--out {out} cannot be written: a report is .json, .csv or .html, or all three in a "
            "folder (a name without a suffix)"
        )
    return {suffix: out}


def write_report(
    report: dict[str, Any],
    where: Mapping[str, Path],
    html: Callable[[dict[str, Any]], str],
) -> None:
    """Write the report to its `destinations`, each all at once.

    html : makes the page of a report; called only where one is wanted.
    Raises PartwiseError where a file cannot be written.
    """
    makers: dict[str, Callable[[dict[str, Any]], str]] = {
        "json": lambda raw: json.dumps(raw, indent=1) + "\n",
        "csv": csv_text,
        "html": html,
    }
    for name, path in where.items():
        try:
            path.parent.mkdir(exist_ok=True)
            write_whole(path, makers[name](report))
        except OSError as error:
            raise PartwiseError(f"--out {path} cannot be written: {error.strerror}") from None


def require_html() -> None:
    """Raises PartwiseError, naming what is missing, unless an HTML report can be made here."""
    missing = [name for module, name in _HTML_NEEDS.items() if find_spec(module) is None]
    if missing:
        raise PartwiseError(
            f"an HTML report needs {' and '.join(missing)}: "
            "pip install 'partwise-lab[bench]' -c constraints.txt, or write --out X.json"
        )


def csv_text(report: dict[str, Any]) -> str:
    """The whole file, with a heading. Numbers are written so that they read back the same."""
    text = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in tidy_rows(report):
        if row["value"] is not None:
            always = {"protocol": report["protocol"], "subject": report.get("model")}
            writer.writerow(always | row)
    return text.getvalue()


def tidy_rows(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of one report, without `protocol`; empty cells are missing or None.

    A row whose value is None was not measured.
    """
    yield from map(_score, report.get("scores", ()))
    for reading in dict.fromkeys(score["reading"] for score in report.get("scores", ())):
        value = report.get(MEANS.get(reading, ""))
        yield {"quantity": "accuracy", "reading": reading, "part": "mean", "value": value}
    for part, cells in zip(PARTS, report.get("leakage", ()), strict=False):
        for subspace, value in zip(PARTS, cells, strict=True):
            yield {"quantity": "leakage", "part": part, "subspace": subspace, "value": value}
    for part, value in report.get("average_precision", {}).items():
        share = report["share_present"][part]
        yield {"quantity": "share_present", "part": part, "value": share}
        low, high = report["average_precision_interval"][part] or (None, None)
        row = {"quantity": "average_precision", "part": part, "subspace": part}
        yield row | {"value": value, "low": low, "high": high, "chance": share}
    for rows in ROWS:
        yield from rows(report)
    if "agreement" in report:
        yield from _listeners(report)
    compared = report.get("rows", ())
    for name, row in zip(row_names(compared), compared, strict=True):
        yield from (found | {"subject": name} for found in _compared(row))


def _score(score: dict[str, Any]) -> dict[str, Any]:
    row = {"quantity": "accuracy", "subspace": score["part"], "value": score["accuracy"]}
    kept = ("part", "reading", "labels", "low", "high", "chance", "segments")
    return row | {key: score.get(key) for key in kept}


def _listeners(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Shares agreed with, what people reach, means over parts, and counts."""
    for entry in report["agreement"]:
        row = {"reading": f"{entry['kind']} {entry['aspect']}", "part": entry["part"]}
        for measure in MEASURES:
            if share := entry[measure]:
                found = {key: share[key] for key in ("value", "low", "high")}
                found |= {"chance": entry["chance"], "segments": share["n"]}
                yield row | {"quantity": measure} | found
                yield row | {"quantity": f"p_value_{measure}", "value": share.get("p_value")}
        for name, value in entry["human"].items():
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
    edges = {"low": row.get("mean_low"), "high": row.get("mean_high")}
    for reading, more in (("paper", edges), ("strict", {}), ("all", {})):
        found = {"quantity": "accuracy", "reading": reading, "part": "mean"}
        yield found | {"value": row.get(MEANS[reading])} | more
    for part, (value, low, high) in row.get("differences", {}).items():
        yield {"quantity": "difference", "part": part, "value": value, "low": low, "high": high}
    costs = dict(row.get("speed") or {}) | {key: row.get(key) for key in _COSTS}
    yield from ({"quantity": name, "value": value} for name, value in costs.items())
