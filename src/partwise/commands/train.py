"""`partwise train`: folders of stems -> a checkpoint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from partwise.commands.console import Ticker


def train(
    data: Annotated[Path, typer.Argument(help="Folder of stems, as `partwise render` makes it.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; running again resumes.")],
    minutes: Annotated[float, typer.Option(min=0.0, help="Budget of training time.")] = 60.0,
    songs: Annotated[int, typer.Option(min=2, help="Songs per part in a batch.")] = 24,
    views: Annotated[int, typer.Option(min=2, help="Segments per song in a batch.")] = 4,
    seed: Annotated[int, typer.Option(help="Of the weights and the mixes.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; default: all cores.")
    ] = None,
) -> None:
    """Train an encoder on pseudo-mixes of stems; checkpointed, resumable, Ctrl-C is safe."""
    from partwise.audio.mel import MelSettings
    from partwise.errors import PartwiseError
    from partwise.library.reports import duration_text

    try:
        import torch
    except ImportError:
        raise PartwiseError(
            "training needs PyTorch: pip install 'partwise[train]' -c constraints.txt"
        ) from None
    from partwise.training.loop import Progress
    from partwise.training.loop import train as run
    from partwise.training.recipes import Recipe
    from partwise.training.stem_bank import StemBank

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise PartwiseError(f"--device {device}: no CUDA device is there; leave it out to use cpu")
    recipe = Recipe(seed=seed)
    recipe = replace(recipe, mix=replace(recipe.mix, songs=songs, views=views))
    with Ticker("preparing stems", "pieces") as ticker:
        bank = StemBank.build(data, MelSettings(), progress=ticker)
    typer.echo(f"{len(bank.pieces)} pieces, data digest {bank.digest}")
    with Ticker("training", "minutes") as ticker:

        def show(p: Progress) -> None:
            note = f"step {p.step}, {p.segments_per_s:.0f} segments/s, loss {p.losses['loss']:.3f}"
            ticker(p.minutes, p.budget_minutes, note)

        checkpoint = run(
            bank, recipe, out, minutes=minutes, device=device, threads=threads, progress=show
        )
    typer.echo(f"trained for {duration_text(minutes * 60)}: {checkpoint}")
