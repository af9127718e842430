"""``partwise clusters``: what kinds of one part a library holds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partwise.commands.console import LIBRARY
from partwise.commands.playlist import AsJson
from partwise.paths import brief

if TYPE_CHECKING:
    from partwise.library.tables.catalogue import Track


def clusters(
    part: Annotated[
        str, typer.Argument(metavar="PART", help="drums, bass, piano, guitar or other.")
    ],
    count: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="How many clusters, 1 to 200; default: the root of the number of tracks, at most "
            "24.",
        ),
    ] = None,
    as_json: AsJson = False,
    library: Path | None = LIBRARY,
) -> None:
    """Put the tracks into clusters by how alike one part sounds.

    partwise clusters drums

    partwise clusters bass --count 12 --json

    A line for each cluster, largest first: how many tracks, and those that are most like the
    others. Tracks in which the part cannot be heard are in none.
    """
    from partwise.library.library import Library

    found = Library.open(library).clusters(part, count)
    if as_json:
        told = {"clusters": [cluster.to_json() for cluster in found]}
        json.dump(told, sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    if not found:
        print(f"{part.strip().lower()} cannot be heard in any track", file=sys.stderr)
    for cluster in found:
        print(f"{cluster.size:5}  {'; '.join(map(_named, cluster.typical))}")


def _named(track: Track) -> str:
    artist = f" ({brief(track.tags.artist)})" if track.tags.artist else ""
    return brief(track.title) + artist
