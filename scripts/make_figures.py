"""Draws the figures of docs/how-it-works.md as SVG: the same files every time.

    python scripts/make_figures.py            write docs/figures
    python scripts/make_figures.py --check    exit 1 if one of them is out of date

Plain shapes and text in the reader's own sans-serif font, on a light ground of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from html import escape
from math import sin
from pathlib import Path

from partwise.parts import PARTS

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "figures"

# The colours of the page, where parts have the same ones.
COLOURS = dict(zip(PARTS, ("#c2412a", "#7448c4", "#1b6cb3", "#9a6407", "#1f7a57"), strict=True))
INK, MUTED, LINE, PANEL, ACCENT = "#211f1b", "#635e55", "#b9b1a2", "#f7f5f0", "#3546a8"
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif"


class Drawing:
    """An SVG in the making; lengths are pixels of its view box."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self._head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"'
            f' font-family="{FONT}" font-size="15" fill="{INK}">\n'
            f"<title>{escape(title)}</title>\n"
            f'<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8"'
            f' markerHeight="8" orient="auto"><path d="M0 0 8 4 0 8z" fill="{MUTED}"/></marker>'
            f'</defs>\n<rect width="{width}" height="{height}" rx="12" fill="#ffffff"/>\n'
        )
        self._body: list[str] = []

    def box(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        fill: str = PANEL,
        *,
        line: str = LINE,
        opacity: float = 1.0,
        round_: float = 6,
    ) -> None:
        self._body.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{round_:g}"'
            f' fill="{fill}" fill-opacity="{opacity:g}" stroke="{line}"/>'
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: int = 15,
        fill: str = INK,
        anchor: str = "middle",
        bold: bool = False,
    ) -> None:
        weight = ' font-weight="600"' if bold else ""
        self._body.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"'
            f"{weight}>{escape(words)}</text>"
        )

    def arrow(self, x1: float, y1: float, x2: float, y2: float) -> None:
        self._body.append(
            f'<path d="M{x1:g} {y1:g}L{x2:g} {y2:g}" stroke="{MUTED}" stroke-width="1.6"'
            ' fill="none" marker-end="url(#tip)"/>'
        )

    def path(self, points: Sequence[tuple[float, float]], colour: str = INK) -> None:
        line = " ".join(f"{x:g},{y:.1f}" for x, y in points)
        self._body.append(
            f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.4"/>'
        )

    def labelled(self, x: float, y: float, width: float, height: float, *lines: str) -> None:
        """A box with a bold first line and plain ones below it."""
        self.box(x, y, width, height)
        top = y + height / 2 - 9 * (len(lines) - 1) + 5
        for number, line in enumerate(lines):
            first = number == 0
            self.text(
                x + width / 2,
                top + 18 * number,
                line,
                bold=first,
                size=15 if first else 13,
                fill=INK if first else MUTED,
            )

    def svg(self) -> str:
        return self._head + "\n".join(self._body) + "\n</svg>\n"


def vector(drawing: Drawing, x: float, y: float, cell: float, scales: tuple[float, ...]) -> None:
    """The five subspaces side by side, three cells each, as high as they are scaled."""
    for number, (part, scale) in enumerate(zip(PARTS, scales, strict=True)):
        for k in range(3):
            left = x + (3 * number + k) * cell
            drawing.box(left, y, cell, 26, "#ffffff", round_=0)
            if scale:
                drawing.box(
                    left,
                    y,
                    cell,
                    26,
                    COLOURS[part],
                    opacity=scale * (0.45, 0.75, 0.55)[k],
                    round_=0,
                )


def subspaces() -> str:
    """One embedding, five subspaces, and the mask that belongs to each."""
    d = Drawing(860, 330, "One embedding with five subspaces, and the fixed mask of each")
    cell = 34
    left = 230
    d.text(left - 20, 58, "embedding of a segment", anchor="end")
    vector(d, left, 40, cell, (1, 1, 1, 1, 1))
    for number, part in enumerate(PARTS):
        x = left + (3 * number + 1.5) * cell
        d.text(x, 30, str(part), fill=COLOURS[part], bold=True)
        d.text(x, 86, "length 1", size=12, fill=MUTED)
    for number, part in enumerate(PARTS):
        y = 108 + 34 * number
        d.text(left - 20, y + 18, f"mask of {part}", anchor="end", fill=COLOURS[part])
        for k in range(15):
            own = k // 3 == number
            d.box(left + k * cell, y, cell, 26, COLOURS[part] if own else "#ffffff", round_=0)
            d.text(
                left + (k + 0.5) * cell,
                y + 18,
                "1" if own else "0",
                size=12,
                fill="#ffffff" if own else MUTED,
            )
    d.text(
        430,
        310,
        "Masks are fixed and share no cell: what is learnt about the drums has nowhere else to go.",
        size=14,
        fill=MUTED,
    )
    return d.svg()


