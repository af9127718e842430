"""`partwise-lab arrange`: band arrangements as MIDI, to render stems from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from partwise.commands.console import Ticker


def arrange(
    out: Annotated[Path, typer.Option(help="Folder for the MIDI files; running again resumes.")],
    count: Annotated[int, typer.Option(min=1, help="How many songs.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same songs.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="At once; default: all cores.")] = None,
) -> None:
    """Make band arrangements with mma (Debian package `mma`), free of anybody's rights.

    Writes MIDI files with drums, bass, piano, guitar and others, and an index.csv for
    `partwise-lab render --titles`.
    """
    from partwise_lab.synthesis.arrange import arrange_folder

    with Ticker("arranging", "songs") as ticker:
        done, skipped = arrange_folder(
            out,
            count,
            seed,
            jobs=jobs,
            progress=lambda done, skipped, count: ticker(done, count, f"{skipped} skipped"),
        )
    reasons = f"; reasons in {out / 'skipped.csv'}" if skipped else ""
    typer.echo(f"{done} songs in {out}, {skipped} skipped{reasons}")
