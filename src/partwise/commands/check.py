"""``partwise check``: is the library whole, and mending it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer

from partwise.commands.console import LIBRARY, Printer
from partwise.library.reports import Report
from partwise.paths import shown


def check(
    library: Path | None = LIBRARY,
    repair: bool = typer.Option(False, "--repair", help="Mend what is found."),
    files: bool = typer.Option(
        False, "--files", help="Also read every file, whether it still holds what was indexed."
    ),
    model: Path | None = typer.Option(
        None,
        "--model",
        metavar="PATH",
        help="The ONNX model that heard the library; only a lost library.json needs it.",
    ),
    as_json: bool = typer.Option(False, "--json", help="For programs."),
) -> int:
    """Look whether the library is whole; with --repair, mend it.

    Nothing is changed without --repair. Exit code 0: nothing is wrong (any more); 1: something is.
    """
    from partwise.library.library import Library

    with Printer() as reporter:
        report = Library(library).check(repair=repair, files=files, model=model, reporter=reporter)
    if as_json:
        print(json.dumps(_json(report), indent=2))
    else:
        print("\n".join(_lines(report)))
    return 0 if report.sound else 1


def _lines(report: Report) -> list[str]:
    lines = [str(finding) for finding in report.findings]
    lines += [f"note: {note}" for note in report.notes]
    counts = f"{report.tracks} tracks, {report.segments} segments, {report.files} files"
    if report.files_read:
        counts += f" ({report.files_read} read)"
    open_ones = sum(not finding.mended for finding in report.findings)
    if not report.findings:
        verdict = "nothing is wrong"
    elif report.repaired:
        verdict = f"{len(report.findings) - open_ones} of {len(report.findings)} findings mended"
    else:
        verdict = f"{len(report.findings)} finding(s): `partwise check --repair` mends them"
    took = f"{report.seconds:.1f} s"
    return [*lines, f"{shown(report.folder)}: {verdict}; {counts}; took {took}"]


def _json(report: Report) -> dict[str, Any]:
    return {
        "library": shown(report.folder),
        "sound": report.sound,
        "repaired": report.repaired,
        "tracks": report.tracks,
        "segments": report.segments,
        "files": report.files,
        "files_read": report.files_read,
        "seconds": round(report.seconds, 3),
        "findings": [asdict(finding) for finding in report.findings],
        "notes": report.notes,
    }
