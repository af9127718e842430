"""Matplotlib figures as inline SVG that follows the page: its fonts, and its light or dark colours.

Colours are drawn as stand-ins (INK, FAINT, HEAT and `label_colour`) that become CSS variables, and
ids get a prefix, so that many figures fit on one page. Sizes are in points, and a figure about 330
wide is still readable on a phone.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

import matplotlib
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
