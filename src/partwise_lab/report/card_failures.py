"""Where a model fails, computed from its reports for the model card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from partwise.parts import PARTS
from partwise_lab.report.files import Report
from partwise_lab.report.table import percent

# What the card calls a failure (the targets of the project).
_WEAK_ACCURACY = 0.75
_LEAK_ABOVE_CHANCE = 0.05
_WEAK_PRESENCE = 0.85
_NOTES_HELP = 0.10


def failures(reports: Sequence[Report], real: Sequence[Report]) -> str:
    """A list in Markdown, and the rule that made it; empty where nothing was measured.

    reports : on synthesised stems; real : on recorded ones.
    """
    if not reports:
        return ""
    found = [
        line
        for report in reports
        if not report.oracle
        for line in (*_weak_parts(report), *_leaks(report), *_weak_presence(report))
    ]
    found += [line for report in real for line in _weak_recordings(report)]
    lines = [f"- {line}" for line in dict.fromkeys(found)]
    rule = (
        f"Computed from the reports above: accuracy below {percent(_WEAK_ACCURACY, 0)} or notes "
        f"that help by more than {100 * _NOTES_HELP:.0f} points, leakage more than "
        f"{100 * _LEAK_ABOVE_CHANCE:.0f} points above chance, presence below {_WEAK_PRESENCE}, "
        "and recordings on which it does not beat guessing."
    )
    return "\n".join([rule, "", *(lines or ["- None of these."])])


def _weak_parts(report: Report) -> Iterator[str]:
    strict = report.scores("strict")
    for part, score in report.scores("paper").items():
        accuracy, labels = score["accuracy"], score["labels"]
        if accuracy < _WEAK_ACCURACY:
            yield f"{part}: only {percent(accuracy)} right among {labels} pieces"
        lost = accuracy - strict[part]["accuracy"] if part in strict else 0.0
        if lost > _NOTES_HELP:
            yield (
                f"{part}: {100 * lost:.0f} points are lost when the same passage may not help, so "
                "it is partly known by its notes"
            )


def _leaks(report: Report) -> Iterator[str]:
    scores = report.scores("paper")
    for part, cells in zip(PARTS, report.leakage or (), strict=False):
        if part not in scores:
            continue
        limit = scores[part]["chance"] + _LEAK_ABOVE_CHANCE
        leaks = [
            f"{read} ({percent(cell)})"
            for read, cell in zip(PARTS, cells, strict=True)
            if read is not part and cell is not None and cell > limit
        ]
        if leaks:
            yield f"{part} is also heard in the subspaces of {', '.join(leaks)}"


def _weak_presence(report: Report) -> Iterator[str]:
    for part, value in report.average_precision.items():
        if value is not None and value < _WEAK_PRESENCE:
            yield f"{part}: presence has an average precision of only {value:.3f}"


def _weak_recordings(report: Report) -> Iterator[str]:
    for reading in report.readings:
        for part, score in report.scores(reading).items():
            if score["low"] <= score["chance"]:
                yield (
                    f"recordings, {part}: {percent(score['accuracy'], 0)} among {score['labels']} "
                    f"pieces cannot be told from guessing ({report.protocol}, {reading})"
                )
    for part, value in report.average_precision.items():
        if value is not None and value < _WEAK_PRESENCE:
            yield f"recordings, {part}: presence has an average precision of only {value:.3f}"
