"""The report of `abx` as lines for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from partwise_lab.measure.abx.answers import ASPECTS

_SHOWN = 5  # reasons
_EXPLAINED = {
    "XAB": "XAB: which of two other songs is more alike",
    "XYC": "XYC: is another moment of the same song more alike than another song",
}
_HEARD = {"mix": "the mix", "stem": "the part alone, as listeners did", "cut": "clips as given"}


def abx_text(report: dict[str, Any]) -> str:
    """What the protocol found, a line each, without a line end."""
    lines = [*_counts(report)]
    for kind in _EXPLAINED:
        entries = [entry for entry in report["agreement"] if entry["kind"] == kind]
        if entries:
            lines += ["", *_table(kind, entries, report), "", *_aspects(entries)]
    return "\n".join(lines)


def _counts(report: dict[str, Any]) -> Iterator[str]:
    answers, triplets, missing = report["answers"], report["triplets"], report["missing"]
    asked = triplets["asked"]
    yield (
        f"{answers['rows']} answers of {answers['listeners']} listeners to {asked['XAB']} XAB and "
        f"{asked['XYC']} XYC triplets; {answers['dummies']['asked']} answers to dummies left out "
        f"({answers['dummies']['passed']} right)"
    )
    only = ", all of songs kept for the test" if report["only_test_songs"] else ""
    yield (
        f"scored: {triplets['heard']} triplets of {triplets['songs']} reference songs{only}; "
        f"the model hears {_HEARD[report['hears']]}"
    )
    yield from _reasons("malformed rows", answers["malformed"])
    if missing["clips"]:
        yield from _reasons(
            f"{missing['triplets']} triplets not scored; missing clips", missing["reasons"]
        )
    if triplets["trained_songs"]:
        yield (
            f"NOT HELD OUT: the model was tuned on {triplets['trained_on']} of these triplets, and "
            f"{triplets['trained_songs']} have a song that it was tuned on; score its test songs"
        )


def _reasons(what: str, reasons: dict[str, int]) -> Iterator[str]:
    if not reasons:
        return
    yield f"{what}: {sum(reasons.values())}"
    most = sorted(reasons.items(), key=lambda item: -item[1])
    for why, count in most[:_SHOWN]:
        yield f"  {count}: {why}"
    if len(most) > _SHOWN:
        yield f"  and {len(most) - _SHOWN} more reasons"


def _table(kind: str, entries: list[dict], report: dict[str, Any]) -> Iterator[str]:
    yield f"{_EXPLAINED[kind]} (overall; 95 % over songs; chance 50 %)"
    yield (
        f"{'':8}{'votes':>8}{'':18}{'sure':>6}{'majority':>10}{'>=75 %':>9}{'triplets':>10}"
        f"{'a listener':>13}{'ceiling':>9}"
    )
    for entry in entries:
        if entry["aspect"] != "overall":
            continue
        votes, human = entry["votes"], entry["human"]
        interval = f"({votes['low']:.1%} - {votes['high']:.1%})"
        yield (
            f"{entry['part']:8}{votes['value']:8.1%}{interval:>18}"
            + "".join(
                f"{_percent(entry[name]):>{width}}"
                for name, width in (("sure_votes", 6), ("majority", 10), ("consensus", 9))
            )
            + f"{entry['triplets']:10}{_plain(human['one_vs_rest']):>13}"
            f"{_plain(human['perfect_majority']):>9}"
        )
    mean = report["mean"].get(kind, {}).get("overall", {})
    if mean:
        yield (
            f"{'mean':8}{mean['votes']:8.1%}{'':18}{_plain(mean.get('sure_votes')):>6}"
            f"{_plain(mean.get('majority')):>10}{_plain(mean.get('consensus')):>9}"
        )


def _aspects(entries: list[dict]) -> Iterator[str]:
    """Agreeing votes by aspect, beside how far one listener agrees with the others."""
    aspects = [aspect for aspect in ASPECTS if aspect != "overall"]
    yield "votes by aspect (one listener with the others):"
    yield " " * 8 + "".join(f"{aspect:>17}" for aspect in aspects)
    for part in dict.fromkeys(entry["part"] for entry in entries):
        of = {entry["aspect"]: entry for entry in entries if entry["part"] == part}
        cells = []
        for aspect in aspects:
            entry = of.get(aspect)
            human = f"({_plain(entry['human']['one_vs_rest'])})" if entry else ""
            cells.append(f"{_percent(entry['votes'])} {human:>8}" if entry else "-")
        yield f"{part:8}" + "".join(f"{cell:>17}" for cell in cells)


def _percent(share: dict | None) -> str:
    return _plain(share["value"]) if share else "-"


def _plain(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"
