"""What a section of the report is given, and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from partwise_lab.measure.stem_reader import StemReader


@dataclass(frozen=True)
class Fragment:
    """One section: its anchor, unique within a report, its heading, and the HTML below that."""

    key: str
    title: str
    body: Markup


@dataclass(frozen=True)
class Context:
    """What a section may need besides the report.

    reader : where the sound of the examples is fetched; None leaves the players out.
    prefix : of all ids, so that several reports fit on one page.
    """

    reader: StemReader | None = None
    prefix: str = "r0"

    def render(self, template: str, **values: Any) -> Markup:
        """A template of `templates/`, filled in; all text in `values` is escaped, Markup is not."""
        return Markup(_environment().get_template(template).render(prefix=self.prefix, **values))


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("partwise_lab.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
