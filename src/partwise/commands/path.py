"""``partwise path``: tracks that lead evenly from one to another."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partwise.commands.console import LIBRARY
from partwise.commands.playlist import AsJson, M3u8, Xspf, write_playlists
from partwise.paths import brief, path_to_text

if TYPE_CHECKING:
    from partwise.library.search.journey import Step


def path(
    start: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="The first track: a file of the library, or as much of title, artist, album and "
            "file name as means only one.",
        ),
    ],
    end: Annotated[str, typer.Argument(metavar="B", help="The last track.")],
    parts: Annotated[
        str | None,
        typer.Option(
            metavar="PARTS",
            help="What leads from one to the other, with weights: drums=2,bass. Default: all parts "
            "heard in both alike.",
        ),
    ] = None,
    count: Annotated[
        int, typer.Option(metavar="N", help="How many tracks, both ends included; 2 to 100.")
    ] = 25,
    as_json: AsJson = False,
    m3u8: M3u8 = None,
    xspf: Xspf = None,
    library: Path | None = LIBRARY,
) -> None:
    """Lead evenly from one track to another by the parts you name.

    partwise path "amber meadow" jagged --parts drums --count 6

    A line for each track: how far along it is, 0 to 1; how alike it sounds to the first; its title.
    """
    from partwise.library.library import Library

    steps = Library.open(library).journey(start, end, count, parts)
    title = f"path from {_title(steps[0])} to {_title(steps[-1])}"
    printed = write_playlists(steps, m3u8, xspf, title=title, as_json=as_json)
    if as_json:
        json.dump({"steps": [_as_json(step) for step in steps]}, sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif not printed:
        for step in steps:
            print(f"{step.progress:.2f} {step.similarity:5.2f} {_title(step)}")


def _title(step: Step) -> str:
    return brief(step.tags.title or step.path.stem)


def _as_json(step: Step) -> dict[str, Any]:
    return {
        "track_id": step.track_id,
        "path": path_to_text(step.path),
        "progress": step.progress,
        "similarity": step.similarity,
        "step_similarity": step.step_similarity,
        "tags": dict(vars(step.tags)),
        "duration_s": step.duration_s,
    }
