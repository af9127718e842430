"""`partwise-lab voices`: a bank of voices to mix into training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from partwise.commands.console import Ticker


def voices(
    out: Annotated[Path, typer.Option(help="Folder for the voices; running again resumes.")],
    seconds: Annotated[float, typer.Option(min=1.0, help="Length of all clips together [s].")] = (
        600.0
    ),
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same voices.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="At a time; default: all cores.")] = None,
) -> None:
    """Make voices that sing and speak, so that training on MIDI meets the human voice.

    eSpeak NG speaks and is made to sing; ten minutes take about 3 MB.
    """
    from partwise_lab.synthesis.voice_bank import build_voice_bank

    with Ticker("singing", "clips") as ticker:
        count = build_voice_bank(out, seconds, seed, jobs=jobs, progress=ticker)
    size = sum(path.stat().st_size for path in out.glob("voice-*.ogg"))
    typer.echo(f"{count} voices in {out}, {size / 1e6:.1f} MB")
