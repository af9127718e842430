"""What `partwise-lab evaluate` found, as tables: one function for each kind of result.

A new protocol adds its name and question to `PROTOCOL_WORDS` and, where its report has numbers of
its own, a function to `_FURTHER`, which terminal and page print, and one in `rows` for the CSV. See
`measure.protocols` for what a report holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from partwise.parts import PARTS
from partwise_lab.measure.same_part import KINDS
from partwise_lab.report.files import Report
from partwise_lab.report.listeners import listener_tables
from partwise_lab.report.table import (
    NONE,
    NOT_MEASURED,
    Cell,
    Number,
    Strong,
    Table,
    measured,
    share,
)

Block = str | Table  # a paragraph or a table
# protocol -> (its name, what it asks)
PROTOCOL_WORDS = {
    "pseudo-knn": (
        "Pseudo-mix kNN",
        "Stems of different pieces are put together; can the piece that one part comes from be "
        "found inside that part's subspace, whatever else sounds?",
    ),
    "leakage": (
        "Pseudo-mix kNN and leakage",
        "Stems of different pieces are put together; can the piece that one part comes from be "
        "found inside that part's subspace, and can it not be found inside the others?",
    ),
    "presence": (
        "Presence",
        "Does the network tell which parts are there, in mixes of random subsets of stems?",
    ),
    "few-pieces": (
        "Pseudo-mixes of few pieces",
        "Windows of recorded stems are put together at random; which of a handful of pieces does "
        "a part come from? With so few pieces nothing is said about other music.",
    ),
    "halves": (
        "Halves of songs",
        "Does half a song find its other half? This cannot tell whether a subspace hears its own "
        "part or the rest of the song.",
    ),
    "unmixed": (
        "Unmixed songs",
        "Which piece does a segment of a real mix come from? This does not measure "
        "disentanglement: all parts of a piece sound together, so any subspace can win from cues "
        "of the song.",
    ),
    "songs": (
        "Whole songs",
        "Does one half of a piece, mixed anew, find the other among whole songs, loops and "
        "medleys; and do medleys come up in everything?",
    ),
    "same-part": (
        "Same part, other accompaniment",
        "The same stem under other music, and other stems under the same music: is what shares the "
        "part near in the part's own subspace, and what shares the rest in the others?",
    ),
    "probes": (
        "What each subspace holds",
        "The instrument, key, tempo, loudness and brightness of each part: in which subspaces can "
        "a linear model read them, of pieces that it has not seen?",
    ),
    "abx": (
        "Agreement with listeners",
        "Listeners said which of two clips is more like a third, part by part; does the model "
        "find alike what they find alike?",
    ),
    "compare": (
        "Comparison",
        "Several ways to hear a part, on the same pseudo-mixes with the same drawn labels.",
    ),
}
KIND_NAMES = {
    "same_part": "same part, other rest",
    "same_rest": "same rest, other part",
    "unrelated": "unrelated",
}


def report_text(raw: dict[str, Any]) -> str:
    """What one report says, as lines of a terminal without a line end."""
    report = Report(raw)
    blocks = list(chain.from_iterable(make(report) for make in (*_DRAWN, *_FURTHER)))
    text = "\n\n".join(block.text() if isinstance(block, Table) else block for block in blocks)
    missing = [f"{part:8} {NOT_MEASURED}: {why}" for part, why in report.not_measured.items()]
    return "\n".join([text] * bool(text) + missing)


def parts_table(report: Report, presence: Report | None = None) -> Table:
    """Per part: 10 labels with its interval, strict, all labels of the pool, and presence.

    presence : the report to take the average precision from; None leaves the column out.
    """
    few, strict, every = (report.scores(name) for name in ("paper", "strict", "all"))
    labels = sorted({score["labels"] for score in few.values()})
    same = len(labels) == 1
    head = ["part", f"{labels[0]} labels" if same else "all pieces that have it"]
    head += ["95 % interval", "chance", "strict"]
    head += ["all labels"] * bool(every) + ["presence"] * (presence is not None)
    rows: list[list[Cell]] = []
    for part in PARTS:
        if score := few.get(part):
            row: list[Cell] = [
                str(part),
                share(score["accuracy"], of=None if same else score["labels"]),
                interval(score),
                share(score["chance"], 0),
                share(strict[part]["accuracy"] if part in strict else None),
            ]
        else:
            why = report.not_measured.get(part, "no stems")
            row = [str(part), f"{NOT_MEASURED} ({why})", NONE, NONE, NONE]
        if every:
            found = every.get(part, {})
            row.append(share(found.get("accuracy"), of=found.get("labels")))
        if presence is not None:
            row.append(precision(presence.average_precision.get(part)))
        rows.append(row)
    chance = report.chance("paper")
    last = [Strong("mean"), share(report.mean("paper"), best=True), "", share(chance, 0)]
    last += [share(report.mean("strict"))] + [share(report.mean("all"))] * bool(every)
    rows.append(last + [""] * (presence is not None))
    title = f"accuracy by part (95 % over pieces; chance {chance or 0:.0%})"
    return Table(head, rows, title)


def leakage_table(report: Report) -> Table:
    """The 5 x 5 matrix: labels of the row, read in the subspace of the column."""
    rows = [
        [
            str(row),
            *(share(cell, best=row is column) for column, cell in zip(PARTS, cells, strict=True)),
        ]
        for row, cells in zip(PARTS, report.leakage or (), strict=True)
    ]
    title = "labels of the row, read in the subspace of the column:"
    return Table(["labels of \\ read in", *PARTS], rows, title)


def presence_table(report: Report, thresholds: Sequence[float] | None = None) -> Table:
    """Average precision of presence per part, and the thresholds that ship."""
    intervals = report.raw.get("average_precision_interval", {})
    shares = report.raw.get("share_present", {})
    columns: dict[str, list[Cell]] = {
        "average precision": [precision(report.average_precision.get(part)) for part in PARTS]
    }
    if intervals:
        columns["95 % interval"] = [
            " to ".join(f"{edge:.3f}" for edge in intervals.get(part) or ()) or NONE
            for part in PARTS
        ]
    if shares:
        columns["there in"] = [share(shares.get(part), 0) for part in PARTS]
    if thresholds is not None:
        columns["threshold"] = [
            Number(thresholds[part.index], percent=False, digits=2) for part in PARTS
        ]
    return by_part(columns)


def by_part(columns: dict[str, list[Cell]], *more: str) -> Table:
    """The columns beside each other; more : names of rows behind the parts."""
    names = [*map(str, PARTS), *more]
    rows = [[name, *cells] for name, *cells in zip(names, *columns.values(), strict=True)]
    return Table(["part", *columns], rows)


def interval(score: dict[str, Any]) -> str:
    """`73.1 to 83.1 %`."""
    return f"{share(None, low=score['low'], high=score['high']).interval} %"


def precision(value: float | None) -> Number:
    """Of presence, on average."""
    return Number(value, percent=False, digits=3)


def own_table(report: Report) -> Table:
    """Of same-part: how alike segments are in the part's own subspace."""
    return Table(
        ["part", *KIND_NAMES.values()],
        [[e["part"], *similarities(e)] for e in _own(report)],
        "mean cosine of different moments in the part's own subspace (95 % over pieces):",
    )


