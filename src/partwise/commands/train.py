"""`partwise train`: folders of stems -> a checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from partwise.commands.console import Ticker, tell_left_out


def train(
    data: Annotated[
        list[Path], typer.Argument(help="Folders of stems, as `partwise render` makes them.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; running again resumes.")],
    recipe: Annotated[
        str, typer.Option(help="Which recipe; an unknown name lists them.")
    ] = "partwise",
    minutes: Annotated[float, typer.Option(min=0.0, help="Budget of training time.")] = 60.0,
    clock: Annotated[
        Literal["wall", "core"],
        typer.Option(help="What a minute is: of the clock, or of CPU time (for comparisons)."),
    ] = "wall",
    start_from: Annotated[
        Path | None, typer.Option(help="Checkpoint that a new run takes its weights from.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help="The highest; default: the recipe's own.")
    ] = None,
    voices: Annotated[
        Path | None, typer.Option(help="Voice bank (`partwise voices`) to sing over the mixes.")
    ] = None,
    teachers: Annotated[
        Path | None, typer.Option(help="Finished clean-stem teachers, for the recipe paper.")
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(
            help="Whose stems the recipe individual learns from: hpss, demucs or a checkpoint of "
            "the recipe separator; default: the clean stems."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights and the mixes.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; default: all cores.")
    ] = None,
) -> None:
    """Train an encoder on pseudo-mixes of stems; checkpointed, resumable, Ctrl-C is safe.

    Under `torchrun --nproc-per-node N -m partwise train ...` N processes train together.
    """
    from partwise.audio.mel import MelSettings
    from partwise.errors import PartwiseError
    from partwise.library.reports import duration_text

    try:
        import torch
    except ImportError:
        raise PartwiseError(
            "training needs PyTorch: pip install 'partwise[train]' -c constraints.txt"
        ) from None
    from partwise.training import distributed
    from partwise.training.loop import Progress
    from partwise.training.registry import RunOptions, check_options, run_recipe
    from partwise.training.stem_bank import StemBank

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise PartwiseError(f"--device {device}: no CUDA device is there; leave it out to use cpu")
    device = distributed.start(device)
    options = RunOptions(
        minutes=minutes,
        seed=seed,
        device=device,
        threads=threads,
        clock=clock,
        start_from=start_from,
        learning_rate=learning_rate,
        voices=voices,
        teachers=teachers,
        separator=separator,
    )
    check_options(recipe, options)
    skipped: list[tuple[str, str]] = []
    with Ticker("preparing stems", "pieces") as ticker:
        banks = distributed.first_alone(
            lambda: [
                StemBank.build(
                    folder,
                    MelSettings(),
                    progress=ticker,
                    on_skip=lambda stem, reason: skipped.append((stem, reason)),
                )
                for folder in data
            ]
        )
    tell_left_out(skipped)
    bank = StemBank.join(banks)
    typer.echo(f"{len(bank.pieces)} pieces, data digest {bank.digest}")
    with Ticker("training", "minutes") as ticker, Ticker("gathering samples", "stems") as gathering:

        def show(p: Progress) -> None:
            note = f"step {p.step}, {p.segments_per_s:.0f} segments/s, loss {p.losses['loss']:.3f}"
            ticker(p.minutes, p.budget_minutes, note)

        checkpoint = run_recipe(
            recipe, data, bank, out, options, preparing=gathering, progress=show
        )
    distributed.stop()
    typer.echo(f"trained for {duration_text(minutes * 60)}: {checkpoint}")
