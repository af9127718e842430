"""One self-contained HTML page of one or several reports: no request leaves the machine.

Every section is a function of a report and a `Context` that gives a `Fragment`, or None where the
report has nothing for it. To show something more, write a module with such a function and add it
to `SECTIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.report.html.comparison import comparison
from partwise_lab.report.html.confusions import confusions
from partwise_lab.report.html.fragment import Context, Fragment
from partwise_lab.report.html.header import header, protocol_title
from partwise_lab.report.html.leakage import leakage
from partwise_lab.report.html.listeners import listeners
from partwise_lab.report.html.maps import maps
from partwise_lab.report.html.presence import presence
from partwise_lab.report.html.probes import probes
from partwise_lab.report.html.same_part import same_part
from partwise_lab.report.html.scores import scores

Section = Callable[[dict[str, Any], Context], Fragment | None]

SECTIONS: list[Section] = [
    header,
    comparison,
    scores,
    leakage,
    presence,
    same_part,
    probes,
    listeners,
    maps,
    confusions,
]


def html_page(reports: Sequence[dict[str, Any]], reader: StemReader | None = None) -> str:
    """The page, whole.

    reader : of the data that the reports are about, for the players of the examples.
    """
    articles = []
    for place, report in enumerate(reports):
        context = Context(reader, f"r{place}")
        found = [section(report, context) for section in SECTIONS]
        articles.append((context.prefix, protocol_title(report), [f for f in found if f]))
    style = (files("partwise_lab.report.html") / "templates" / "style.css").read_text("utf-8")
    return str(Context().render("page.html", articles=articles, style=Markup(style))) + "\n"