def similarities(entry: dict[str, Any]) -> list[Number]:
    """Of one part in one subspace, mean cosines in the order of `KIND_NAMES`."""
    return [measured(entry["similarity"][kind], "mean") for kind in KINDS]


def _own(report: Report) -> list[dict[str, Any]]:
    return [e for e in report.raw["same_part"] if e["part"] == e["subspace"]]


# --- the blocks of a report, in their order; nothing where the report has no such numbers


def _scores(report: Report) -> Iterator[Block]:
    if report.scores("paper"):
        yield parts_table(report)
    for reading, what, note in (
        ("nearest", "finds its other half", ""),
        (
            "unmixed",
            "segment of its piece",
            "(no measure of disentanglement: any subspace can win from cues of the song)",
        ),
    ):
        if found := report.scores(reading):
            rows: list[list[Cell]] = [
                [
                    part,
                    share(score["accuracy"]),
                    interval(score),
                    share(score["chance"]),
                    str(score["labels"]),
                ]
                for part, score in found.items()
            ]
            rows.append(["mean", share(report.mean(reading)), "", "", ""])
            yield Table(["part", what, "95 % over pieces", "chance", "pieces"], rows, note=note)


def _leakage(report: Report) -> Iterator[Block]:
    if report.leakage:
        yield leakage_table(report)


