"""The result files of docs/results: what is known of each run, in one small JSON."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partwise.atomic import write_whole
from partwise.errors import PartwiseError
from partwise_lab.model.checkpoint import RUN_FACTS
from partwise_lab.report.files import Report, read_json, read_reports, report_of

RESULTS = "docs/results"
_LARGEST_BYTES = 20_000
_COMPARED = "compared-"
_RIVALS = "rivals.json"
_FIELD = "scale/field.json"
# Of a report, what is long and in no table, and the paths of a machine.
_LEFT_OUT = ("labels_of", "skipped", "seconds", "details", "command")


@dataclass(frozen=True)
class Run:
    """A file of docs/results."""

    name: str
    raw: dict[str, Any]
    evaluations: list[Report]
    real: list[Report]

    @property
    def checkpoint(self) -> dict[str, Any]:
        return self.raw["checkpoint"]

    @property
    def title(self) -> str:
        return self.raw.get("title") or self.name

    @property
    def begun_with(self) -> str:
        """Name of the run whose weights this one began with, or empty."""
        return self.raw.get("begun_with", "")

    @property
    def knn(self) -> Report | None:
        """The report on pseudo-mixes; the one with a leakage table, if there are two."""
        found = [r for r in self.evaluations if r.scores("paper") and not r.oracle]
        return max(found, key=lambda report: report.leakage is not None, default=None)

    @property
    def presence(self) -> Report | None:
        return next((r for r in self.evaluations if r.average_precision), None)


@dataclass(frozen=True)
class Results:
    """All of docs/results.

    runs : by name, in the order of the names; speeds : of the benchmarks
    compared : name -> what `partwise-lab compare` reported, of every compared-NAME.json
    rivals : what `benchmarks/rivals.py --json` measured, if it was
    field : what `benchmarks/field.py --write` found, if it did
    """

    runs: dict[str, Run]
    speeds: list[dict[str, Any]]
    compared: dict[str, dict[str, Any]]
    rivals: dict[str, Any] | None
    field: dict[str, Any] | None


def read_results(folder: Path) -> Results:
    """The result files of a folder. Raises PartwiseError where one is something else."""
    runs: dict[str, Run] = {}
    speeds = []
    for path in sorted(folder.glob("*.json")):
        if path.name.startswith(_COMPARED) or path.name == _RIVALS:
            continue
        raw = read_json(path)
        if "speeds" in raw:
            speeds.append(raw)
            continue
        if not {"command", "checkpoint", "evaluations"} <= set(raw):
            raise PartwiseError(f"{path} was not written by `make_tables.py add`")
        reports = {
            kind: [report_of(report, path) for report in raw.get(kind, ())]
            for kind in ("evaluations", "real")
        }
        runs[path.stem] = Run(path.stem, raw, **reports)
    for run in runs.values():
        if run.begun_with and run.begun_with not in runs:
            raise PartwiseError(f"{run.name} began with {run.begun_with}, which has no result")
    found = sorted(folder.glob(f"{_COMPARED}*.json"))
    compared = {path.stem.removeprefix(_COMPARED): read_json(path) for path in found}
    rivals, field = (
        read_json(path) if path.exists() else None for path in (folder / _RIVALS, folder / _FIELD)
    )
    return Results(runs, speeds, compared, rivals, field)


def add(root: Path, options: argparse.Namespace) -> Path:
    """Write docs/results/NAME.json."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]*", options.name):
        raise PartwiseError(f"{options.name!r} is no name for a result: use a-z, 0-9, . _ and -")
    if options.begun_with == options.name:
        raise PartwiseError(f"{options.name} cannot have begun with itself")
    run = options.run / "last.json" if options.run.is_dir() else options.run
    about = read_json(run)
    raw = {
        "title": options.title or about.get("recipe", options.name),
        "group": options.group,
        "command": options.command,
        "commit": options.commit or _commit(root),
        "begun_with": options.begun_with,
        "note": options.note,
        "checkpoint": {key: about[key] for key in RUN_FACTS if key in about},
        "evaluations": _reports(options.evaluation, "evaluations", about),
        "real": _reports(options.real, "real", about),
    }
    text = json.dumps({key: value for key, value in raw.items() if value}, indent=1) + "\n"
    if len(text) > _LARGEST_BYTES:
        raise PartwiseError(
            f"the result {options.name} would be {len(text) / 1000:.0f} kB, more than "
            f"{_LARGEST_BYTES / 1000:.0f}: give fewer reports"
        )
    path = root / RESULTS / f"{options.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text)
    return path


def add_compared(root: Path, options: argparse.Namespace) -> Path:
    """Write docs/results/compared-NAME.json: what the tables need of a comparison.

    Of several reports, the rows of the later ones follow those of the first; they must be of the
    same mixes, and what both have is taken from the first.
    """
    reports = [read_json(path) for path in options.report]
    same = ("protocol", "data_digest", "seed", "options", "first")
    for path, report in zip(options.report, reports, strict=True):
        differs = [key for key in same if report.get(key) != reports[0].get(key)]
        if report.get("protocol") != "compare" or differs:
            what = ", ".join(differs) or "protocol"
            raise PartwiseError(f"{path} is no comparison on the same mixes: another {what}")
    rows, known = [], set()
    for report in reports:
        for row in report["rows"]:
            if (name := (row["name"], row["hears"])) not in known:
                known.add(name)
                scores = [s for s in row["scores"] if s["reading"] == "paper"]
                rows.append({**row, "scores": scores})
    kept = {key: reports[0][key] for key in (*same, "partwise", "data", "pieces")}
    raw = {
        **kept,
        "commit": options.commit or _commit(root),
        "commands": [report.get("command", "") for report in reports],
        "rows": rows,
        "refused": [item for report in reports for item in report.get("refused", ())],
    }
    path = root / RESULTS / f"{_COMPARED}{options.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(_rounded(raw), indent=1) + "\n")
    return path


def _reports(paths: list[Path], kind: str, about: dict[str, Any]) -> list[dict[str, Any]]:
    """The reports, seen to be of a model that was trained on the checkpoint's data."""
    found = []
    for path in paths:
        for report in read_reports(path, kind):
            trained_on = report.raw.get("model_data_digest")
            if trained_on and trained_on != about.get("data_digest"):
                raise PartwiseError(
                    f"{path} measures a model trained on the data {trained_on}, and the run was "
                    f"trained on {about.get('data_digest')}: give reports of this run"
                )
            found.append(_short(report))
    return found


def _short(report: Report) -> dict[str, Any]:
    """A report without what is long; the readings are named, so that old ones need no guessing."""
    kept = {key: value for key, value in report.raw.items() if key not in _LEFT_OUT}
    skipped = len(report.raw.get("skipped", ()))
    return _rounded({"schema": 1, **kept} | ({"left_out": skipped} if skipped else {}))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def _commit(root: Path) -> str:
    command = ["git", "-C", str(root), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()
