"""Turns what was measured into a plan for any number of tracks, and writes the tables of
docs/scale.md.

    python scripts/scale_plan.py                       rewrite docs/scale.md
    python scripts/scale_plan.py --check               exit 1 if it is out of date
    python scripts/scale_plan.py plan --tracks 3e7 --minutes 3.5 --queries-per-s 20
                                                       the plan for other numbers, on the terminal

The measured figures lie in docs/results/scale: ``index.json`` (and, for other vectors and
precisions, ``made-up.json`` and ``precisions.json``) from ``benchmarks/scale.py --json``,
``limits.json`` and ``bucket.json`` from the benchmarks of these names; the speed of hearing lies in
docs/results/speed-2-shipped.json. What is not measured is an assumption, has a default in
``scale_costs.Assumed`` and an option here. The text between ``<!-- scale: TABLE -->`` and
``<!-- end -->`` is replaced.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import scale_tables as made
from partwise.atomic import write_whole
from partwise.errors import PartwiseError
from scale_costs import Assumed, Measured, read_measured

DOCUMENT = "docs/scale.md"
TRACKS = (1_000_000, 100_000_000, 1_000_000_000)
_MARKED = re.compile(
    r"(?P<open><!-- scale: (?P<name>[a-z-]+) -->).*?(?P<close><!-- end -->)", re.DOTALL
)


def tables_of(
    measured: Measured, reports: dict[str, Any], assumed: Assumed, tracks: Sequence[float] = TRACKS
) -> dict[str, Callable[[], str]]:
    index, limits = reports["index"], reports["limits"]
    made_up = reports.get("made-up", index)
    return {
        "sizes": lambda: made.sizes_table(index),
        "precisions": lambda: made.precisions_table(reports.get("precisions", index)),
        "likeness": lambda: made.likeness_table(index),
        "answers": lambda: made.answers_table(index),
        "made-up-answers": lambda: made.answers_table(made_up),
        "probes": lambda: made.probes_table(index),
        "foretold": lambda: made.foretold_table(index),
        "cost": lambda: made.cost_table(index),
        "limits": lambda: made.limits_table(limits),
        "bucket": lambda: made.bucket_table(reports["bucket"]),
        "versions": lambda: made.versions_table(limits),
        "assumed": lambda: made.assumed_list(assumed),
        "storage": lambda: made.storage_table(measured, assumed, tracks),
        "hearing": lambda: made.hearing_table(measured, assumed, tracks),
        "building": lambda: made.building_table(measured, assumed, tracks),
        "serving": lambda: made.serving_table(measured, assumed, tracks),
    }


def updated(text: str, known: dict[str, Callable[[], str]]) -> str:
    """The document with its tables made anew."""
    if text.count("<!-- scale:") != len(_MARKED.findall(text)):
        raise PartwiseError(f"{DOCUMENT} has a <!-- scale: --> without its <!-- end -->")

    def replaced(found: re.Match[str]) -> str:
        if found["name"] not in known:
            raise PartwiseError(f"{DOCUMENT} asks for {found['name']!r}: know {', '.join(known)}")
        return f"{found['open']}\n{known[found['name']]()}\n{found['close']}"

    return _MARKED.sub(replaced, text)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--check", action="store_true", help="exit 1 if the document is stale")
    planning = parser.add_subparsers(dest="step").add_parser("plan", help="for other numbers")
    planning.add_argument("--tracks", type=float, nargs="+", default=TRACKS)
    for field in fields(Assumed):
        kind = type(field.default)
        name = f"--{field.name.replace('_', '-')}"
        planning.add_argument(name, type=kind, default=field.default)
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        measured, reports = read_measured(options.root)
        if options.step == "plan":
            assumed = Assumed(
                **{field.name: getattr(options, field.name) for field in fields(Assumed)}
            )
            plan = tables_of(measured, reports, assumed, options.tracks)
            for name in ("assumed", "storage", "hearing", "building", "serving"):
                print(f"{name}\n\n{plan[name]()}\n")
            return 0
        path = options.root / DOCUMENT
        old = path.read_text(encoding="utf-8")
        new = updated(old, tables_of(measured, reports, Assumed()))
    except PartwiseError as error:
        print(f"scale_plan: {error}", file=sys.stderr)
        return 2
    if new != old and options.check:
        print(f"scale_plan: {DOCUMENT} is out of date: run it without --check", file=sys.stderr)
        return 1
    if new != old:
        write_whole(path, new)
    print(f"{DOCUMENT} written" if new != old else f"{DOCUMENT} is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
