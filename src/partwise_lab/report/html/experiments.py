"""The sections of the three experiments: comparison, what subspaces hold, listeners."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from partwise.parts import PARTS, Part
from partwise_lab.measure.abx.scoring import MEASURES
from partwise_lab.measure.compare import row_names
from partwise_lab.measure.intervals import FEW_PIECES
from partwise_lab.report.comparison import accuracies, columns_of, costs
from partwise_lab.report.files import Report
from partwise_lab.report.html.charts import (
    GLYPHS,
    LABEL_COLOURS,
    Bar,
    bar_chart,
    dot_chart,
    dot_map,
    part_heat_map,
)
from partwise_lab.report.html.context import (
    Beside,
    Block,
    Context,
    Figure,
    Folded,
    Fragment,
    legend,
)
from partwise_lab.report.listeners import QUESTIONS, kind_tables
from partwise_lab.report.table import Cell, Number, Table, measured
from partwise_lab.report.tables import KIND_NAMES, own_table, similarities

_HEARD = {
    "mix": "the mix",
    "stem": "the stem alone, as listeners did",
    "cut": "the clips as they were given",
}


def comparison(report: dict[str, Any], context: Context) -> Fragment | None:
    """Several ways to hear a part on the same test: tables, and dots with intervals."""
    if report["protocol"] != "compare" or not report.get("rows"):
        return None
    figures = []
    for name, found in columns_of(report).items():
        keys = ("accuracy", "low", "high", "chance")
        bars = [Bar(who, *(score[key] for key in keys)) for who, score in found.items()]
        key, about = f"{context.prefix}-compare-{name}", f"Accuracy for {name}"
        figures.append(Figure(dot_chart(bars, key, about), heading=name))
    note = Markup(
        "<p>Per cent of segments told right, with 95 % intervals. <b>Bold</b>: the best of a "
        'column. <span class="more">▲</span> and <span class="less">▼</span>: better or worse than '
        "<b>{}</b>, the 95 % interval of the difference leaving out 0.</p>"
    ).format(report["first"])
    blocks: list[Block] = [note, accuracies(report), Beside(figures), costs(report)]
    line = Markup("<b>{}</b>: {}")
    named = zip(row_names(report["rows"]), report["rows"], strict=True)
    notes: list[str | Markup] = [line.format(who, r["note"]) for who, r in named if r.get("note")]
    return context.fragment("comparison", "Side by side", [*blocks, *([notes] if notes else [])])


def same_part(report: dict[str, Any], context: Context) -> Fragment | None:
    """The same part under other music: how near it is, in numbers and as the paper's picture."""
    entries = report.get("same_part")
    if not entries:
        return None
    drawing = part_heat_map(
        report["auc"],
        f"{context.prefix}-auc",
        "AUC of each part, for each subspace that it was compared in.",
        axis_labels=("part", "compared in the subspace of"),
        percent=False,
        digits=2,
    )
    caption = (
        "How often a segment is nearer to one that shares only the part of the row than to one "
        "that shares everything else (AUC), in the subspace of the column. Target: 1 on the "
        "diagonal, 0 off it; 0.5 is neither."
    )
    rows: list[list[Cell]] = [
        [
            f"{e['part']} in {e['subspace']}",
            measured(e, "auc"),
            *similarities(e),
            *(Number(e[key], percent=False, digits=0) for key in ("pieces", "segments")),
        ]
        for e in entries
    ]
    head = ["part in subspace", "AUC", *KIND_NAMES.values(), "pieces", "segments"]
    every = Table(head, rows, "AUC and cosine similarity of every part in every subspace")
    blocks: list[Block] = [
        Beside(
            [Figure(drawing, caption, "Nearer by part than by rest"), own_table(Report(report))]
        ),
        Folded("Every part in every subspace", every),
        Markup("<h3>The same segments in two subspaces</h3>"),
        "Each stem of a part is heard under several accompaniments. Colour tells the stem, shape "
        "the accompaniment. In the part's own subspace colours should lie together; in another, "
        "shapes should, and colours mix. The other one shown is the next part's, not the best. "
        "Each map has the two main axes of its own subspace, so that near dots are alike. Point "
        "at a dot to see what it is.",
    ]
    for part, found in report["maps"].items():
        blocks += [Markup("<h3>{}</h3>").format(part), _board(part, found, context)]
    return context.fragment("same-part", "The same part under other music", blocks)


