"""`partwise-lab card`: the model card, made from the run's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def card(
    out: Annotated[Path, typer.Option(help="Markdown file to write.")],
    model: Annotated[
        Path | None, typer.Option(help="ONNX model; default: the shipped one.")
    ] = None,
    evaluation: Annotated[
        list[Path] | None,
        typer.Option(help="Report of `partwise-lab evaluate --out` on this model; repeatable."),
    ] = None,
    real: Annotated[
        list[Path] | None, typer.Option(help="The same on recorded stems; repeatable.")
    ] = None,
    data_card: Annotated[
        list[Path] | None,
        typer.Option(help="Folder that `render` made, or its render.json; repeatable."),
    ] = None,
    midi_index: Annotated[
        list[Path] | None,
        typer.Option(help="CSV with columns file, original_path, source, licence; repeatable."),
    ] = None,
    benchmark: Annotated[
        list[Path] | None,
        typer.Option(help="JSON of benchmarks/indexing.py; of other models too; repeatable."),
    ] = None,
    earlier: Annotated[
        list[Path] | None,
        typer.Option(help="Checkpoint JSON of a run that this one began with; repeatable."),
    ] = None,
) -> None:
    """Write a model card. What no file is given for is said to be not measured."""
    from partwise.atomic import is_stdout, write_whole
    from partwise.embedding.encoder import SHIPPED_MODEL
    from partwise.errors import PartwiseError
    from partwise_lab.report.model_card import model_card, read_facts

    if not out.parent.is_dir():
        raise PartwiseError(f"the folder of --out {out} does not exist")
    facts = read_facts(
        model or SHIPPED_MODEL,
        evaluation or (),
        real or (),
        data_card or (),
        midi_index or (),
        benchmark or (),
        earlier or (),
    )
    try:
        write_whole(out, model_card(facts))
    except OSError as error:
        raise PartwiseError(f"--out {out} cannot be written: {error.strerror}") from None
    said = f"{out}: the card of {facts.digest}, from {len(facts.reports)} reports on stems"
    typer.echo(said, err=is_stdout(out))
