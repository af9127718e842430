"""The sections of what protocols measure: scores, leakage, presence, maps, errors to listen to."""

from __future__ import annotations

from typing import Any, NamedTuple

from markupsafe import Markup

from partwise.library.reports import duration_text
from partwise.parts import PARTS
from partwise_lab.measure.knn import MEANS
from partwise_lab.report.html.charts import (
    GLYPHS,
    Bar,
    bar_chart,
    dot_map,
    heat_map,
    part_heat_map,
    shares_of_rows,
)
from partwise_lab.report.html.context import (
    Beside,
    Block,
    Context,
    Figure,
    Folded,
    Fragment,
    can_make_clips,
    clip_address,
    legend,
)
from partwise_lab.report.tables import PROTOCOL_WORDS

# reading -> (heading, what it means)
_READINGS = {
    "paper": (
        "As in the paper",
        "Segments of the same pseudo-mix may not vote; the same passage in another mix may.",
    ),
    "strict": (
        "Strict",
        "The same passage of the same stem may not vote either: only how it is played can tell.",
    ),
    "all": ("Among all labels", "As in the paper, but among all pieces that were drawn."),
    "nearest": ("Half a song by its other half", "The nearest segment of the other halves."),
    "unmixed": (
        "Segments of real mixes",
        "Only the segment itself may not vote. Any subspace can win from cues of the song.",
    ),
}
_LETTERS = "ABCDEFGHIJKL"
_ROLES = {
    "query": "Asked with",
    "right": "Nearest of the right piece",
    "wrong": "Nearest of the piece it was taken for",
}


def protocol_words(report: dict[str, Any]) -> tuple[str, str]:
    """The protocol's title, and what it asks."""
    return PROTOCOL_WORDS.get(report["protocol"], (report["protocol"], ""))


def header(report: dict[str, Any], context: Context) -> Fragment:
    """What was measured, with what, on what, and by which command."""
    blocks: list[Block] = []
    if question := protocol_words(report)[1]:
        blocks.append(Markup('<p class="lead">{}</p>').format(question))
    missing = {p: f"not measured: {why}" for p, why in report.get("not_measured", {}).items()}
    blocks.append({name: text for name, text in _facts(report).items() if text} | missing)
    if command := report.get("command", ""):
        made_by = '<p class="label">Made by</p>\n<pre tabindex="0"><code>{}</code></pre>'
        blocks.append(Markup(made_by).format(command))
    if skipped := report.get("skipped", []):
        line = Markup("<b>{}</b>: {}")
        lines: list[str | Markup] = [line.format(i["name"], i["reason"]) for i in skipped]
        blocks.append(Folded(f"{len(skipped)} left out or silent", lines))
    return context.fragment("about", "What was measured", blocks)


