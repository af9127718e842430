"""`partwise-lab compare`: experiment 1, many embedders on the same pseudo-mixes in one table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from partwise.commands.console import Ticker, tell_left_out
from partwise.errors import PartwiseError
from partwise_lab.commands.measuring import Reporting

if TYPE_CHECKING:
    from partwise_lab.measure.contenders import Contender

_RIVALS = ("mfcc", "musicnn", "audiomuse", "musly", "bliss")


def compare(
    context: typer.Context,
    data: Annotated[Path, typer.Option(help="Folder of stems that nothing was trained on.")],
    row: Annotated[
        list[str] | None,
        typer.Option(
            help="[NAME=]EMBEDDER[@HEARS], repeated: shipped, a model, a checkpoint or a rival; "
            "hears mix, oracle, hpss, demucs or a separator's checkpoint. The others are compared "
            "with the first; default: shipped."
        ),
    ] = None,
    rivals: Annotated[
        str | None,
        typer.Option(
            help="Rows of all rivals (mfcc, musicnn, audiomuse, musly, bliss), one for each of "
            "these, by commas: mix, oracle, or separators."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="X.json, X.csv or X.html; without suffix a folder of all three."),
    ] = None,
    labels: Annotated[int, typer.Option(min=2, help="Labels to tell apart.")] = 10,
    pool: Annotated[
        int, typer.Option(min=2, help="Pieces that the label sets are drawn from.")
    ] = 30,
    mixes: Annotated[int, typer.Option(min=2, help="Pseudo-mixes per label.")] = 4,
    draws: Annotated[int, typer.Option(min=1, help="Label sets drawn.")] = 20,
    segment: Annotated[float, typer.Option(min=1.0, help="Seconds of a segment.")] = 10.0,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Mixes at a time; default: all cores.")
    ] = None,
) -> None:
    """Compare embedders: the one network, individual networks on stems, frozen rivals."""
    from partwise.embedding.logmel import MelSettings
    from partwise_lab.data.stems import data_digest, find_pieces
    from partwise_lab.measure.compare import compare as run
    from partwise_lab.measure.contenders import MIX, ORACLE
    from partwise_lab.measure.stem_reader import StemReader
    from partwise_lab.report.comparison import comparison_text
    from partwise_lab.separation.separator import load_separator

    reporting = Reporting(context, "compare", out)
    rate_hz = MelSettings().sample_rate_hz
    rows, refused = _contenders(row or ["shipped"], (rivals or "").split(","), rate_hz)
    separators = {
        hears: load_separator(hears, rate_hz)
        for hears in dict.fromkeys(r.hears for r in rows)
        if hears not in (MIX, ORACLE)
    }
    pieces = find_pieces(data, on_skip=reporting.skip)
    reader = StemReader(pieces, rate_hz)
    options = {"labels": labels, "pool": pool, "mixes": mixes, "draws": draws, "segment_s": segment}
    with Ticker("comparing", "mixes") as ticker:
        numbers = run(
            rows,
            separators,
            pieces,
            reader,
            seed=seed,
            threads=threads or os.cpu_count() or 1,
            progress=ticker,
            **options,
        )
    for found in numbers["rows"]:
        if found["hears"] in separators:
            found["hears"] = separators[found["hears"]].name
    for name, reason in reader.faults.items():
        reporting.skip(name, reason)
    about = {
        "model": numbers["rows"][0]["about"].get("digest", ""),
        "data_digest": data_digest(pieces),
        "pieces": len(pieces),
        "options": options,
        "refused": [{"row": spec, "reason": reason} for spec, reason in refused],
    }
    report = reporting.whole("compare", [data], seed, about | numbers)
    tell_left_out(refused)
    if not reporting.printed:
        typer.echo(comparison_text(report))
    reporting.write(report, reader)


def _contenders(
    named: Sequence[str], rivals_hear: Sequence[str], rate_hz: int
) -> tuple[list[Contender], list[tuple[str, str]]]:
    """The rows that were asked for, and those of all rivals, of which some cannot be made: why.

    Raises PartwiseError where a named one cannot be made, and for two of one name.
    """
    from partwise_lab.measure.contenders import contender

    rows = [contender(spec, rate_hz) for spec in named]
    refused: list[tuple[str, str]] = []
    for spec in (f"{name}@{hears}" for hears in rivals_hear if hears for name in _RIVALS):
        try:
            rows.append(contender(spec, rate_hz))
        except PartwiseError as error:
            refused.append((spec, str(error)))
    names = [r.name + r.hears for r in rows]
    if twice := next((r for r in rows if names.count(r.name + r.hears) > 1), None):
        raise PartwiseError(f"two rows are called {twice.name} and hear {twice.hears}: name them")
    return rows, refused