def _board(part: str, found: dict[str, Any], context: Context) -> Beside:
    """One part's maps: in its own subspace and in the next part's, whichever that is."""
    stems = list(found["part_pieces"])
    colours = [stems.index(str(label)) for label in found["part_label"]]
    shapes = found["accompaniment_label"]
    accompaniments = [
        ", ".join(f"{other} of {piece}" for other, piece in sources.items())
        for sources in found["accompaniment_pieces"]
    ]
    moments = sorted(set(found["moment"]))
    titles = [
        f"{part} of {found['part_pieces'][stems[colour]]} with {accompaniments[which]}, "
        f"moment {moments.index(moment) + 1}"
        for colour, which, moment in zip(colours, shapes, found["moment"], strict=True)
    ]
    own = Part(part)
    figures = []
    for subspace in (own, PARTS[(own.index + 1) % len(PARTS)]):
        x, y = zip(*found["points"][str(subspace)], strict=True)
        drawing = dot_map(
            x,
            y,
            colours,
            titles,
            f"{context.prefix}-board-{part}-{subspace}",
            f"{len(x)} segments of {len(stems)} {part} stems, each under {len(accompaniments)} "
            f"accompaniments, in the {subspace} subspace",
            shape=shapes,
        )
        caption = f"In the subspace of {subspace}: colours should mix"
        if subspace is own:
            caption = "In its own subspace: colours should lie together"
        figures.append(Figure(drawing, caption))
    names = [(i % LABEL_COLOURS, "█", found["part_pieces"][stem]) for i, stem in enumerate(stems)]
    glyphs = [(None, GLYPHS[i % len(GLYPHS)], text) for i, text in enumerate(accompaniments)]
    key = Markup("<details>\n<summary>Accompaniments</summary>\n{}\n</details>")
    caption = key.format(legend(glyphs, wide=True))
    return Beside([*figures, Figure(legend(names), caption, f"{part} of")])


def probes(report: dict[str, Any], context: Context) -> Fragment | None:
    """What each subspace holds: the conclusion in words, then how well each fact is read where."""
    entries = report.get("probes")
    if not entries:
        return None
    blocks: list[Block] = [
        report["words"],
        "Each fact of a part is read by a linear model from one subspace, and tried on pieces that "
        f"it has not seen; {report['segments']} segments. First the part's own subspace: bars with "
        "95 % intervals over pieces; dashed, what guessing gets; grey, where the same probe gets "
        "when the truths are dealt out anew. Then every part's fact (rows) read in every subspace "
        "(columns). Balanced accuracy is in per cent; an R2 of 1 is perfect, of 0 no better than "
        "always saying the mean, and it may be below.",
    ]
    for name, fact in report["facts"].items():
        if of := [entry for entry in entries if entry["fact"] == name]:
            title = Markup('<h3>{}</h3>\n<p class="small">{}; {}</p>')
            blocks.append(title.format(name, fact["measure"], fact["about"]))
            blocks.append(_fact(name, fact["measure"], of, report["tables"][name], context))
    head = ["part, fact, subspace", "score", "chance", "pieces", "segments", "pieces of classes"]
    title = "Every fact of every part in every subspace"
    every = Table(head, [_numbers(entry) for entry in entries], title)
    blocks.append(Folded("All numbers", every))
    return context.fragment("probes", "What 'similar' answers to", blocks)


def _fact(
    name: str,
    measure: str,
    entries: list[dict[str, Any]],
    table: list[list[float | None]],
    context: Context,
) -> Beside:
    percent = measure != "R2"
    keys = ("score", "low", "high", "chance", "chance_low", "chance_high")
    bars = [
        Bar(e["part"], *(e[key] for key in keys), percent=percent)
        for e in entries
        if e["part"] == e["subspace"]
    ]
    about = f"{measure} of {name}, read in the part's own subspace"
    own = bar_chart(bars, f"{context.prefix}-probe-{name}", about)
    everywhere = part_heat_map(
        table,
        f"{context.prefix}-probes-{name}",
        f"{measure} of {name} of each part, for each subspace that it was read in.",
        axis_labels=(f"{name} of", "read in the subspace of"),
        percent=percent,
        digits=0 if percent else 2,
    )
    return Beside(
        [Figure(own, "In the part's own subspace"), Figure(everywhere, "In every subspace")]
    )