def _facts(report: dict[str, Any]) -> dict[str, str]:
    about = [report.get("model_recipe", "")]
    trained = report.get("model_data_digest", "")
    about += [f"trained on the data {trained}"] if trained else []
    notes = f" ({', '.join(filter(None, about))})" if any(about) else ""
    data = ", ".join(report.get("data", ()))
    stems = report.get("stems", {})
    options = {k: v for k, v in report.get("options", {}).items() if v is not None}
    return {
        "Model": f"{report['model']}{notes}" if report.get("model") else "",
        "Heard": "clean stems instead of mixes (the upper bound)" if report.get("oracle") else "",
        "Data": f"{data}, {report['pieces']} pieces" if "pieces" in report else data,
        "Data digest": report.get("data_digest", ""),
        "Pieces with": ", ".join(f"{p} {stems[p]}" for p in map(str, PARTS) if p in stems),
        "Settings": ", ".join(f"{name} {_said(value)}" for name, value in options.items()),
        "Seed": str(report["seed"]) if "seed" in report else "",
        "Took": duration_text(report["seconds"]) if "seconds" in report else "",
        "partwise": report.get("partwise", ""),
    }


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def scores(report: dict[str, Any], context: Context) -> Fragment | None:
    """Accuracy per part with its interval and chance, one figure for each reading."""
    found = report.get("scores", ())
    if not found:
        return None
    figures = []
    for reading in dict.fromkeys(score["reading"] for score in found):
        mine = [score for score in found if score["reading"] == reading]
        heading, meaning = _READINGS.get(reading, (reading, ""))
        labels = sorted({score["labels"] for score in mine})
        among = str(labels[0]) if len(labels) == 1 else f"{labels[0]} to {labels[-1]}"
        bars = [Bar(s["part"], s["accuracy"], s["low"], s["high"], s["chance"]) for s in mine]
        mean = report.get(MEANS.get(reading, ""))
        if mean is not None:
            chance = sum(score["chance"] for score in mine) / len(mine)
            bars.append(Bar("mean", mean, chance=chance))
        drawing = bar_chart(bars, f"{context.prefix}-{reading}", f"{heading}, among {among} labels")
        figures.append(Figure(drawing, f"Among {among} labels. {meaning}", heading))
    note = (
        "Per cent of segments that were told right. In brackets and as lines: 95 % intervals, a "
        "bootstrap over pieces. Dashed: what guessing gets."
    )
    return context.fragment("scores", "How often the right piece is found", [note, Beside(figures)])


def leakage(report: dict[str, Any], context: Context) -> Fragment | None:
    """The labels of one part, read in the subspace of another, 5 x 5."""
    table = report.get("leakage")
    if not table:
        return None
    drawing = part_heat_map(
        table,
        f"{context.prefix}-leakage",
        "Accuracy in per cent, for labels of each part the subspace it was read in.",
        axis_labels=("labels of", "read in the subspace of"),
    )
    chances = {score["chance"] for score in report.get("scores", ()) if score["reading"] == "paper"}
    chance = f", which is {100 * min(chances):.1f} %" if len(chances) == 1 else ""
    note = (
        "Per cent of segments told right when the labels of the row are read in the subspace of "
        f"the column. Off the diagonal the target is chance{chance}: more is what leaks."
    )
    title = "What each subspace hears of the other parts"
    return context.fragment("leakage", title, [note, Beside([Figure(drawing)])])


def presence(report: dict[str, Any], context: Context) -> Fragment | None:
    """Average precision per part, beside what guessing gets."""
    values = report.get("average_precision")
    if not values:
        return None
    shares = report.get("share_present", {})
    intervals = report.get("average_precision_interval", {})
    bars = []
    for part, value in values.items():
        low, high = intervals.get(part) or (None, None)
        if value is not None:
            bars.append(Bar(part, value, low, high, shares.get(part)))
    untold = [part for part, value in values.items() if value is None]
    note = (
        "Average precision in per cent: how well presence ranks the segments in which the part "
        "sounds before those in which it does not. Dashed: how often the part is there, which is "
        "what guessing gets."
    )
    if untold:
        note += f" It cannot be told for {', '.join(untold)}, whose presence never varies."
    blocks: list[Block] = [note]
    if bars:
        drawing = bar_chart(bars, f"{context.prefix}-presence", "Average precision of presence")
        blocks.append(Beside([Figure(drawing)]))
    return context.fragment("presence", "Which parts are there", blocks)


def maps(report: dict[str, Any], context: Context) -> Fragment | None:
    """The test segments of a few labels in two dimensions, one map for each subspace."""
    details = report.get("details")
    if not details:
        return None
    figures = []
    for part, behind in details["parts"].items():
        labels = behind["labels"]
        drawing = dot_map(
            behind["x"],
            behind["y"],
            behind["label"],
            _dot_titles(behind, part),
            f"{context.prefix}-map-{part}",
            f"{behind['method']} map of {len(behind['x'])} segments of {len(labels)} pieces in "
            f"the {part} subspace",
        )
        names = legend((i, GLYPHS[i % len(GLYPHS)], name) for i, name in enumerate(labels))
        caption = Markup("{}, {} pieces\n{}").format(behind["method"], len(labels), names)
        figures.append(Figure(drawing, caption, part))
    note = (
        "Each dot is a test segment; near dots sound alike to the network in that part. Colour and "
        "shape tell the piece that the part comes from: where it is found again, its dots lie "
        "together. Point at a dot to see what it is."
    )
    return context.fragment("maps", "Maps of the subspaces", [note, Beside(figures)])


