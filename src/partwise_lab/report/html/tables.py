"""Tables of numbers with their intervals, for the sections that have many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from partwise_lab.report.markdown import NONE


@dataclass(frozen=True)
class Number:
    """A number as text; below it, in small lines, its interval and how many it is of."""

    text: str
    small: Sequence[str] = ()


@dataclass(frozen=True)
class Table:
    """label : what it shows, for those who cannot see it; head : of all columns, the names' too.

    rows : name -> its cells.
    """

    label: str
    head: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Number]]]


def with_interval(
    found: Mapping[str, Any] | None, key: str = "value", *, percent: bool = False
) -> Number:
    """`found[key]` above its `low` and `high`; a dash where nothing was found."""
    if found is None:
        return Number(NONE)

    def said(value: float) -> str:
        return f"{100 * value:.1f}" if percent else f"{value:.2f}"

    return Number(said(found[key]), [f"{said(found['low'])} to {said(found['high'])}"])


def plain_percent(value: float | None) -> Number:
    """`76.1`; a dash where there is none."""
    return Number(NONE if value is None else f"{100 * value:.1f}")
