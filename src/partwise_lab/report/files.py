"""Reports of `partwise-lab evaluate` read from files, those of before schema 2 too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.measure.protocols import PROTOCOLS

_READINGS = ("paper", "strict", "all")


@dataclass(frozen=True)
class Report:
    """One report (see `protocols` for what its JSON holds)."""

    raw: dict[str, Any]

    @property
    def protocol(self) -> str:
        return self.raw["protocol"]

    @property
    def model(self) -> str:
        """Digest of the model that was measured."""
        return self.raw["model"]

    @property
    def oracle(self) -> bool:
        """Whether the clean stems were heard instead of mixes."""
        return bool(self.raw.get("oracle", False))

    @property
    def readings(self) -> list[str]:
        """`paper`, `strict`, `all` (labels of the pool), `nearest`, `unmixed`: those there are."""
        return list(dict.fromkeys(score["reading"] for score in self.raw.get("scores", ())))

    def scores(self, reading: str) -> dict[str, dict[str, Any]]:
        """part -> its score in one reading, of the parts that were measured."""
        found = self.raw.get("scores", ())
        return {score["part"]: score for score in found if score["reading"] == reading}

    def mean(self, reading: str) -> float | None:
        """Mean accuracy over the measured parts; None where the reading is not there."""
        values = [score["accuracy"] for score in self.scores(reading).values()]
        return float(np.mean(values)) if values else None

    def chance(self, reading: str) -> float | None:
        """Mean over the parts of what guessing gets."""
        values = [score["chance"] for score in self.scores(reading).values()]
        return float(np.mean(values)) if values else None

    @property
    def leakage(self) -> list[list[float | None]] | None:
        """[parts][parts]: labels of the row read in the subspace of the column."""
        return self.raw.get("leakage")

    @property
    def leakage_off_diagonal(self) -> float | None:
        """Mean of the leakage table off its diagonal; chance would be clean."""
        cells = [
            cell
            for row, cells in enumerate(self.leakage or ())
            for column, cell in enumerate(cells)
            if row != column and cell is not None
        ]
        return float(np.mean(cells)) if cells else None

    @property
    def average_precision(self) -> dict[str, float | None]:
        """part -> average precision of presence; empty where it was not measured."""
        return self.raw.get("average_precision", {})

    @property
    def not_measured(self) -> dict[str, str]:
        """part -> why the data says nothing of it."""
        return self.raw.get("not_measured", {})

    @property
    def source(self) -> str:
        """The data in words: `150 pieces, digest dfe1a7250090`."""
        names = ", ".join(self.raw.get("data", ()))
        data = f"`{names}`, " if names else ""
        return f"{data}{self.raw['pieces']} pieces, digest {self.raw['data_digest']}"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object. Raises PartwiseError when the file is missing or holds something else."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PartwiseError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(raw, dict):
        raise PartwiseError(f"{path} is not what is expected here: it holds no JSON object")
    return raw


def read_reports(path: Path, kind: str = "evaluations") -> list[Report]:
    """The reports in a file: one of `evaluate --out`, or those of a run in docs/results.

    kind : which of a run's: `evaluations`, or `real` for recorded stems.
    """
    raw = read_json(path)
    reports = raw[kind] if isinstance(raw.get(kind), list) else [raw]
    return [report_of(report, path) for report in reports]


def report_of(raw: dict[str, Any], path: Path) -> Report:
    """A report from its JSON. Raises PartwiseError, naming `path`, where it is something else."""
    missing = {"protocol", "model", "data_digest", "pieces"} - set(raw)
    if missing or raw["protocol"] not in PROTOCOLS:
        what = f"{', '.join(sorted(missing))} is missing" if missing else "unknown protocol"
        raise PartwiseError(f"{path} is not a report of `partwise-lab evaluate --out`: {what}")
    scores = raw.get("scores", [])
    if "schema" not in raw:
        # Then every part had the three readings, in this order, without their names.
        scores = [
            {"reading": _READINGS[number % 3], **score} for number, score in enumerate(scores)
        ]
        raw = {**raw, "scores": scores} if scores else raw
    known = {str(part) for part in PARTS}
    needed = {"part", "reading", "labels", "accuracy", "low", "high", "chance"}
    for score in scores:
        if not needed <= set(score) or score["part"] not in known:
            raise PartwiseError(f"{path} has a score that this version cannot read: {score}")
    return Report(raw)