def _dot_titles(behind: dict[str, Any], part: str) -> list[str]:
    """The tooltip of each dot: whose part it is, in which mix, and from when on."""
    titles = []
    for label, mix, start_s in zip(behind["label"], behind["mix"], behind["start_s"], strict=True):
        piece = behind["labels"][label]
        others = [
            f"{other} of {name}"
            for other, name in behind["mixes"][mix].items()
            if other != part and name != piece
        ]
        rest = f" with {', '.join(others)}" if others else ""
        titles.append(f"{part} of {piece}, mix {mix + 1}, from {start_s:g} s{rest}")
    return titles


class Example(NamedTuple):
    """One segment to listen to; `address` is empty where there is no sound."""

    role: str
    piece: str
    distance: str
    about: str
    address: str


def confusions(report: dict[str, Any], context: Context) -> Fragment | None:
    """Which piece was taken for which, and segments to listen to whose neighbours erred."""
    details = report.get("details")
    if not details:
        return None
    parts = details["parts"].items()
    examples = [
        (
            part,
            [
                [_heard(role, example[role], part, behind, details, context) for role in _ROLES]
                for example in behind["examples"]
            ],
        )
        for part, behind in parts
    ]
    votes = "only the segment itself" if details["whole"] else "segments of the same mix"
    note = (
        f"One drawn set of pieces; {votes} may not vote. In the tables: how many segments of the "
        "piece of the row were taken for the piece of the column. Below them segments whose "
        "neighbours voted wrong, the surest first."
    )
    matrices = [Figure(_matrix(part, behind, context), heading=part) for part, behind in parts]
    sounds = context.render("examples.html", parts=examples)
    blocks: list[Block] = [note, Beside(matrices), sounds]
    return context.fragment("confusions", "What is taken for what", blocks)


def _matrix(part: str, behind: dict[str, Any], context: Context) -> Markup:
    labels, counts = behind["labels"], behind["confusion"]
    letters = list(_LETTERS[: len(labels)])
    errors = [
        f"{labels[i]} for {labels[j]} {count} times"
        for i, row in enumerate(counts)
        for j, count in enumerate(row)
        if count and i != j
    ]
    return heat_map(
        shares_of_rows(counts),
        [f"{letter} {name}" for letter, name in zip(letters, labels, strict=True)],
        letters,
        f"{context.prefix}-confusion-{part}",
        f"Confusion of {len(labels)} pieces by their {part}. Taken: {'; '.join(errors) or 'none'}",
        texts=[[str(count) if count else "" for count in row] for row in counts],
        axis_labels=("", "taken for"),
    )


def _heard(
    role: str,
    pick: dict[str, Any] | None,
    part: str,
    behind: dict[str, Any],
    details: dict[str, Any],
    context: Context,
) -> Example:
    if pick is None:
        return Example(_ROLES[role], "", "", "no segment of it may vote", "")
    sources, start_s = behind["mixes"][pick["mix"]], pick["start_s"]
    others = [f"{other} of {name}" for other, name in sources.items() if other != part]
    about = f"{start_s:g} to {start_s + details['segment_s']:g} s"
    if not details["whole"]:
        about += f", with {', '.join(others) or 'nothing else'}"
    address = ""
    if context.reader is not None and can_make_clips():
        address = clip_address(
            context.reader, sources, start_s, details["segment_s"], whole=details["whole"]
        )
    distance = "" if role == "query" else f"distance {pick['distance']:.3f}"
    return Example(_ROLES[role], behind["labels"][pick["label"]], distance, about, address)
