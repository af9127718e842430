"""The figures that sections share (bars, a heat map, a map of dots, dots on lines) as inline SVG.

A drawing follows the page: its fonts, and its light or dark colours. Colours are drawn as stand-ins
(INK, FAINT, HEAT and `label_colour`) that become CSS variables, and ids get a prefix, so that many
figures fit on one page. Sizes are in points, and a figure about 330 wide is still readable on a
phone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from partwise.parts import PARTS
from partwise_lab.report.table import Number

INK, FAINT, HEAT, ACCENT = "#010101", "#010102", "#010103", "#010104"
_VARIABLES = {INK: "ink", FAINT: "faint", HEAT: "heat", ACCENT: "accent"}
LABEL_COLOURS = 12
_POINTS_PER_INCH = 72

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text: it takes the page's font and can be selected
    "svg.hashsalt": "partwise",  # the same figure has the same ids
    "text.parse_math": False,  # names may hold dollars
    "font.size": 12,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_LONGEST = 20  # letters of a name in a figure
# A shape for each label, so that colour is not the only sign, and the same as text for legends.
MARKERS = tuple("os^DvPXp*h<>")
GLYPHS = tuple("●■▲◆▼✚✖⬟★⬢◀▶")


def label_colour(label: int) -> str:
    """The stand-in for the colour of a label, of which there are 12."""
    return f"#0102{label % LABEL_COLOURS:02x}"


def style() -> Any:
    """The context in which figures are made."""
    return matplotlib.rc_context(_STYLE)


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure of so many points, and its one axes."""
    figure = Figure(
        figsize=(width / _POINTS_PER_INCH, height / _POINTS_PER_INCH), layout="constrained"
    )
    figure.patch.set_visible(False)
    axes = figure.add_subplot()
    axes.patch.set_visible(False)
    return figure, axes


def inline_svg(
    figure: Figure, key: str, description: str, titles: Mapping[str, str] | None = None
) -> Markup:
    """The figure as one `<svg>` element.

    key : goes before all ids; unique on the page.
    description : what it shows, for those who cannot see it.
    titles : gid of an artist -> its tooltip.
    """
    text = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with style():
        figure.savefig(text, format="svg", metadata=nothing)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\bid="', f'id="{key}-', svg)
    svg = re.sub(r"url\(#", f"url(#{key}-", svg)
    svg = re.sub(r'href="#', f'href="#{key}-', svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = re.sub(r"#0102([0-9a-f]{2})", lambda found: f"var(--label-{int(found[1], 16)})", svg)
    for gid, title in (titles or {}).items():
        opening = f'<g id="{key}-{gid}">'
        svg = svg.replace(opening, f"{opening}<title>{escape(title)}</title>")
    width, height = (float(side) * _POINTS_PER_INCH for side in figure.get_size_inches())
    opening = (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {width:g} {height:g}" '
        f'role="img" aria-label="{escape(description)}" style="max-width: {width * 1.25:.0f}px">'
    )
    return Markup(re.sub(r"<svg.*?>", lambda _: opening, svg, count=1, flags=re.DOTALL).strip())


@dataclass(frozen=True)
class Bar:
    """A share 0..1 or an R2, with its 95 % interval and what guessing gets, where they are known.

    chance_low, chance_high : where guessing gets to, 95 % of the time
    ceiling : what can be reached at best; drawn as a diamond
    percent : of a share, told in per cent; an R2 is told as it is, and drawn from 0 on
    """

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    chance: float | None = None
    chance_low: float | None = None
    chance_high: float | None = None
    ceiling: float | None = None
    percent: bool = True

    @property
    def text(self) -> str:
        """`76.1 (70.2 to 81.5)`, in per cent; `0.76 (0.70 to 0.82)` of an R2."""
        interval = self._number(self.value, self.low, self.high).interval
        return self._said(self.value) + (f" ({interval})" if interval else "")

    @property
    def spoken(self) -> str:
        """All of it in words."""
        said = f"{self.name} {self.text}{' per cent' if self.percent else ''}"
        if self.ceiling is not None:
            said += f", ceiling {self._said(self.ceiling)}"
        chance = self._number(self.chance, self.chance_low, self.chance_high).interval
        return said + (f", chance {chance}" if chance else "")

    def _said(self, value: float) -> str:
        return self._number(value).said()

    def _number(self, *values: float | None) -> Number:
        return Number(*values, percent=self.percent, digits=1 if self.percent else 2)


def bar_chart(bars: Sequence[Bar], key: str, description: str) -> Markup:
    """Horizontal bars, the number beside each, a dashed line or a band where chance is."""
    with style():
        figure, axes = blank(360, 36 + 24 * len(bars))
        for place, bar in enumerate(bars):
            axes.barh(place, bar.value, height=0.66, color=ACCENT, zorder=2)
            _interval_and_chance(axes, place, bar)
            axes.annotate(
                bar.text,
                (1.0, place),
                xytext=(6, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
            )
        axes.set_yticks(range(len(bars)), [shortened(bar.name) for bar in bars])
        _share_axis(axes, len(bars), percent=all(bar.percent for bar in bars))
        return inline_svg(figure, key, _described(description, bars))


def dot_chart(bars: Sequence[Bar], key: str, description: str) -> Markup:
    """The same as dots on lines, for names too long to stand beside them: they stand above."""
    with style():
        figure, axes = blank(360, 36 + 36 * len(bars))
        for place, bar in enumerate(bars):
            axes.axhline(place, color=FAINT, linewidth=0.8, zorder=1)
            axes.plot([bar.value], [place], "o", color=ACCENT, markersize=8, zorder=5)
            _interval_and_chance(axes, place, bar, above=0.12)  # not through the name
            for at, side, text in (
                (0.0, "left", shortened(bar.name, 30)),
                (1.0, "right", bar.text),
            ):
                axes.text(at, place - 0.22, text, ha=side, va="bottom")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        _share_axis(axes, len(bars))
        return inline_svg(figure, key, _described(description, bars))


def _described(description: str, bars: Sequence[Bar]) -> str:
    return f"{description}: {'; '.join(bar.spoken for bar in bars)}"


def _interval_and_chance(axes: Axes, place: int, bar: Bar, above: float = 0.5) -> None:
    if bar.low is not None and bar.high is not None:
        axes.plot([bar.low, bar.high], [place, place], color=INK, linewidth=1.6, zorder=4)
    if bar.chance is not None:
        edges = [place - above, place + min(0.5, 2 * above)]
        axes.plot([bar.chance] * 2, edges, color=INK, linestyle="--", linewidth=1, zorder=3)
    if bar.chance_low is not None and bar.chance_high is not None:
        corner, width = (bar.chance_low, place - 0.46), bar.chance_high - bar.chance_low
        axes.add_patch(Rectangle(corner, width, 0.92, facecolor=FAINT, zorder=1))
    if bar.ceiling is not None:
        axes.plot([bar.ceiling], [place], "D", color=INK, markersize=6, zorder=5)


def _share_axis(axes: Axes, rows: int, *, percent: bool = True) -> None:
    named = ["0", "", "50", "", "100 %"] if percent else ["0", "", "0.5", "", "1"]
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1.0], named)
    axes.set_xlim(0, 1)
    axes.set_ylim(rows - 0.4, -0.7)
    axes.grid(axis="x", linewidth=0.6, zorder=0)
    axes.tick_params(length=0)


