"""The report of a listening test as lines for the terminal, and as tidy CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

_SHARES = ("agreement", "sure", "perhaps", "majority")
_NONE = "-"


def report_text(report: dict[str, Any]) -> str:
    """What the test found, without a line end."""
    lines = [*_counts(report), "", *_with_model(report), "", *_by_margin(report)]
    if any(of_part["aspects"] for of_part in report["parts"]):
        lines += ["", *_aspects(report)]
    return "\n".join([*lines, "", *_between(report)])


def _counts(report: dict[str, Any]) -> Iterator[str]:
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
        yield f"answers for the candidate on the left: {_share(report['left_side'])}"


def _with_model(report: dict[str, Any]) -> Iterator[str]:
    yield "listeners and the model: share of answers for what it finds more alike (95 %, exact)"
    yield (
        f"  {'part':<8} {'trials':>6} {'answers':>7}  {'all answers':<19} {'p':>7}  "
        f"{'sure':<19} {'perhaps':<19} majority"
    )
    for of_part in report["parts"]:
        agreement = of_part["agreement"]
        p_value = f"{agreement['p_value']:.2g}" if agreement else _NONE
        all_answers, sure, perhaps, majority = (_share(of_part[name]) for name in _SHARES)
        yield (
            f"  {of_part['part']:<8} {of_part['trials']:>6} {of_part['answers']:>7}  "
            f"{all_answers:<19} {p_value:>7}  {sure:<19} {perhaps:<19} {majority}"
        )


def _by_margin(report: dict[str, Any]) -> Iterator[str]:
    yield "the same by how far apart the model finds the candidates, in thirds of the trials"
    for of_part in report["parts"]:
        for third in of_part["margins"]:
            between = f"{third['from']:.3f}-{third['to']:.3f}"
            yield (
                f"  {of_part['part']:<8} {third['third']:<6} {between:<12}  "
                f"{_share(third['agreement'])}"
            )


def _aspects(report: dict[str, Any]) -> Iterator[str]:
    yield "the same by aspect"
    for of_part in report["parts"]:
        for aspect, found in of_part["aspects"].items():
            yield f"  {of_part['part']:<8} {aspect:<7} {_share(found)}"


def _between(report: dict[str, Any]) -> Iterator[str]:
    yield "between listeners: what a perfect model could reach"
    yield (
        f"  {'part':<8} {'pairs':>6} {'agree':>7} {'alpha':>7} {'split half':>11} "
        f"{'one vs rest':>12} {'perfect majority':>17}"
    )
    for of_part in report["parts"]:
        between = of_part["between"]
        yield (
            f"  {of_part['part']:<8} {between['pairs']:>6} {_percent(between['pairs_agree']):>7} "
            f"{_number(between['alpha']):>7} {_number(between['split_half']):>11} "
            f"{_percent(between['one_vs_rest']):>12} {_percent(between['perfect_majority']):>17}"
        )


def _share(found: dict[str, Any] | None) -> str:
    if found is None:
        return _NONE
    return f"{100 * found['share']:.1f} % ({100 * found['low']:.0f}-{100 * found['high']:.0f})"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f}"


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
