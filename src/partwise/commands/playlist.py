"""What commands that answer with tracks have in common: options, and playlists of the answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partwise.paths import shown

if TYPE_CHECKING:
    from partwise.library.search.hits import Hit
    from partwise.library.search.journey import Step

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
M3u8 = Annotated[
    Path | None, typer.Option(metavar="OUT", help="Also write the tracks as an M3U8 playlist.")
]
Xspf = Annotated[
    Path | None, typer.Option(metavar="OUT", help="Also write the tracks as an XSPF playlist.")
]


def write_playlists(
    tracks: Sequence[Hit | Step], m3u8: Path | None, xspf: Path | None = None, *, title: str
) -> None:
    """Write the playlists that were asked for, and say so on stderr."""
    from partwise.library.media.playlists import Entry, write_m3u8, write_xspf

    entries = [
        Entry(track.path, track.tags.title, track.tags.artist, track.tags.album, track.duration_s)
        for track in tracks
    ]
    if m3u8 is not None:
        write_m3u8(m3u8, entries)
    if xspf is not None:
        write_xspf(xspf, entries, title=title)
    for out in filter(None, (m3u8, xspf)):
        print(f"wrote {shown(out)} ({len(entries)} tracks)", file=sys.stderr)
