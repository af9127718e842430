"""``partwise like``: rank the library by how alike the parts that one names sound."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from partwise.commands.console import LIBRARY
from partwise.commands.playlist import AsJson, M3u8, Xspf, write_playlists
from partwise.errors import PartwiseError
from partwise.parts import Part, PartWeights

if TYPE_CHECKING:
    from partwise.library.library import Library
    from partwise.library.search.options import SearchOptions


def like(
    songs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SONG",
            help="Tracks of the library (a path, or as much of title, artist, album and file name "
            "as means only one), or any other files. Several are averaged.",
            show_default=False,
        ),
    ] = None,
    parts: Annotated[
        str | None,
        typer.Option(
            metavar="PARTS",
            help="What must sound alike, with weights: drums=2,bass. Default: all parts heard in "
            "SONG alike.",
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="RANGE", help="Only this passage counts: 1:10-1:30, or 70-90."),
    ] = None,
    drums_of: Annotated[
        str | None, typer.Option(metavar="SONG", help="Take the drums from this song.")
    ] = None,
    bass_of: Annotated[
        str | None, typer.Option(metavar="SONG", help="Take the bass from this song.")
    ] = None,
    piano_of: Annotated[
        str | None, typer.Option(metavar="SONG", help="Take the piano from this song.")
    ] = None,
    guitar_of: Annotated[
        str | None, typer.Option(metavar="SONG", help="Take the guitar from this song.")
    ] = None,
    other_of: Annotated[
        str | None, typer.Option(metavar="SONG", help="Take everything else from this song.")
    ] = None,
    less_like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SONG[:PARTS]",
            help="Hits fall the more, the more they sound like this song, in all parts or in some: "
            "b.mp3:drums,bass. May be repeated.",
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="N", help="How many hits.")] = 10,
    max_per_artist: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many hits by one artist.")
    ] = None,
    max_per_album: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many hits of one album.")
    ] = None,
    artist: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only tracks by this artist; may be repeated."),
    ] = None,
    not_artist: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="No track by this artist; may be repeated."),
    ] = None,
    include_duplicates: Annotated[
        bool,
        typer.Option(
            "--include-duplicates", help="Also list tracks that are near-duplicates of others."
        ),
    ] = False,
    where: Annotated[
        str | None,
        typer.Option(
            metavar="SQL",
            help="Only tracks for which this holds, over title, artist, album, year, genre, "
            "duration_s, path, and for each part has_piano (true or false), presence_piano (0 to "
            '1), enters_piano (at which second): "year < 1980 AND has_piano AND NOT has_drums".',
        ),
    ] = None,
    as_json: AsJson = False,
    m3u8: M3u8 = None,
    xspf: Xspf = None,
    library: Path | None = LIBRARY,
    model: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="ONNX model to hear SONG with; default: the shipped one."
        ),
    ] = None,
) -> None:
    """Rank the library by how alike the parts you name sound.

    partwise like song.mp3 --parts drums=2,bass

    partwise like --drums-of a.mp3 --bass-of b.mp3

    partwise like song.mp3 --less-like other.mp3:drums
    """
    from partwise.library.library import Library
    from partwise.library.search.options import SearchOptions

    given = zip(Part, (drums_of, bass_of, piano_of, guitar_of, other_of), strict=True)
    per_part_of = {part: song for part, song in given if song is not None}
    if not songs and not per_part_of:
        raise PartwiseError("name a song, for example: partwise like song.mp3 --parts drums")
    asked = None if parts is None else PartWeights.parse(parts)
    options = SearchOptions(
        top=top,
        max_per_artist=max_per_artist,
        max_per_album=max_per_album,
        include_duplicates=include_duplicates,
        where=where,
        artists=artist or (),
        not_artists=not_artist or (),
    )
    opened = Library.open(library)
    query = opened.query(songs or None, at=at, per_part_of=per_part_of, model=model)
    for given_song in less_like or ():
        song, unwanted = _song_and_parts(given_song)
        less = song if unwanted is None else dict.fromkeys(unwanted, song)
        query = opened.query(query, less_like=less, model=model)
    weights = query.weights(asked)
    hits = opened.searcher.search(query, weights, options)
    title = query.title(weights)
    printed = write_playlists(hits, m3u8, xspf, title=title, as_json=as_json)
    if as_json:
        from partwise.commands.answers import as_json as to_json

        json.dump(to_json(query, weights, opened.store.digest, hits), sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif not hits:
        print(_why_nothing(opened, options), file=sys.stderr)
    elif not printed:
        from partwise.commands.answers import print_hits

        print_hits(Console(), query, weights, hits)


def _song_and_parts(text: str) -> tuple[str, tuple[Part, ...] | None]:
    """``b.mp3:drums,bass`` as a song and parts; None for all, also where the rest is no parts."""
    song, _, rest = text.rpartition(":")
    if not song or os.path.exists(text):
        return text, None
    try:
        return song, PartWeights.parse(rest).wanted
    except PartwiseError:
        return text, None


def _why_nothing(library: Library, options: SearchOptions) -> str:
    """No hit can mean several things; only one of them is that nothing else is in the library."""
    from partwise.library.tables.catalogue import existing

    catalogue = library.catalogue
    conditions = library.searcher.conditions
    if options.where is not None and not conditions.select(options.where):
        return f"no track satisfies --where {options.where!r}"
    if options.artists and not conditions.by_artists(options.artists):
        return f"no track is by {' or '.join(options.artists)}"
    if conditions.chosen(options) == {}:
        return "no track satisfies all of the conditions"
    if not any(existing(track.paths) for track in catalogue.values()):
        return (
            f"none of the files of the {len(catalogue)} tracks is there any more:"
            " is the disk mounted?"
        )
    return "no other track to compare with (copies of the song itself are left out)"
