"""`partwise-lab train`: folders of stems -> a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from partwise.commands.console import Ticker, tell_left_out

if TYPE_CHECKING:
    from partwise_lab.training.loop import Progress
    from partwise_lab.training.registry import Tuned


def train(
    data: Annotated[
        list[Path],
        typer.Argument(
            help="Folders of stems, as `partwise-lab render` makes them; for the recipe preference "
            "one of Slakh2100, or of clips already cut."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the run; running again resumes.")],
    recipe: Annotated[
        str, typer.Option(help="Which recipe; an unknown name lists them.")
    ] = "partwise",
    minutes: Annotated[
        float | None,
        typer.Option(
            min=0.0, help="Budget of training time; default: 60, of the recipe preference 2."
        ),
    ] = None,
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
    cool: Annotated[
        bool,
        typer.Option(
            "--cool",
            help="Finish what the run in --out has learnt so far: its rate falls to nothing over "
            "--minutes, in OUT/cooled. The run itself can go on.",
        ),
    ] = False,
    voices: Annotated[
        Path | None, typer.Option(help="Voice bank (`partwise-lab voices`) to sing over the mixes.")
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
    answers: Annotated[
        Path | None,
        typer.Option(help="Answers of listeners (Inst-Sim-ABX), for the recipe preference."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the weights and the mixes.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; default: all cores.")
    ] = None,
) -> None:
    """Train an encoder on pseudo-mixes of stems; checkpointed, resumable, Ctrl-C is safe.

    Under `torchrun --nproc-per-node N -m partwise_lab train ...` N processes train together.
    """
    import torch

    from partwise.embedding.logmel import MelSettings
    from partwise.errors import PartwiseError
    from partwise.library.reports import duration_text
    from partwise_lab.training import machine
    from partwise_lab.training.preference import NAME as PREFERENCE
    from partwise_lab.training.registry import RunOptions, check_options, run_preference, run_recipe
    from partwise_lab.training.stem_bank import StemBank

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise PartwiseError(f"--device {device}: no CUDA device is there; leave it out to use cpu")
    device = machine.start(device)
    if minutes is None:
        minutes = 2.0 if recipe == PREFERENCE else 60.0
    options = RunOptions(
        minutes=minutes,
        seed=seed,
        device=device,
        threads=threads,
        clock=clock,
        start_from=start_from,
        learning_rate=learning_rate,
        cool=cool,
        voices=voices,
        teachers=teachers,
        separator=separator,
        answers=answers,
    )
    check_options(recipe, options)
    skipped: list[tuple[str, str]] = []

    def skip(what: str, why: str) -> None:
        skipped.append((what, why))

    if recipe == PREFERENCE:
        with Ticker("training", "minutes") as ticker, Ticker("hearing", "songs") as hearing:
            tuned = run_preference(
                data, out, options, on_skip=skip, preparing=hearing, progress=_telling(ticker)
            )
        machine.stop()
        tell_left_out(skipped)
        typer.echo(_tuned_text(tuned))
        return
    with Ticker("preparing stems", "pieces") as ticker:

        def build() -> list[StemBank]:
            return [StemBank.build(f, MelSettings(), progress=ticker, on_skip=skip) for f in data]

        banks = machine.first_alone(build)
    tell_left_out(skipped)
    bank = StemBank.join(banks)
    typer.echo(f"{len(bank.pieces)} pieces, data digest {bank.digest}")
    with Ticker("training", "minutes") as ticker, Ticker("separating", "mixes") as separating:
        checkpoint = run_recipe(
            recipe, data, bank, out, options, preparing=separating, progress=_telling(ticker)
        )
    machine.stop()
    typer.echo(f"trained for {duration_text(minutes * 60)}: {checkpoint}")


def _telling(ticker: Ticker) -> Callable[[Progress], None]:
    def show(p: Progress) -> None:
        note = f"step {p.step}, {p.segments_per_s:.0f} segments/s, loss {p.losses['loss']:.3f}"
        ticker(p.minutes, p.budget_minutes, note)

    return show


def _tuned_text(tuned: Tuned) -> str:
    """What a run of the recipe `preference` has come to."""
    counts = tuned.triplets
    lines = [
        f"XAB triplets by song: {counts['train']} train, {counts['valid']} valid, {counts['test']} "
        f"test; {counts['straddling']} have songs of several splits and are not used"
    ]
    for name, before in tuned.before.items():
        after = tuned.after[name]
        if before is not None and after is not None:
            lines.append(f"votes agreed with, {name} songs: {before:.1%} -> {after:.1%}")
    return "\n".join([*lines, f"tuned: {tuned.checkpoint}"])
