"""Writes the tables of the docs from result files, so that no figure there is typed.

    python scripts/make_tables.py            rewrite README.md and pages of docs/
    python scripts/make_tables.py --check    exit 1 if one of them is out of date
    python scripts/make_tables.py add NAME --run runs/1 --evaluation report.json \\
        [--evaluation presence.json] [--real real.json] --command "partwise-lab train ..."

    python scripts/make_tables.py compared NAME --report comparison/report.json

`add` puts what is known of a run into docs/results/NAME.json: the checkpoint's facts, the reports
of `partwise-lab evaluate --out` without what is long, the command and the commit. A file that
`benchmarks/indexing.py --json` wrote may lie there too, as speed-NAME.json; and that of
`benchmarks/rivals.py --json`, as rivals.json.

The text between `<!-- table: KIND [NAME] -->` and `<!-- end -->` is replaced. Of one run (NAME is
`shipped` unless given):

    parts, leakage, presence, real    its tables (`shipped` is `parts shipped`)
    run                               its command, commit, data and budget, as a list
    line [READING]                    one line for all parts; inside a line of text too
                                      (`line NAME READING`; paper, strict, all or presence)

Of a comparison, that `compared` put into docs/results/compared-NAME.json: `compared NAME`, or
`compared NAME line` for the first row, the best of the others and the oracle in one line.

Of all runs: `ladder [GROUP]`, one row for each run of a group in the order of the file names,
`speed` and `rivals`. Of docs/results/scale/field.json, that `benchmarks/field.py --write` wrote:
`field`, and `field line`. What there is no result for is left as it is, with a warning.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from field_table import field_line, field_table
from ladder_picture import ladder_picture, picture_is_of
from partwise.atomic import write_whole
from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.report.comparison import (
    comparison_line,
    comparison_table,
    real_table,
    rivals_table,
    speed_table,
)
from partwise_lab.report.files import Report
from partwise_lab.report.table import NONE, Table, markdown, number, percent
from partwise_lab.report.tables import leakage_table, parts_table, presence_table
from result_files import RESULTS, Results, Run, add, add_compared, read_results

DOCUMENTS = (
    "README.md",
    "docs/researchers.md",
    "docs/experiments.md",
    "docs/three-experiments.md",
    "docs/field.md",
)
PICTURE = "docs/ladder.svg"
_MARKED = re.compile(
    r"(?P<open><!-- table: (?P<words>[^>]+?) -->)(?P<old>.*?)(?P<close><!-- end -->)", re.DOTALL
)


class Missing(Exception):
    """There is no result for a table."""


# --- the tables


def render(words: Sequence[str], results: Results) -> str:
    """The text of one marker. Raises Missing where there is no result for it."""
    kind, *names = words
    if kind == "compared":
        if not names or names[0] not in results.compared:
            raise Missing(f"no compared-{names[0] if names else 'NAME'}.json")
        report = results.compared[names[0]]
        return comparison_line(report) if names[1:] == ["line"] else comparison_table(report)
    if kind == "ladder":
        return _ladder(results.runs, names[0] if names else "ladder")
    if kind == "speed":
        if not results.speeds:
            raise Missing("no speed-*.json")
        return speed_table(results.speeds)
    if kind == "rivals":
        if results.rivals is None:
            raise Missing("no rivals.json")
        return rivals_table(results.rivals)
    if kind == "field":
        if results.field is None:
            raise Missing("no scale/field.json")
        return field_line(results.field) if names == ["line"] else field_table(results.field)
    if kind == "line" and len(names) == 1 and names[0] in _LINES:
        names = ["shipped", *names]
    name = names[0] if names else "shipped"
    if name not in results.runs:
        raise Missing(f"no {name}.json")
    run = results.runs[name]
    if kind == "line":
        return _line(run, names[1] if len(names) > 1 else "paper")
    if kind not in _OF_RUN:
        known = ", ".join(_OF_RUN)
        raise PartwiseError(
            f"unknown table {kind!r}: choose {known}, line, ladder, speed, rivals or field"
        )
    found = _OF_RUN[kind](run)
    return found.markdown() if isinstance(found, Table) else found


def _parts(run: Run) -> Table:
    return parts_table(_there(run.knn, run, "pseudo-knn"), run.presence)


def _there(report: Report | None, run: Run, protocol: str) -> Report:
    if report is None:
        raise Missing(f"no {protocol} report in {run.name}.json")
    return report


def _leakage(run: Run) -> Table:
    report = _there(run.knn, run, "leakage")
    if report.leakage is None:
        raise Missing(f"no leakage report in {run.name}.json")
    return leakage_table(report)


def _presence(run: Run) -> Table:
    return presence_table(_there(run.presence, run, "presence"))


def _real(run: Run) -> Table:
    if not run.real:
        raise Missing(f"no report on recorded stems in {run.name}.json")
    return real_table(run.evaluations, run.real)


_LINES = ("paper", "strict", "all", "presence")


def _line(run: Run, reading: str) -> str:
    """`drums 99 %, bass 79 %, ..., **mean 76 %**`."""
    if reading == "presence":
        values = _there(run.presence, run, "presence").average_precision
        return ", ".join(
            f"{part} {NONE if value is None else f'{value:.2f}'}" for part, value in values.items()
        )
    if reading not in _LINES:
        raise PartwiseError(f"unknown reading {reading!r}: choose {', '.join(_LINES)}")
    report = _there(run.knn, run, "pseudo-knn")
    scores = report.scores(reading).items()
    parts = [f"{part} {percent(score['accuracy'], 0)}" for part, score in scores]
    return ", ".join([*parts, f"**mean {percent(report.mean(reading), 0)}**"])


def _facts(run: Run) -> str:
    """What was run, as a list."""
    about, commit = run.checkpoint, run.raw.get("commit") or "not recorded"
    lines = [f"- Command: `{run.raw['command']}`", f"- Commit {commit}"]
    if run.begun_with:
        lines.append(f"- Begun with: {run.begun_with}")
    lines += [
        f"- Data: {number(about.get('pieces'))} pieces, digest {about.get('data_digest', NONE)}",
        f"- Budget: {_budget(about)}, {number(about.get('steps'))} steps, "
        f"{number(about.get('segments'))} segments; {number(about.get('parameters'))} parameters",
    ]
    lines += [f"- Measured on {text}" for text in _measured_on(run)]
    if run.raw.get("note"):
        lines.append(f"- {run.raw['note']}")
    return "\n".join(lines)


_OF_RUN: dict[str, Callable[[Run], str | Table]] = {
    "parts": _parts,
    "shipped": _parts,
    "leakage": _leakage,
    "presence": _presence,
    "real": _real,
    "run": _facts,
}


def _measured_on(run: Run) -> list[str]:
    return list(
        dict.fromkeys(
            f"{report.source}, protocol {report.protocol}" + (", clean stems" * report.oracle)
            for report in [*run.evaluations, *run.real]
        )
    )


def _budget(about: dict[str, Any]) -> str:
    if "minutes" not in about:
        return "not recorded"
    device = about.get("device", "")
    if about.get("clock") == "core":
        return f"{about['minutes']:g} core min"
    return f"{about['minutes']:g} min" + (f" ({device})" if device else "")


def _whole_budget(run: Run, runs: dict[str, Run]) -> str:
    """Of the run, behind those of the runs that it began with: `20 core min + 20 core min`."""
    before = runs.get(run.begun_with)
    own = _budget(run.checkpoint)
    return f"{_whole_budget(before, runs)} + {own}" if before else own


def _ladder(runs: dict[str, Run], group: str) -> str:
    rungs = _rungs(runs, group)
    if not rungs:
        raise Missing(f"no run of the group {group}")
    rows = []
    for run, report in rungs:
        scores = report.scores("paper")
        cells = [percent(scores[part]["accuracy"]) if part in scores else NONE for part in PARTS]
        rows.append(
            [
                run.title,
                _whole_budget(run, runs),
                number(run.checkpoint.get("segments")),
                *cells,
                f"**{percent(report.mean('paper'))}**",
                percent(report.mean("strict")),
                percent(report.mean("all")),
                percent(report.leakage_off_diagonal),
            ]
        )
    last = ["mean", "strict", "all labels", "leakage"]
    # More than one of them, and the rows must not be compared.
    sources = "; ".join(dict.fromkeys(report.source for _, report in rungs))
    return (
        f"{markdown(['run', 'budget', 'segments', *PARTS, *last], rows)}\n\n"
        f"Measured on {sources}. Leakage is the mean off the diagonal."
    )


def _rungs(runs: dict[str, Run], group: str) -> list[tuple[Run, Report]]:
    """The runs of a group that were measured, in the order of their names."""
    return [
        (run, report)
        for run in runs.values()
        if run.raw.get("group", "ladder") == group and (report := run.knn) is not None
    ]


# --- files


def updated(text: str, results: Results, warn: Callable[[str], None]) -> str:
    """A document with its tables made anew; one inside a line of text stays in its line."""

    def replaced(found: re.Match[str]) -> str:
        words = found["words"].split()
        try:
            new = render(words, results)
        except Missing as missing:
            warn(f"table {found['words']}: {missing}; left as it is")
            return found[0]
        if "line" not in words:
            new = f"\n{new}\n"
        return f"{found['open']}{new}{found['close']}"

    return _MARKED.sub(replaced, text)


def make(root: Path, check: bool, warn: Callable[[str], None]) -> list[str]:
    """Bring the documents and the picture up to date; returns which were not.

    check : change nothing.
    """
    results = read_results(root / RESULTS)
    stale = []
    for name in DOCUMENTS:
        path = root / name
        if not path.exists():
            continue
        old = path.read_text(encoding="utf-8")
        if old.count("<!-- table:") != len(_MARKED.findall(old)):
            raise PartwiseError(f"{name} has a <!-- table: --> without its <!-- end -->")
        said = lambda text, name=name: warn(f"{name}: {text}")  # noqa: E731
        new = updated(old, results, said)
        if new != old:
            stale.append(name)
            if not check:
                write_whole(path, new)
    rungs = [(run.title, report) for run, report in _rungs(results.runs, "ladder")]
    picture = root / PICTURE
    if rungs and not picture_is_of(picture, rungs):
        stale.append(PICTURE)
        if not check:
            ladder_picture(picture, rungs)
    return stale


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--check", action="store_true", help="exit 1 if a file is out of date")
    steps = parser.add_subparsers(dest="step")
    comparing = steps.add_parser("compared", help="add a report of `partwise-lab compare`")
    comparing.add_argument("name", help="file name")
    comparing.add_argument("--report", type=Path, action="append", required=True)
    comparing.add_argument("--commit", default="", help="default: the current one")
    adding = steps.add_parser("add", help="add a run's results")
    adding.add_argument("name", help="file name; the ladder is in the order of the names")
    adding.add_argument("--run", type=Path, required=True, help="run folder, or checkpoint JSON")
    adding.add_argument("--evaluation", type=Path, action="append", required=True)
    adding.add_argument("--real", type=Path, action="append", default=[])
    adding.add_argument("--command", required=True, help="what was run")
    adding.add_argument("--title", default="", help="row of the ladder; default: the recipe")
    adding.add_argument("--group", default="ladder", help="which ladder the run belongs to")
    adding.add_argument("--begun-with", default="", help="name of the run that it began with")
    adding.add_argument("--commit", default="", help="default: the current one")
    adding.add_argument("--note", default="", help="a sentence to keep with it")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)

    def warn(text: str) -> None:
        print(f"make_tables: {text}", file=sys.stderr)

    try:
        if options.step == "add":
            print(add(options.root, options))
            return 0
        if options.step == "compared":
            print(add_compared(options.root, options))
            return 0
        stale = make(options.root, options.check, warn)
    except PartwiseError as error:
        warn(str(error))
        return 2
    if options.check and stale:
        warn(f"out of date: {', '.join(stale)}; run python scripts/make_tables.py")
        return 1
    print("\n".join(f"{name} written" for name in stale) or "everything is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
