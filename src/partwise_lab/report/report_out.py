"""Where the reports of `--out` go: JSON, CSV and HTML, one of them or all three in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from partwise.atomic import write_whole
from partwise.errors import PartwiseError
from partwise_lab.report.tidy import csv_text

FORMATS = ("json", "csv", "html")


def destinations(out: Path) -> dict[str, Path]:
    """format -> file, of what `--out` names: X.json, X.csv, X.html, or a folder for all three.

    Raises PartwiseError for another suffix, and where nothing can be written there.
    """
    if not out.parent.is_dir():
        raise PartwiseError(f"the folder of --out {out} does not exist")
    suffix = out.suffix.lower().removeprefix(".")
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
