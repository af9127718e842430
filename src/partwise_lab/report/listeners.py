"""Agreement with listeners (the report of `abx`) as sentences and tables."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from partwise_lab.measure.abx.answers import ASPECTS
from partwise_lab.measure.abx.scoring import MEASURES
from partwise_lab.report.table import Cell, Number, Table, measured, share

QUESTIONS = {
    "XAB": "which of two other songs is more alike",
    "XYC": "is another moment of the same song more alike than another song",
}
_HUMAN = {
    "one_vs_rest": "one listener",
    "perfect_majority": "ceiling",
    "perfect_sure": "ceiling, sure",
    "chose_same_song": "chose the same song",
}
_HEARD = {"mix": "the mix", "stem": "the part alone, as listeners did", "cut": "clips as given"}
_SHOWN = 5  # reasons


def listener_tables(report: dict[str, Any]) -> Iterator[str | Table]:
    """What the protocol found: counts, then the tables of each kind of question."""
    yield "\n".join(_counts(report))
    for kind in QUESTIONS:
        yield from kind_tables(kind, report)


def kind_tables(kind: str, report: dict[str, Any]) -> Iterator[Table]:
    """Of one kind of question, agreement over all and by aspect; nothing where none was asked."""
    entries = [entry for entry in report["agreement"] if entry["kind"] == kind]
    overall = [entry for entry in entries if entry["aspect"] == "overall"]
    if overall:
        yield _overall(kind, overall, report["mean"].get(kind, {}).get("overall", {}))
    there = [a for a in ASPECTS if a != "overall" and any(e["aspect"] == a for e in entries)]
    if there:
        yield _aspects(kind, there, entries, report["mean"].get(kind, {}))


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
        what = f"{missing['triplets']} triplets not scored; missing clips"
        yield from _reasons(what, missing["reasons"])
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
    yield from (f"  {count}: {why}" for why, count in most[:_SHOWN])
    if len(most) > _SHOWN:
        yield f"  and {len(most) - _SHOWN} more reasons"


def _overall(kind: str, entries: list[dict[str, Any]], mean: dict[str, float]) -> Table:
    human = {key: name for key, name in _HUMAN.items() if key in entries[0]["human"]}
    rows: list[list[Cell]] = [
        [
            entry["part"],
            _share(entry["votes"]),
            *(_below(_share(entry[measure])) for measure in MEASURES[1:]),
            *(share(entry["human"][key]) for key in human),
            Number(entry["triplets"], percent=False, digits=0, small=(f"{entry['songs']} songs",)),
        ]
        for entry in entries
    ]
    if mean:
        means = [share(mean.get(measure)) for measure in MEASURES]
        rows.append(["mean", *means, *[""] * (len(human) + 1)])
    measures = [measure.replace("_", " ") for measure in MEASURES]
    title = f"{kind}: {QUESTIONS[kind]} (overall; 95 % over songs; chance 50 %)"
    return Table(["part", *measures, *human.values(), "triplets"], rows, title)


def _aspects(
    kind: str,
    there: list[str],
    entries: list[dict[str, Any]],
    mean: dict[str, dict[str, float]],
) -> Table:
    """Agreeing votes by what listeners judged, beside how far one listener agrees with the rest."""
    of = {(entry["part"], entry["aspect"]): entry for entry in entries}

    def cells(part: str, aspect: str) -> tuple[Number, Number]:
        found = of.get((part, aspect), {"votes": None, "human": {"one_vs_rest": None}})
        return _share(found["votes"]), share(found["human"]["one_vs_rest"])

    rows: list[list[Cell]] = [
        [part, *(cell for aspect in there for cell in cells(part, aspect))]
        for part in dict.fromkeys(part for part, _ in of)
    ]
    means = [(share(mean.get(aspect, {}).get("votes")), "") for aspect in there]
    rows.append(["mean", *(cell for pair in means for cell in pair)])
    head = ["part", *(text for aspect in there for text in (aspect, "one listener"))]
    return Table(head, rows, f"{kind}: votes by aspect")


def _share(found: dict[str, Any] | None) -> Number:
    """Per cent, its interval, the number it is of and, of triplets, the p-value."""
    if found is None:
        return Number(None)
    p_value = ""
    if "p_value" in found:
        p_value = ", p < 0.001" if found["p_value"] < 0.001 else f", p {found['p_value']:.3f}"
    value = measured(found, percent=True, digits=1)
    return replace(value, small=(f"n {found['n']}{p_value}",))


def _below(value: Number) -> Number:
    """The same with its interval in small only, which terminals have no room for."""
    small = tuple(filter(None, (value.interval, *value.small)))
    return replace(value, low=None, high=None, small=small)