def _numbers(entry: dict[str, Any]) -> list[Cell]:
    looks: dict[str, Any] = {"percent": True, "digits": 1}
    if entry["measure"] == "R2":
        looks = {"percent": False, "digits": 2}
    chance = (entry[key] for key in ("chance", "chance_low", "chance_high"))
    return [
        f"{entry['part']}, {entry['fact']}, in {entry['subspace']}",
        measured(entry, "score", **looks),
        Number(*chance, **looks),
        *(Number(entry[key], percent=False, digits=0) for key in ("pieces", "segments")),
        ", ".join(f"{name} {pieces}" for name, pieces in (entry["classes"] or {}).items()),
    ]


def listeners(report: dict[str, Any], context: Context) -> Fragment | None:
    """Agreement with listeners: how often, by which aspect, and how far listeners agree."""
    entries = report.get("agreement")
    if entries is None:
        return None
    blocks: list[Block] = []
    triplets = report["triplets"]
    if triplets["trained_on"] or triplets["trained_songs"]:
        warning = (
            '<p class="warning" role="note"><b>Not held out.</b> The model was tuned on answers to '
            "{} of these triplets, and {} have a song that it was tuned on. These numbers do not "
            "say how it does on other songs: score its test songs.</p>"
        )
        blocks.append(Markup(warning).format(triplets["trained_on"], triplets["trained_songs"]))
    blocks.append(_counts(report))
    reasons: list[str | Markup] = [
        f"{count}: {why}"
        for of in (report["answers"]["malformed"], report["missing"]["reasons"])
        for why, count in sorted(of.items(), key=lambda item: -item[1])
    ]
    if reasons:
        blocks.append(Folded("Why rows and clips are left out", reasons))
    intervals = " or ".join(sorted({e[m]["interval"] for e in entries for m in MEASURES if e[m]}))
    blocks.append(
        Markup(
            "<p>All in per cent; guessing gets 50. Votes: single answers that the model agrees "
            "with, and those that listeners were sure of. Majority: triplets in which it agrees "
            "with most listeners. Consensus: the same where 75 % or more of three or more "
            "listeners agree. Beside it people themselves: how often <b>one listener</b> agrees "
            "with most of the others, and as <b>ceiling</b> how often whoever always said what "
            "most listeners said would be right, which can be known only afterwards.{}</p>"
        ).format(
            f" Below the numbers: 95 % intervals ({intervals}; exact where there are fewer than "
            f"{FEW_PIECES} songs), of how many (n), and how likely guessing is at least as far off "
            "(p)."
            if intervals
            else ""
        )
    )
    for kind in QUESTIONS:
        if tables := list(kind_tables(kind, report)):
            caption = (
                "Votes that the model agrees with, in per cent. ◆: one listener with most of the "
                "others. Dashed: guessing."
            )
            figure = Figure(_votes(kind, report, context), caption)
            blocks += [tables[0], Beside([figure, *tables[1:]])]
    return context.fragment("listeners", "How far it agrees with listeners", blocks)


def _votes(kind: str, report: dict[str, Any], context: Context) -> Markup:
    bars = []
    for entry in report["agreement"]:
        if (entry["kind"], entry["aspect"]) == (kind, "overall"):
            votes, ceiling = entry["votes"], entry["human"]["one_vs_rest"]
            edges = votes["low"], votes["high"], entry["chance"]
            bars.append(Bar(entry["part"], votes["value"], *edges, ceiling=ceiling))
    about = f"{kind}: votes that the model agrees with; ceiling: one listener with the others"
    return bar_chart(bars, f"{context.prefix}-{kind}", about)


def _counts(report: dict[str, Any]) -> dict[str, str]:
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
