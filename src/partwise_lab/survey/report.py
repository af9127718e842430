"""The report of a listening test: for the terminal, as tidy CSV, and as a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from partwise_lab.report.table import NONE, Table, percent

_SHARES = {
    "agreement": "all answers",
    "sure": "sure",
    "perhaps": "perhaps",
    "majority": "majority of listeners",
}


def report_text(report: dict[str, Any]) -> str:
    """What the test found, without a line end."""
    return "\n\n".join(["\n".join(_counts(report)), *(table.text() for table in _tables(report))])


def report_html(report: dict[str, Any]) -> str:
    """The page, whole; it loads nothing."""
    from partwise_lab.report.html.context import Context, whole_page

    title = f"Listening test {report['test']}"
    counts = _counts(report, counts=True)
    blocks = [f"made {report['made_at']}", *counts, *_tables(report, counts=True)]
    return whole_page([("r0", title, [Context().fragment("numbers", "What people said", blocks)])])


def report_csv(report: dict[str, Any]) -> str:
    """part, measure, value, low, high, right, n: a row for each number that could be told."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["part", "measure", "value", "low", "high", "right", "n"])
    for of_part in report["parts"]:
        named: dict[str, dict[str, Any] | None] = {name: of_part[name] for name in _SHARES}
        named |= {f"margin {m['third']}": m["agreement"] for m in of_part["margins"]}
        named |= {f"aspect {name}": found for name, found in of_part["aspects"].items()}
        for measure, found in named.items():
            if found:
                values = [found[key] for key in ("share", "low", "high", "right", "n")]
                writer.writerow([of_part["part"], measure, *values])
        for measure, value in of_part["between"].items():
            if value is not None:
                writer.writerow([of_part["part"], measure, value, "", "", "", ""])
    return file.getvalue()


def _counts(report: dict[str, Any], *, counts: bool = False) -> Iterator[str]:
    trials, people, catch = report["trials"], report["listeners"], report["catch"]
    yield (
        f"test {report['test']}, clips of {report['clip_s']:g} s, model {report['model']}; "
        f"questions: {trials['questions']}, catch trials: {trials['catch']}"
    )
    if trials["without_score"]:
        yield f"left out, because this model has no score for them: {trials['without_score']}"
    yield (
        f"listeners who agreed: {people['agreed']}, answered anything: {people['answered']}, "
        f"everything: {people['finished']}"
    )
    yield (
        f"catch trials right: {catch['right']} of {catch['asked']}; listeners left out for less "
        f"than {100 * catch['least']:g} %: {people['left_out']}, counted: {people['counted']}"
    )
    if report["left_side"]:
        yield f"answers for the candidate on the left: {_share(report['left_side'], counts=counts)}"


def _tables(report: dict[str, Any], *, counts: bool = False) -> Iterator[Table]:
    """counts : how many answers a share is of, too."""

    def share(found: dict[str, Any] | None) -> str:
        return _share(found, counts=counts)

    parts = report["parts"]
    yield Table(
        ["part", "questions", "answers", *_SHARES.values(), "p"],
        [
            [
                *(str(of_part[key]) for key in ("part", "trials", "answers")),
                *(share(of_part[name]) for name in _SHARES),
                f"{agreement['p_value']:.2g}" if (agreement := of_part["agreement"]) else NONE,
            ]
            for of_part in parts
        ],
        "listeners and the model: share of answers for what it finds more alike (95 %, exact; "
        "guessing gives 50 %)",
    )
    yield Table(
        ["part", "third", "margin", "all answers"],
        [
            [of_part["part"], m["third"], f"{m['from']:.3f}-{m['to']:.3f}", share(m["agreement"])]
            for of_part in parts
            for m in of_part["margins"]
        ],
        "the same by how far apart the model finds the candidates, in thirds of the trials",
    )
    aspects = [[p["part"], name, share(f)] for p in parts for name, f in p["aspects"].items()]
    if aspects:
        yield Table(["part", "aspect", "all answers"], aspects, "the same by aspect")
    yield Table(
        ["part", "pairs", "agree", "alpha", "split half", "one vs rest", "perfect majority"],
        [
            [
                of_part["part"],
                str(between["pairs"]),
                percent(between["pairs_agree"]),
                *(_number(between[key]) for key in ("alpha", "split_half")),
                *(percent(between[key]) for key in ("one_vs_rest", "perfect_majority")),
            ]
            for of_part in parts
            for between in [of_part["between"]]
        ],
        "between listeners: what a perfect model could reach, as they contradict each other",
    )


def _share(found: dict[str, Any] | None, *, counts: bool = False) -> str:
    if found is None:
        return NONE
    of = f"; {found['right']} of {found['n']}" if counts else ""
    return f"{percent(found['share'])} ({100 * found['low']:.0f}-{100 * found['high']:.0f}{of})"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}"
