"""What commands that answer with tracks have in common: options, and playlists of the answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partwise.errors import PartwiseError
from partwise.paths import shown

if TYPE_CHECKING:
    from partwise.library.search.hits import Hit
    from partwise.library.search.journey import Step

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
M3u8 = Annotated[
    Path | None,
    typer.Option(
        metavar="OUT",
        help="Also write the tracks as an M3U8 playlist; - prints it instead of the table.",
    ),
]
Xspf = Annotated[Path | None, typer.Option(metavar="OUT", help="The same as an XSPF playlist.")]


def write_playlists(
    tracks: Sequence[Hit | Step],
    m3u8: Path | None,
    xspf: Path | None = None,
    *,
    title: str,
    as_json: bool,
) -> bool:
    """Write the playlists that were asked for, and say so on stderr.

    Returns whether one has gone to standard output, where nothing else has a place then. Raises
    PartwiseError for a second one, or JSON (``as_json``), beside it.
    """
    from partwise.atomic import is_stdout
    from partwise.library.media.playlists import Entry, write_m3u8, write_xspf

    outs = [out for out in (m3u8, xspf) if out is not None]
    printed = [out for out in outs if is_stdout(out)]
    if len(printed) + as_json > 1:
        raise PartwiseError("only one of --m3u8, --xspf and --json can go to standard output")
    entries = [
        Entry(track.path, track.tags.title, track.tags.artist, track.tags.album, track.duration_s)
        for track in tracks
    ]
    if m3u8 is not None:
        write_m3u8(m3u8, entries)
    if xspf is not None:
        write_xspf(xspf, entries, title=title)
    for out in outs:
        if out not in printed:
            print(f"wrote {shown(out)} ({len(entries)} tracks)", file=sys.stderr)
    return bool(printed)
