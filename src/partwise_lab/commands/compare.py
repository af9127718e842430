"""`partwise-lab compare`: experiment 1, many embedders on the same pseudo-mixes in one table."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partwise.commands.console import Ticker, command_line, tell_left_out

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
    from partwise import __version__
    from partwise.embedding.logmel import MelSettings
    from partwise.errors import PartwiseError
    from partwise_lab.data.stems import data_digest, find_pieces
    from partwise_lab.measure import protocols
    from partwise_lab.measure.compare import compare as run
    from partwise_lab.measure.contenders import MIX, ORACLE, contender
    from partwise_lab.measure.stem_reader import StemReader
    from partwise_lab.report.compare_text import comparison_text
    from partwise_lab.report.report_out import destinations, write_report
    from partwise_lab.separation.separator import load_separator

    where = destinations(out) if out else {}
    if "html" in where:
        from partwise_lab.report.html.needs import require_packages

        require_packages()
    began = time.monotonic()
    specs = list(row or ["shipped"])
    specs += [f"{name}@{hears}" for hears in (rivals or "").split(",") if hears for name in _RIVALS]
    rate_hz = MelSettings().sample_rate_hz
    rows: list[Contender] = []
    refused: list[tuple[str, str]] = []
    asked = set(row or ["shipped"])
    for spec in specs:
        try:
            rows.append(contender(spec, rate_hz))
        except PartwiseError as error:
            if spec in asked:
                raise
            refused.append((spec, str(error)))  # one of --rivals, which others do without
    names = [r.name + r.hears for r in rows]
    if twice := next((r for r in rows if names.count(r.name + r.hears) > 1), None):
        raise PartwiseError(f"two rows are called {twice.name} and hear {twice.hears}: name them")
    separators = {
        hears: load_separator(hears, rate_hz)
        for hears in dict.fromkeys(r.hears for r in rows)
        if hears not in (MIX, ORACLE)
    }
    skipped: list[dict[str, str]] = []
    pieces = find_pieces(
        data, on_skip=lambda name, why: skipped.append({"name": name, "reason": why})
    )
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
    skipped += [{"name": name, "reason": reason} for name, reason in reader.faults.items()]
    report = {
        "schema": protocols.SCHEMA,
        "partwise": __version__,
        "protocol": "compare",
        "command": command_line(context, "compare"),
        "model": numbers["rows"][0]["about"].get("digest", ""),
        "data": [data.resolve().name],
        "data_digest": data_digest(pieces),
        "pieces": len(pieces),
        "seed": seed,
        "options": options,
        **numbers,
        "refused": [{"row": spec, "reason": reason} for spec, reason in refused],
        "skipped": skipped,
        "seconds": round(time.monotonic() - began, 1),
    }
    tell_left_out([(item["name"], item["reason"]) for item in skipped])
    tell_left_out(refused)
    typer.echo(comparison_text(report))

    def html(raw: dict[str, Any]) -> str:
        from partwise_lab.report.html.page import html_page

        return html_page([raw], reader)

    write_report(report, where, html)
