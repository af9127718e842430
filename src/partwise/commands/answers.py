"""How answers look: a table for people and JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from partwise.library.search.hits import Hit
from partwise.library.search.query import Query, clock
from partwise.parts import PARTS, Part, PartWeights, by_part
from partwise.paths import brief, shown

if TYPE_CHECKING:
    from partwise.library.search.moments import Moment

BAR_CELLS = 4
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_PART_WIDTH = BAR_CELLS + 4  # the bar, a space and three characters of number
_MARGIN = "    "


def bar(similarity: float, cells: int = BAR_CELLS, blocks: bool = True) -> str:
    """A similarity of 0..1 as a bar of ``cells`` characters; what is below 0 has no bar.

    blocks : eighths of a character cell; without, a terminal's plain ``#``.
    """
    share = min(max(similarity, 0.0), 1.0)
    if not blocks:
        return ("#" * round(share * cells)).ljust(cells)
    full, eighth = divmod(round(share * cells * 8), 8)
    return ("█" * full + (_EIGHTHS[eighth] if eighth else "")).ljust(cells)


def print_hits(console: Console, query: Query, weights: PartWeights, hits: Sequence[Hit]) -> None:
    """A table of two to four lines per hit that fits into 80 columns; paths are never cut.

    For each part: a bar and the number of its similarity, below it the presence in the hit. Parts
    that were asked for stand out.
    """
    blocks = (console.encoding or "").lower().replace("-", "").startswith("utf")
    single = len(query.sources) == 1 and len(query.seeds) == 1
    wanted = weights.wanted
    _line(console, Text(query.title(weights), style="dim"))
    heading = Text(" #  score  ", style="dim")
    for part in PARTS:
        heading.append(f"{part:<{_PART_WIDTH}}  ", style=_style(part, wanted))
    heading.append("moments" if single else "")
    _line(console, heading)
    told = False
    for hit in hits:
        if not told and not set(wanted) <= set(hit.parts):
            told = True
            note = f"from here on, not all of {', '.join(wanted)} can be heard together"
            if len(wanted) == 1:
                note = f"from here on, no {wanted[0]} can be heard"
            _line(console, Text(f"{_MARGIN}{note}", style="dim italic"))
        _print_hit(console, query, hit, wanted, single, blocks)
    meaning = f"time in the query {'≈' if blocks else '~'} time in the hit"
    _line(console, Text(f"% is presence in the hit; moments: {meaning}", style="dim"))


def _print_hit(
    console: Console, query: Query, hit: Hit, wanted: Sequence[Part], single: bool, blocks: bool
) -> None:
    sign = "≈" if blocks else "~"
    times = [
        _pair(clock(moment.query[0].start_s), clock(moment.start_s), sign)
        for moment in (hit.moments[:2] if single else ())
        if moment.query
    ]
    first = Text(f"{hit.rank:>2}  {hit.score:5.2f}  ")
    second = Text("           ")
    for part in PARTS:
        similarity, presence = hit.similarities[part.index], hit.presence[part.index]
        style = _style(part, wanted)
        if part not in hit.parts:
            cell, style = "absent", "dim"
        elif part not in query.parts:  # heard here, but there is nothing to compare it with
            cell = "-"
        else:
            cell = f"{bar(similarity, blocks=blocks)} {_number(similarity)}"
        first.append(f"{cell:<{_PART_WIDTH}}  ", style=style)
        percent = f"{round(100 * presence)}%"
        second.append(f"{percent:<{_PART_WIDTH}}  ", style="dim")
    for line, time in zip((first, second), [*times, "", ""], strict=False):
        line.append(time)
        _line(console, line)
    if not single:
        for moment in hit.moments[:1]:
            _line(console, Text(f"{_MARGIN}{_sides(moment, sign)}"))
    label = Text(_MARGIN)
    if hit.tags.title or hit.tags.artist:
        names = map(brief, filter(None, (hit.tags.artist, hit.tags.title)))
        label.append(" - ".join(names), style="bold")
    for count, word in ((len(hit.paths) - 1, "copies"), (len(hit.alike), "alike")):
        if count:
            gap = "  " if len(label) > len(_MARGIN) else ""
            label.append(f"{gap}+{count} {'copy' if word == 'copies' and count == 1 else word}")
    if len(label) > len(_MARGIN):
        _line(console, label)
    _line(console, Text(f"{_MARGIN}{shown(hit.path)}"))


def as_json(
    query: Query, weights: PartWeights, model_digest: str, hits: Sequence[Hit]
) -> dict[str, Any]:
    """The answers as plain values; this is the schema of ``partwise like --json``.

    Paths are UTF-8 text: a name with other bytes is a percent-encoded ``file://`` address (see
    ``paths.path_to_text``). Times are seconds. Mappings by part hold all five parts.

    ==============  =============================================================================
    ``query``       ``songs`` (name, track_id or null, parts asked of it, duration_s), ``parts``
                    that can be heard in all, ``presence`` by part, ``passage`` [start, end] or
                    null, ``less_like`` (name, track_id or null, parts)
    ``weights``     by part
    ``model``       digest of the model
    ``hits``        best first: ``rank``, ``score``, ``track_id``, ``path``, ``paths`` (all files
                    of this content), ``similarities`` by part (null where absent in either),
                    ``presence`` by part, ``moments`` (``start_s``, ``end_s`` in the hit,
                    ``score``, and ``query``: name, parts, start_s, end_s), ``tags`` (title,
                    artist, album, year, genre), ``duration_s``, ``alike`` (files folded into it)
    ==============  =============================================================================
    """
    heard = query.parts
    return {
        "query": query.to_json(),
        "weights": by_part(weights.values),
        "model": model_digest,
        "hits": [hit.to_json(heard) for hit in hits],
    }


def _line(console: Console, text: Text) -> None:
    """One line whatever its length: a terminal wraps it, a pipe gets it whole."""
    text.rstrip()
    console.print(text, soft_wrap=True, highlight=False)


def _style(part: Part, wanted: Sequence[Part]) -> str:
    return "bold green" if part in wanted else "dim"


def _number(similarity: float) -> str:
    """Three characters: ``.97``, ``1.0``, ``-.1``."""
    if similarity >= 0.995:
        return "1.0"
    if similarity < -0.05:
        return f"-.{min(round(-10 * similarity), 9)}"
    return f".{round(100 * max(similarity, 0.0)):02}"


def _pair(query_time: str, hit_time: str, sign: str) -> str:
    return f"{query_time} {sign} {hit_time}"


def _sides(moment: Moment, sign: str) -> str:
    """``drums of a.mp3 1:10, bass of b.mp3 0:20 ≈ 0:35``; the parts only where songs differ."""
    several = len(moment.query) > 1
    sides = [
        f"{' and '.join(side.parts)} of {Path(side.name).name} {clock(side.start_s)}"
        if several
        else f"{Path(side.name).name} {clock(side.start_s)}"
        for side in moment.query
    ]
    return f"{', '.join(sides)} {sign} {clock(moment.start_s)}"
