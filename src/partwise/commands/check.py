"""``partwise check``: is the library whole, and mending it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import typer

from partwise.library.check.report import Report
from partwise.library.reports import duration_text
from partwise.paths import shown

_LINE_EVERY_S = 5.0


def check(
    library: Path | None = typer.Option(
        None,
        "--library",
        metavar="DIR",
        help="The library's folder (default: PARTWISE_LIBRARY, else your data folder).",
    ),
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

    progress = _Progress()
    report = Library(library).check(repair=repair, files=files, model=model, tell=progress.tell)
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
        "findings": [
            {
                "where": finding.where,
                "problem": finding.problem,
                "remedy": finding.remedy,
                "mended": finding.mended,
            }
            for finding in report.findings
        ],
        "notes": report.notes,
    }


class _Progress:
    """A line on standard error now and then, with rate and time left."""

    def __init__(self) -> None:
        self._stage = ""
        self._started_s = self._told_s = time.monotonic()

    def tell(self, stage: str, done: int, total: int) -> None:
        """See ``partwise.library.check.check.Tell``; bytes are told as MB."""
        now_s = time.monotonic()
        if stage != self._stage:
            self._stage, self._started_s = stage, now_s
        if now_s - self._told_s < _LINE_EVERY_S:
            return
        self._told_s = now_s
        rate = done / max(now_s - self._started_s, 1e-9)
        if not done or now_s - self._started_s < 1.0:
            text = stage
        elif stage == "bytes":
            text = f"{done / 1e6:.0f} of {total / 1e6:.0f} MB, {rate / 1e6:.0f} MB/s"
        else:
            text = f"{stage}: {done}{f' of {total}' if total else ' rows'}, {rate:.0f}/s"
        if done and total:
            text += f", about {duration_text((total - done) / rate)} left"
        print(text, file=sys.stderr, flush=True)
