"""One self-contained HTML page of one or several reports: no request leaves the machine.

Every section is a function of a report and a `Context` that gives a `Fragment`, or None where the
report has nothing for it. What has no section of its own is shown as the tables of `report.tables`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.report.html.context import Context, Fragment, whole_page
from partwise_lab.report.html.experiments import comparison, listeners, probes, same_part
from partwise_lab.report.html.measured import (
    confusions,
    header,
    leakage,
    maps,
    presence,
    protocol_words,
    scores,
)
from partwise_lab.report.tables import only_tables

Section = Callable[[dict[str, Any], Context], Fragment | None]


def further(report: dict[str, Any], context: Context) -> Fragment | None:
    """What is not drawn, as sentences and tables."""
    blocks = only_tables(report)
    return context.fragment("further", "Further numbers", blocks) if blocks else None


SECTIONS: list[Section] = [
    *(header, comparison, scores, leakage, presence, same_part, probes, listeners, further),
    *(maps, confusions),
]


def html_page(reports: Sequence[dict[str, Any]], reader: StemReader | None = None) -> str:
    """The page, whole.

    reader : of the data that the reports are about, for the players of the examples.
    """
    articles = []
    for place, report in enumerate(reports):
        context = Context(reader, f"r{place}")
        found = [section(report, context) for section in SECTIONS]
        articles.append((context.prefix, protocol_words(report)[0], [f for f in found if f]))
    return whole_page(articles)