def heat_map(
    cells: Sequence[Sequence[float | None]],
    rows: Sequence[str],
    columns: Sequence[str],
    key: str,
    description: str,
    *,
    texts: Sequence[Sequence[str]],
    axis_labels: tuple[str, str],
) -> Markup:
    """Cells of 0..1 as shades, what is outside of that clipped; the diagonal framed.

    texts : what stands in each cell; axis_labels : of the rows and of the columns.
    """
    size = len(rows)
    with style():
        figure, axes = blank(350, 60 + max(24, 200 // size) * size)
        for y, row in enumerate(cells):
            for x, value in enumerate(row):
                box = (x - 0.5, y - 0.5)
                if value is not None:
                    shade = max(0.0, min(1.0, value))
                    axes.add_patch(Rectangle(box, 1, 1, facecolor=HEAT, alpha=shade))
                edge, width, above = (INK, 1.4, 3) if x == y else (FAINT, 0.6, 2)
                looks = {"facecolor": "none", "edgecolor": edge, "linewidth": width}
                axes.add_patch(Rectangle(box, 1, 1, zorder=above, **looks))
                axes.text(x, y, texts[y][x], ha="center", va="center", zorder=4)
        axes.set_xlim(-0.52, size - 0.48)
        axes.set_ylim(size - 0.48, -0.52)
        axes.set_xticks(range(size), columns)
        axes.set_yticks(range(size), [shortened(name) for name in rows])
        axes.tick_params(length=0)
        axes.xaxis.set_label_position("top")
        axes.xaxis.tick_top()
        axes.set_ylabel(axis_labels[0])
        axes.set_xlabel(axis_labels[1])
        axes.spines[:].set_visible(False)
        return inline_svg(figure, key, description)


def part_heat_map(
    table: Sequence[Sequence[float | None]],
    key: str,
    description: str,
    *,
    axis_labels: tuple[str, str],
    percent: bool = True,
    digits: int = 1,
) -> Markup:
    """A heat map of [parts][parts], all of its cells told in words after the description."""
    names = [str(part) for part in PARTS]
    texts = [[Number(c, percent=percent, digits=digits).said() for c in row] for row in table]
    said = "; ".join(
        f"{row}: {', '.join(f'{column} {text}' for column, text in zip(names, cells, strict=True))}"
        for row, cells in zip(names, texts, strict=True)
    )
    description = f"{description} {said}"
    return heat_map(table, names, names, key, description, texts=texts, axis_labels=axis_labels)


def dot_map(
    x: Sequence[float],
    y: Sequence[float],
    label: Sequence[int],
    titles: Sequence[str],
    key: str,
    description: str,
    shape: Sequence[int] | None = None,
) -> Markup:
    """A dot for each segment, in the colour and shape of its label, with a tooltip.

    shape : another label for the shapes.
    """
    with style():
        figure, axes = blank(330, 290)
        dots = zip(x, y, label, label if shape is None else shape, strict=True)
        for number, (at_x, at_y, of, formed) in enumerate(dots):
            axes.plot(
                [at_x],
                [at_y],
                MARKERS[formed % len(MARKERS)],
                color=label_colour(of),
                markersize=6,
                markeredgewidth=0,
                alpha=0.85,
                gid=f"dot{number}",
            )
        axes.set_xticks([])
        axes.set_yticks([])
        axes.margins(0.05)
        axes.set_aspect("equal", adjustable="datalim")  # what is near is near in both directions
        axes.spines[:].set_visible(True)
        axes.spines[:].set_color(FAINT)
        tooltips = {f"dot{number}": title for number, title in enumerate(titles)}
        return inline_svg(figure, key, description, tooltips)


def shortened(name: str, longest: int = _LONGEST) -> str:
    """A name that fits into a figure."""
    return name if len(name) <= longest else f"{name[: longest - 1]}…"


def shares_of_rows(counts: Sequence[Sequence[int]]) -> list[list[float]]:
    """Counts as shares of their row's sum."""
    table = np.asarray(counts, float)
    return (table / np.maximum(table.sum(axis=1, keepdims=True), 1.0)).tolist()