def network() -> str:
    """From a mix to five vectors."""
    d = Drawing(860, 400, "One network hears the mix and gives a vector and a presence per part")
    d.text(90, 40, "mix", bold=True)
    for offset in range(3):
        points = [
            (30 + x, 100 + 40 * offset + 14 * sin(x * 0.31 * (offset + 1)) * sin(x * 0.07 + offset))
            for x in range(0, 121, 2)
        ]
        d.path(points, MUTED)
    d.text(90, 232, "10 s, every 5 s", size=13, fill=MUTED)
    d.arrow(158, 140, 188, 140)
    d.text(250, 40, "log-mel", bold=True)
    for row in range(12):
        for column in range(11):
            shade = (1 + sin(row * 1.3 + column * 0.9) * sin(column * 0.45 + 0.2 * row)) / 2
            d.box(
                195 + 10 * column, 70 + 12 * row, 10, 12, INK, line="none", opacity=shade, round_=0
            )
    d.text(250, 232, "96 bands, in dB", size=13, fill=MUTED)
    d.arrow(310, 140, 340, 140)
    d.labelled(345, 90, 110, 100, "encoder", "convolutions,", "what is heard,", "cell by cell")
    for number, part in enumerate(PARTS):
        y = 62 + 58 * number
        d.arrow(457, 140, 500, y + 18)
        for row in range(4):
            for column in range(6):
                wave = sin(row * (number + 1.2) + column * (1.9 - 0.3 * number) + number)
                d.box(
                    505 + 10 * column,
                    y + 9 * row,
                    10,
                    9,
                    COLOURS[part],
                    line="none",
                    opacity=0.08 + 0.85 * max(0.0, wave),
                    round_=0,
                )
        d.arrow(572, y + 18, 612, y + 18)
        for k in range(5):
            d.box(618 + 22 * k, y + 5, 22, 26, COLOURS[part], opacity=0.3 + 0.12 * k, round_=0)
        d.text(740, y + 17, str(part), anchor="start", fill=COLOURS[part], bold=True)
        d.text(740, y + 34, "and its presence", anchor="start", size=12, fill=MUTED)
    d.text(535, 40, "soft masks", bold=True)
    d.text(672, 40, "pooled under each", bold=True)
    d.text(
        430,
        382,
        "A mask says, cell by cell, whose sound it is. No audio is separated, and one run answers"
        " for all parts.",
        size=14,
        fill=MUTED,
    )
    return d.svg()


def fusion() -> str:
    """Why one inner-product index answers every weighting."""
    d = Drawing(860, 370, "A weighted score is one inner product: scale the query, not the index")
    cell = 26
    left = 300
    weights = (1.0, 0.5, 0.0, 0.0, 0.0)
    for number, part in enumerate(PARTS):
        d.text(
            left + (3 * number + 1.5) * cell, 32, str(part), fill=COLOURS[part], bold=True, size=14
        )
    d.text(left - 16, 62, "query q", anchor="end", bold=True)
    vector(d, left, 44, cell, (1, 1, 1, 1, 1))
    d.text(left - 16, 110, "weights w: drums=2, bass", anchor="end")
    for number, word in enumerate(("x 2", "x 1", "x 0", "x 0", "x 0")):
        d.text(left + (3 * number + 1.5) * cell, 110, word, fill=MUTED)
    d.text(left - 16, 152, "scaled query [w q]", anchor="end", bold=True)
    vector(d, left, 134, cell, weights)
    d.arrow(left + 195, 166, left + 195, 192)
    d.text(left + 210, 184, "one inner product with every row", anchor="start", size=13, fill=MUTED)
    for row, (name, scales) in enumerate(
        (
            ("row x of the store", (0.9, 0.7, 1, 0.5, 0.8)),
            ("another", (0.6, 1, 0.4, 0.9, 0.5)),
            ("no bass heard: zeros", (1, 0, 0.7, 0.8, 0.9)),
        )
    ):
        y = 200 + 34 * row
        d.text(left - 16, y + 18, name, anchor="end")
        vector(d, left, y, cell, scales)
    d.text(
        430,
        330,
        "score(q, x; w)  =  ( 2 <q, x> of drums  +  1 <q, x> of bass ) / 3"
        "  =  < [w q] , x > / (sum of w)",
        size=15,
    )
    d.text(
        430,
        354,
        "The rows never change, so one index serves all weightings.",
        size=13,
        fill=MUTED,
    )
    return d.svg()


