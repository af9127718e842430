"""`partwise-lab render`: MIDI + SoundFonts -> stems."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from partwise.commands.console import Ticker


def render(
    midi: Annotated[list[Path], typer.Argument(help="Folders of General MIDI files.")],
    out: Annotated[Path, typer.Option(help="Folder for the stems; running again resumes.")],
    soundfont: Annotated[
        list[Path], typer.Option(help="SoundFont (sf2, sf3) to play with; repeat for more.")
    ],
    drumkit: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of a Hydrogen drum kit, or of several; repeat for more."),
    ] = None,
    split: Annotated[
        str | None, typer.Option(help="Only titles of this split: train, valid or test (80/10/10).")
    ] = None,
    titles: Annotated[
        list[Path] | None,
        typer.Option(help="CSV with columns file, original_path (source, licence); repeatable."),
    ] = None,
    licensed: Annotated[
        bool, typer.Option("--licensed", help="Only MIDI that --titles states a free licence of.")
    ] = False,
    sources: Annotated[
        str, typer.Option(help="Only MIDI whose source or licence holds one of these: a,b,c.")
    ] = "",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop at this many pieces (of each take).")
    ] = None,
    takes: Annotated[
        int, typer.Option(min=1, help="How often each piece is played, with other voices each.")
    ] = 1,
    seconds: Annotated[
        float, typer.Option(min=1.0, help="Length of each piece in seconds.")
    ] = 40.0,
    min_parts: Annotated[int, typer.Option(min=1, max=5, help="Skip pieces with fewer.")] = 4,
    sample_rate_hz: Annotated[
        int, typer.Option("--sample-rate", min=8000, max=96000, help="Of the stems, in Hz.")
    ] = 22050,
    effects: Annotated[
        float, typer.Option(min=0, max=1, help="Chance that a part goes through effects.")
    ] = 0.8,
    touch: Annotated[
        float, typer.Option(min=0, max=1, help="Chance that a part has a velocity curve.")
    ] = 0.8,
    tuning_cents: Annotated[
        float, typer.Option("--tuning", min=0, max=100, help="Farthest out of tune, in cents.")
    ] = 40.0,
    bands: Annotated[
        int,
        typer.Option(
            min=0, help="So many bands play all pieces, each always with the same voices; 0: none."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Same seed, same stems.")] = 0,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; default: all cores.")] = None,
) -> None:
    """Render MIDI files to stems with FluidSynth: drums, bass, piano, guitar and other.

    Deterministic from the seed, resumable, on every core. Which titles are in which split does not
    depend on anything but the title. `--effects 0 --touch 0 --tuning 0` renders plainly.
    """
    from partwise_lab.synthesis.render import RenderSettings, render_folder

    settings = RenderSettings(
        seconds=seconds,
        sample_rate_hz=sample_rate_hz,
        min_parts=min_parts,
        effects=effects,
        touch=touch,
        tuning_cents=tuning_cents,
        bands=bands,
        seed=seed,
    )
    with Ticker("rendering", "pieces") as ticker:
        done, skipped = render_folder(
            midi,
            out,
            soundfont,
            settings,
            drumkits=drumkit or (),
            split=split,
            titles=titles,
            sources=[source.strip() for source in sources.split(",") if source.strip()],
            licensed=licensed,
            limit=limit,
            takes=takes,
            jobs=jobs,
            progress=lambda done, skipped, target: ticker(done, target, f"{skipped} skipped"),
        )
    reasons = f"; reasons in {out / 'skipped.csv'}" if skipped else ""
    typer.echo(f"{done} pieces in {out}, {skipped} MIDI files skipped{reasons}")
