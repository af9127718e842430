"""``partwise forget``: take folders out of the library; their files stay."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from partwise.commands.console import LIBRARY
from partwise.errors import PartwiseError
from partwise.library.holdings import holding_of
from partwise.library.reports import files_text
from partwise.paths import absolute, shown


def forget(
    folders: list[Path] = typer.Argument(
        ..., metavar="FOLDER", help="Folders of the library; single files work too."
    ),
    library: Path | None = LIBRARY,
    yes: bool = typer.Option(False, "--yes", help="Do not ask."),
) -> int:
    """Remove what the library holds of one or more folders. The files stay where they are.

    What was heard in them is gone then: to have it again, it has to be heard again. Tracks that
    have a file elsewhere stay. `partwise status` lists the folders.
    """
    from partwise.library.library import Library

    target = Library.open(library)
    for name in [absolute(folder) for folder in folders]:
        held = holding_of(target.store, name)
        question = (
            f"forget {shown(name)}: {tracks_text(held.leaving)} of {files_text(held.known)} leave"
            " the library, the files stay?"
        )
        if (held.known or held.kept) and not yes and not _agreed(question):
            print(f"{shown(name)} stays in the library")
            continue
        done = target.forget(name)
        print(f"forgot {shown(name)}: {tracks_text(done.tracks)} of {files_text(done.files)}")
    return 0


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise PartwiseError(f"{question} --yes says so where nobody can be asked")
    return typer.confirm(question)


def tracks_text(count: int) -> str:
    """``1 track``, ``2 tracks``."""
    return "1 track" if count == 1 else f"{count} tracks"
