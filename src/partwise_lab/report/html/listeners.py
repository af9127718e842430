"""Agreement with listeners: how often, by which aspect, and how far listeners agree themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

from markupsafe import Markup

from partwise_lab.measure.abx.answers import ASPECTS
from partwise_lab.measure.abx.scoring import MEASURES
from partwise_lab.measure.intervals import FEW_PIECES
from partwise_lab.report.html.charts import Bar, bar_chart
from partwise_lab.report.html.fragment import Context, Fragment
from partwise_lab.report.html.tables import Number, Table, plain_percent, with_interval

_KINDS = {
    "XAB": "Which of two other songs is more alike?",
    "XYC": "Is another moment of the same song more alike than another song?",
}
_HUMAN = {
    "one_vs_rest": "one listener",
    "perfect_majority": "ceiling",
    "perfect_sure": "ceiling, sure",
    "chose_same_song": "chose the same song",
}
_HEARD = {
    "mix": "the mix",
    "stem": "the stem alone, as listeners did",
    "cut": "the clips as they were given",
}


class Asked(NamedTuple):
    """What is shown of one kind of question."""

    kind: str
    question: str
    overall: Table
    aspects: Table | None
    drawing: Markup


def listeners(report: dict[str, Any], context: Context) -> Fragment | None:
    """The tables and charts of a report that has `agreement` entries."""
    entries = report.get("agreement")
    if entries is None:
        return None
    kinds = {entry["kind"] for entry in entries}
    intervals = {e[m]["interval"] for e in entries for m in MEASURES if e[m]}
    body = context.render(
        "listeners.html",
        trained_on=report["triplets"]["trained_on"],
        trained_songs=report["triplets"]["trained_songs"],
        facts=_facts(report),
        reasons=[
            (count, why)
            for of in (report["answers"]["malformed"], report["missing"]["reasons"])
            for why, count in sorted(of.items(), key=lambda item: -item[1])
        ],
        intervals=" or ".join(sorted(intervals)),
        few_songs=FEW_PIECES,
        kinds=[_asked(kind, report, context) for kind in _KINDS if kind in kinds],
    )
    return Fragment("listeners", "How far it agrees with listeners", body)


def _facts(report: dict[str, Any]) -> dict[str, str]:
    answers, triplets, missing = report["answers"], report["triplets"], report["missing"]
    dummies = answers["dummies"]
    asked = ", ".join(f"{count} {kind}" for kind, count in triplets["asked"].items())
    only = ", all of songs kept for the test" if report["only_test_songs"] else ""
    malformed = sum(answers["malformed"].values())
    return {
        "Answers": f"{answers['rows']} of {answers['listeners']} listeners",
        "Answers to dummies": f"{dummies['asked']} left out ({dummies['passed']} right)",
        "Malformed rows": f"{malformed} left out",
        "Triplets asked": asked + (", pooled over experiments" if report["pooled"] else ""),
        "Triplets heard": f"{triplets['heard']} of {triplets['songs']} reference songs{only}",
        "Missing": f"{missing['triplets']} triplets, for want of {missing['clips']} clips",
        "Undecided": f"{report['undecided']} triplets in which both clips are equally near",
        "Tuned on": (
            f"{triplets['trained_on']} of the triplets heard; {triplets['trained_songs']} have a "
            "song that the model was tuned on"
        ),
        "The model hears": _HEARD[report["hears"]],
    }


def _asked(kind: str, report: dict[str, Any], context: Context) -> Asked:
    entries = [entry for entry in report["agreement"] if entry["kind"] == kind]
    overall = [entry for entry in entries if entry["aspect"] == "overall"]
    bars = []
    for entry in overall:
        votes, ceiling = entry["votes"], entry["human"]["one_vs_rest"]
        edges = votes["low"], votes["high"], entry["chance"]
        bars.append(Bar(entry["part"], votes["value"], *edges, ceiling=ceiling))
    drawing = bar_chart(
        bars,
        f"{context.prefix}-{kind}",
        f"{kind}: votes that the model agrees with; ceiling: one listener with the others",
    )
    mean = report["mean"].get(kind, {})
    return Asked(
        kind,
        _KINDS[kind],
        _overall(kind, overall, mean.get("overall", {})),
        _aspects(kind, entries, mean),
        drawing,
    )


def _overall(kind: str, entries: list[dict[str, Any]], mean: dict[str, float]) -> Table:
    human = {key: name for key, name in _HUMAN.items() if key in entries[0]["human"]}
    rows = [
        (
            entry["part"],
            [
                *(_share(entry[measure]) for measure in MEASURES),
                *(plain_percent(entry["human"][key]) for key in human),
                Number(str(entry["triplets"]), [f"{entry['songs']} songs"]),
            ],
        )
        for entry in entries
    ]
    if mean:
        means = [plain_percent(mean.get(measure)) for measure in MEASURES]
        rows.append(("mean", [*means, *[Number("")] * (len(human) + 1)]))
    head = [
        "part",
        *(measure.replace("_", " ") for measure in MEASURES),
        *human.values(),
        "triplets",
    ]
    return Table(f"{kind}: agreement with listeners, in per cent", head, rows)


def _aspects(
    kind: str, entries: list[dict[str, Any]], mean: dict[str, dict[str, float]]
) -> Table | None:
    """Agreeing votes by what listeners judged, beside how far one listener agrees with the rest."""
    there = [a for a in ASPECTS if a != "overall" and any(e["aspect"] == a for e in entries)]
    if not there:
        return None
    rows = []
    for part in dict.fromkeys(entry["part"] for entry in entries):
        of = {entry["aspect"]: entry for entry in entries if entry["part"] == part}
        cells: list[Number] = []
        for aspect in there:
            found = of.get(aspect)
            cells += [_share(found["votes"] if found else None)]
            cells += [plain_percent(found["human"]["one_vs_rest"] if found else None)]
        rows.append((part, cells))
    means = [(plain_percent(mean.get(a, {}).get("votes")), Number("")) for a in there]
    rows.append(("mean", [cell for pair in means for cell in pair]))
    head = ["part", *(text for aspect in there for text in (aspect, "one listener"))]
    return Table(f"{kind}: votes by aspect, in per cent", head, rows)


def _share(share: dict[str, Any] | None) -> Number:
    """Per cent above the interval, the number it is of and, of triplets, the p-value."""
    if share is None:
        return with_interval(None)
    number = with_interval(share, percent=True)
    p_value = f", p {_p_value(share['p_value'])}" if "p_value" in share else ""
    return replace(number, small=[*number.small, f"n {share['n']}{p_value}"])


def _p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
