"""Tables of results, and how they are printed: as lines of a terminal, as Markdown, as HTML.

What a report says in numbers is a list of `Table`, made once for each kind of result; a printer
knows nothing of results. HTML is made of the same cells by `html/templates/blocks.html`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NONE = "–"
NOT_MEASURED = "not measured"
_NAMES = 8  # letters that a terminal's first column has at least


class Strong(str):
    """Words that Markdown sets in bold."""


@dataclass(frozen=True)
class Number:
    """A number, or None where nothing was measured; every printer says it in its own way.

    low, high : its 95 % interval
    percent : a share 0..1 that is told in per cent; otherwise the number as it is
    of : among how many labels
    small : what else HTML says below it
    best : in bold, of its column
    better : than the row `than`, for sure (the 95 % interval of the difference leaves out 0);
        False for worse. difference : from that row, in words
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    percent: bool = True
    digits: int = 1
    of: int | None = None
    small: tuple[str, ...] = ()
    best: bool = False
    better: bool | None = None
    than: str = ""
    difference: str = ""

    def said(self, sign: str = "") -> str:
        """`76.1`, with a sign of per cent behind it if it is a share; a dash for None."""
        return NONE if self.value is None else self._digits(self.value) + sign * self.percent

    @property
    def interval(self) -> str:
        """`73.1 to 83.1`, without a sign; empty where there is none."""
        if self.low is None or self.high is None:
            return ""
        return f"{self._digits(self.low)} to {self._digits(self.high)}"

    def _digits(self, value: float) -> str:
        return f"{100 * value if self.percent else value:,.{self.digits}f}"


Cell = str | Number


@dataclass(frozen=True)
class Table:
    """head : of all columns, the names' too; rows : of as many cells, the first one its name.

    title : what the table shows, above it; note : what else to know, below it.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""
    note: str = ""

    def markdown(self) -> str:
        """Without title, note and line end."""
        grid = [
            self.head,
            ["---"] * len(self.head),
            *([_markdown(c) for c in r] for r in self.rows),
        ]
        return "\n".join("| " + " | ".join(cells) + " |" for cells in grid)

    def text(self) -> str:
        """Lines of a terminal, without a line end; a row in which nothing was measured is left out.

        Columns of words are aligned to the left, numbers to the right.
        """
        rows = [row for row in self.rows if any(_is_told(cell) for cell in row[1:])]
        grid = [list(self.head), *(list(map(_text, row)) for row in rows)]
        widths = [max(len(cells[at]) for cells in grid) for at in range(len(self.head))]
        widths[0] = max(widths[0], _NAMES)
        words = [
            at == 0 or _are_words(cells[1:]) for at, cells in enumerate(zip(*grid, strict=True))
        ]
        lines = [
            "  ".join(
                cell.ljust(width) if left else cell.rjust(width)
                for cell, width, left in zip(cells, widths, words, strict=True)
            ).rstrip()
            for cells in grid
        ]
        return "\n".join([*filter(None, [self.title]), *lines, *filter(None, [self.note])])


def _are_words(cells: Sequence[str]) -> bool:
    return "".join(cells).strip("-") != "" and not any(c.isdigit() for c in "".join(cells))


def _is_told(cell: Cell) -> bool:
    if isinstance(cell, Number):
        return cell.value is not None
    return cell not in ("", NONE) and not cell.startswith(NOT_MEASURED)


def _markdown(cell: Cell) -> str:
    if isinstance(cell, Number):
        said = cell.said(" %") + (f" of {cell.of}" if cell.of and cell.value is not None else "")
        return f"**{said}**" if cell.best else said
    return f"**{cell}**" if isinstance(cell, Strong) else cell


def _text(cell: Cell) -> str:
    if not isinstance(cell, Number):
        return "-" if cell == NONE else cell
    if cell.value is None:
        return "-"
    said = cell.said("%") + (f" of {cell.of}" if cell.of else "")
    return f"{said} ({cell.interval})" if cell.interval else said


def measured(
    found: Mapping[str, Any] | None, key: str = "value", *, percent: bool = False, digits: int = 2
) -> Number:
    """`found[key]` with its `low` and `high`; None where nothing was found."""
    if found is None:
        return Number(None)
    return Number(found[key], found["low"], found["high"], percent=percent, digits=digits)


def share(value: float | None, digits: int = 1, **more: Any) -> Number:
    """A share 0..1, in per cent."""
    return Number(value, digits=digits, **more)


def markdown(head: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table in Markdown, without a line end."""
    return Table(head, list(rows)).markdown()


def percent(value: float | None, digits: int = 1) -> str:
    """`76.1 %`; a dash for None."""
    return Number(value, digits=digits).said(" %")


def number(value: float | None) -> str:
    """`1,351,582`; a dash for None."""
    return NONE if value is None else f"{value:,}"
