"""The same part under other music: how near it is, in numbers and as the paper's picture."""

from __future__ import annotations

from typing import Any, NamedTuple

from markupsafe import Markup

from partwise.parts import PARTS, Part
from partwise_lab.measure.same_part import KINDS
from partwise_lab.report.html.charts import GLYPHS, dot_map, part_heat_map
from partwise_lab.report.html.fragment import Context, Fragment
from partwise_lab.report.html.tables import Number, Table, with_interval
from partwise_lab.report.markdown import NONE

_KINDS = {
    "same_part": "same part, other rest",
    "same_rest": "same rest, other part",
    "unrelated": "unrelated",
}


class Board(NamedTuple):
    """The maps of one part (subspace, drawing), and what their colours and shapes mean."""

    part: str
    maps: list[tuple[str, Markup]]
    colours: list[tuple[int, str]]
    shapes: list[tuple[str, str]]


def same_part(report: dict[str, Any], context: Context) -> Fragment | None:
    """The heat map, tables and maps of a report that has `same_part` entries."""
    entries = report.get("same_part")
    if not entries:
        return None
    body = context.render(
        "same_part.html",
        auc=_heat_map(report["auc"], context),
        own=Table(
            "Cosine similarity in the part's own subspace",
            ["part", *_KINDS.values()],
            [(e["part"], _similarities(e)) for e in entries if e["part"] == e["subspace"]],
        ),
        every=Table(
            "AUC and cosine similarity of every part in every subspace",
            ["part in subspace", "AUC", *_KINDS.values(), "pieces", "segments"],
            [(f"{e['part']} in {e['subspace']}", _numbers(e)) for e in entries],
        ),
        boards=[_board(part, found, context) for part, found in report["maps"].items()],
    )
    return Fragment("same-part", "The same part under other music", body)


def _heat_map(table: list[list[float | None]], context: Context) -> Markup:
    texts = [[NONE if cell is None else f"{cell:.2f}" for cell in row] for row in table]
    return part_heat_map(
        table,
        texts,
        f"{context.prefix}-auc",
        "AUC of each part, for each subspace that it was compared in.",
        axis_labels=("part", "compared in the subspace of"),
    )


def _similarities(entry: dict[str, Any]) -> list[Number]:
    return [with_interval(entry["similarity"][kind], "mean") for kind in KINDS]


def _numbers(entry: dict[str, Any]) -> list[Number]:
    counts = [Number(str(entry[key])) for key in ("pieces", "segments")]
    return [with_interval(entry, "auc"), *_similarities(entry), *counts]


def _board(part: str, found: dict[str, Any], context: Context) -> Board:
    """One part's maps: in its own subspace and in the next part's, whichever that is."""
    stems = list(found["part_pieces"])
    colours = [stems.index(str(label)) for label in found["part_label"]]
    accompaniments = [
        ", ".join(f"{other} of {piece}" for other, piece in sources.items())
        for sources in found["accompaniment_pieces"]
    ]
    moments = sorted(set(found["moment"]))
    titles = [
        f"{part} of {found['part_pieces'][stems[colour]]} with {accompaniments[which]}, "
        f"moment {moments.index(moment) + 1}"
        for colour, which, moment in zip(
            colours, found["accompaniment_label"], found["moment"], strict=True
        )
    ]
    own = Part(part)
    maps = []
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
            shape=found["accompaniment_label"],
        )
        maps.append((str(subspace), drawing))
    return Board(
        part,
        maps,
        [(number, found["part_pieces"][stem]) for number, stem in enumerate(stems)],
        [(GLYPHS[i % len(GLYPHS)], text) for i, text in enumerate(accompaniments)],
    )
