"""What a section of the page is given, what it is made of, and what it gives back."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import soundfile
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from partwise.parts import Part
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.report.table import Table

_LONGEST_S = 10.0
_LOUDEST = 0.98


@dataclass(frozen=True)
class Figure:
    """A drawing, or a legend, with what stands above and below it."""

    drawing: Markup
    caption: str | Markup = ""
    heading: str = ""


@dataclass(frozen=True)
class Folded:
    """What is shown when somebody opens it."""

    summary: str
    inside: Table | list[str | Markup]


@dataclass(frozen=True)
class Beside:
    """Figures side by side; a table may be among them."""

    figures: Sequence[Figure | Table]


# A paragraph or ready HTML; a table; a list of sentences; terms and what they are; figures.
Block = str | Markup | Table | list[str | Markup] | dict[str, str] | Beside | Folded


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
        return Markup(environment().get_template(template).render(prefix=self.prefix, **values))

    def fragment(self, key: str, title: str, blocks: Iterable[Block]) -> Fragment:
        """The blocks one below the other."""
        return Fragment(key, title, self.render("blocks.html", blocks=list(blocks)))


@cache
def environment() -> Environment:
    """Where templates come from; tables are printed by its `blocks.html`."""
    return Environment(
        loader=PackageLoader("partwise_lab.report.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def whole_page(articles: Sequence[tuple[str, str, Sequence[Fragment]]]) -> str:
    """articles : prefix of the ids, title and sections of each."""
    style = (files("partwise_lab.report.html") / "templates" / "style.css").read_text("utf-8")
    return str(Context().render("page.html", articles=articles, style=Markup(style))) + "\n"


def legend(entries: Iterable[tuple[int | None, str, str]], *, wide: bool = False) -> Markup:
    """A list of what colours and shapes mean: label whose colour it has, glyph, name."""
    line = Markup('<li><span aria-hidden="true"{}>{}</span> {}</li>\n')
    colour = Markup(' style="color: var(--label-{})"')
    lines = [
        line.format("" if label is None else colour.format(label), glyph, name)
        for label, glyph, name in entries
    ]
    opening = Markup('<ul class="legend{}">\n').format(" wide" if wide else "")
    return opening + Markup("").join(lines) + Markup("</ul>")


def can_make_clips() -> bool:
    """Whether libsndfile here writes MP3, which every browser plays."""
    return "MP3" in soundfile.available_formats()


def clip_address(
    reader: StemReader,
    sources: Mapping[str, str],
    start_s: float,
    seconds: float,
    *,
    whole: bool = False,
) -> str:
    """The sound of a segment: `data:audio/mpeg;base64,...`, mono, at most 10 s: about 50 kB.

    sources : part -> name of the piece whose stem sounds; whole : the first of these pieces as it
    is, with what is in no stem.
    """
    index = {piece.name: number for number, piece in enumerate(reader.pieces)}
    if whole:
        samples = reader.whole(index[next(iter(sources.values()))])
    else:
        samples, _ = reader.mix({Part(part): index[name] for part, name in sources.items()})
    first = round(start_s * reader.sample_rate_hz)
    length = round(min(seconds, _LONGEST_S) * reader.sample_rate_hz)
    clip = samples[first : first + length]
    clip = clip * min(1.0, _LOUDEST / max(float(np.abs(clip).max(initial=0.0)), 1e-6))
    file = io.BytesIO()
    soundfile.write(
        file,
        clip,
        reader.sample_rate_hz,
        format="MP3",
        subtype="MPEG_LAYER_III",
        bitrate_mode="VARIABLE",
        compression_level=0.8,
    )
    return f"data:audio/mpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