def _presence(report: Report) -> Iterator[Block]:
    if report.average_precision:
        yield presence_table(report)
    for part, value in report.average_precision.items():
        if value is None:
            yield f"{part:8} average precision cannot be told: its presence never varies"


def _same_part(report: Report) -> Iterator[Block]:
    if not (entries := report.raw.get("same_part")):
        return
    inside = [entry["auc"] for entry in _own(report)]
    others = [entry["auc"] for entry in entries if entry["part"] != entry["subspace"]]
    yield Table(
        ["", *PARTS],
        [
            [str(part), *(Number(cell, percent=False, digits=2) for cell in cells)]
            for part, cells in zip(PARTS, report.raw["auc"], strict=True)
        ],
        "AUC of the part of the row in the subspace of the column (target: 1 in its own, else 0):",
        f"mean in its own {sum(inside) / len(inside):.2f}, "
        f"in others {sum(others) / len(others):.2f}",
    )
    yield own_table(report)


def _probes(report: Report) -> Iterator[Block]:
    """The words, then each fact in the part's own subspace and in the best of the others."""
    if not (entries := report.raw.get("probes")):
        return
    yield "\n".join(report.raw["words"])
    of = {(entry["part"], entry["fact"], entry["subspace"]): entry for entry in entries}
    facts = [fact for fact in report.raw["facts"] if any(fact == known for _, known, _ in of)]

    def cell(part: str, fact: str) -> str:
        if (part, fact, part) not in of:
            return NONE
        others = [of[part, fact, str(other)] for other in PARTS if str(other) != part]
        best = max(others, key=lambda entry: entry["score"])
        return f"{_probed(of[part, fact, part])} | {_probed(best)}"

    yield Table(
        ["", *facts],
        [[part, *(cell(part, f) for f in facts)] for part in dict.fromkeys(p for p, _, _ in of)],
        "read in the part's own subspace | in the best of the others (per cent right, or R2):",
    )


def _probed(entry: dict[str, Any]) -> str:
    return f"{entry['score']:.2f}" if entry["measure"] == "R2" else f"{entry['score']:.0%}"


def _songs(report: Report) -> Iterator[Block]:
    """How often the worst track is in the first ten, and the right piece; before and after."""
    titles = {
        "directions": "mean directions alone:",
        "product": "less what is typical, as it ships:",
    }
    for reading, title in titles.items():
        entries = [e for e in report.raw.get("songs", ()) if e["reading"] == reading]
        rows: list[list[Cell]] = [
            [
                e["part"],
                Number(e["skewness"], percent=False, digits=2),
                f"{e['worst']:.0%} ({e['worst_kind']})",
                share(e["medleys"], 0),
                share(e["chance"], 0),
                share(e["first"]),
                Number(e["mrr"], percent=False, digits=3),
                str(e["queries"]),
            ]
            for e in entries
        ]
        head = ["part", "skewness", "worst track in", "a medley in", "chance"]
        head += ["right first", "MRR", "queries"]
        if rows:
            yield Table(head, rows, title)


def _listeners(report: Report) -> Iterator[Block]:
    if "agreement" in report.raw:
        yield from listener_tables(report.raw)


def _single_windows(report: Report) -> Iterator[Block]:
    """What to know about the strict column where loops are too short for two windows."""
    single = [
        f"{part} of {name}"
        for part, windows in report.raw.get("windows", {}).items()
        for name, count in windows.items()
        if count == 1
    ]
    if single:
        yield f"never right in strict, having one window only: {', '.join(single)}"


_DRAWN = (_scores, _leakage, _presence, _same_part, _probes, _listeners)  # a page has pictures
_FURTHER: tuple[Callable[[Report], Iterator[Block]], ...] = (_songs, _single_windows)


def only_tables(raw: dict[str, Any]) -> list[Block]:
    """What a page shows as sentences and tables, for want of a picture."""
    report = Report(raw)
    return [block for make in _FURTHER for block in make(report)]