def index() -> str:
    """From folders to hits."""
    d = Drawing(860, 340, "What happens when a folder is indexed, and when it is asked")
    d.labelled(20, 60, 130, 84, "folders", "any recording", "FFmpeg can read")
    d.arrow(152, 102, 190, 102)
    d.labelled(195, 60, 130, 84, "scan", "by size and time,", "then by content")
    d.arrow(327, 102, 365, 102)
    d.labelled(
        370, 46, 170, 112, "worker processes", "decode", "log-mel, network", "means per song"
    )
    d.arrow(542, 102, 580, 102)
    d.labelled(585, 60, 120, 84, "writer", "one, in batches", "of whole songs")
    d.arrow(707, 84, 740, 70)
    d.arrow(707, 120, 740, 134)
    d.labelled(745, 40, 100, 58, "ledger", "every file")
    d.labelled(745, 106, 100, 58, "store", "vectors")
    d.text(455, 178, "a reason for every file that fails", size=13, fill=MUTED)
    d.labelled(20, 240, 130, 64, "a song", "or several")
    d.arrow(152, 272, 190, 272)
    d.labelled(195, 240, 130, 64, "query", "parts, weights")
    d.arrow(327, 272, 365, 272)
    d.labelled(370, 232, 170, 80, "search", "absent parts last,", "near-duplicates folded")
    d.arrow(542, 272, 580, 272)
    d.labelled(585, 240, 120, 64, "hits", "with five bars")
    d.arrow(795, 166, 795, 210)
    d.box(745, 212, 100, 100)
    for number, place in enumerate(("a folder", "s3://", "milvus://")):
        d.text(795, 244 + 24 * number, place, size=14)
    d.arrow(743, 222, 545, 244)
    d.text(430, 28, "index: once, and again for what is new", bold=True, size=14)
    d.text(120, 222, "ask: any number of times", bold=True, size=14, anchor="middle")
    return d.svg()


def pseudo_mixes() -> str:
    """What the network learns from."""
    d = Drawing(860, 330, "Pseudo-mixes: mixes that have one part in common, and nothing else")
    songs = ("song 1", "song 2", "song 3", "song 4")
    d.text(110, 34, "stems", bold=True)
    for row, song in enumerate(songs):
        y = 50 + 40 * row
        d.text(64, y + 20, song, anchor="end", size=13, fill=MUTED)
        for column, part in enumerate(PARTS):
            d.box(76 + 34 * column, y, 30, 30, COLOURS[part], opacity=0.25 + 0.2 * row)
            d.text(91 + 34 * column, y + 20, str(row + 1), size=13, fill=INK)
    d.arrow(262, 128, 322, 128)
    d.text(292, 116, "draw", size=13, fill=MUTED)
    mixes = (("A", "21431"), ("B", "24312"), ("C", "13224"))
    d.text(440, 34, "pseudo-mixes", bold=True)
    for row, (name, picks) in enumerate(mixes):
        y = 56 + 62 * row
        d.text(350, y + 24, name, bold=True)
        for column, (part, pick) in enumerate(zip(PARTS, picks, strict=True)):
            d.box(372 + 34 * column, y + 4, 30, 30, COLOURS[part], opacity=0.05 + 0.2 * int(pick))
            d.text(387 + 34 * column, y + 24, pick, size=13, fill=INK)
    d.arrow(556, 128, 606, 128)
    d.text(724, 34, "in the subspace of drums", bold=True)
    d.box(616, 50, 220, 176, "#ffffff")
    drums = COLOURS[PARTS[0]]
    for x, y, name, opacity in (
        (672, 100, "A", 0.45),
        (700, 122, "B", 0.45),
        (786, 190, "C", 0.25),
    ):
        d.box(x - 14, y - 14, 28, 28, drums, opacity=opacity, round_=14)
        d.text(x, y + 5, name, size=13, bold=True)
    d.text(430, 270, "A and B share the drums of song 2 and nothing else:", size=14)
    d.text(
        430,
        292,
        "near each other for drums, strangers for everything else. No label is typed by anybody.",
        size=14,
        fill=MUTED,
    )
    for column, part in enumerate(PARTS):
        d.box(76 + 90 * column, 306, 12, 12, COLOURS[part], opacity=0.85, round_=2)
        d.text(94 + 90 * column, 317, str(part), anchor="start", size=13, fill=MUTED)
    return d.svg()


FIGURES: dict[str, Callable[[], str]] = {
    "subspaces": subspaces,
    "network": network,
    "fusion": fusion,
    "index": index,
    "pseudo-mixes": pseudo_mixes,
}


def main() -> None:
    check = sys.argv[1:] == ["--check"]
    FOLDER.mkdir(exist_ok=True)
    stale = []
    for name, draw in FIGURES.items():
        file = FOLDER / f"{name}.svg"
        if check:
            if not file.exists() or file.read_text(encoding="utf-8") != draw():
                stale.append(file.name)
        else:
            file.write_text(draw(), encoding="utf-8")
    if stale:
        sys.exit(f"out of date: {', '.join(stale)}: python scripts/make_figures.py")


if __name__ == "__main__":
    main()
