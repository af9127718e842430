"""`partwise-lab evaluate`: a model, measured on stems it has not been trained on."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from partwise.commands.console import Ticker, command_line, tell_left_out

if TYPE_CHECKING:
    from partwise_lab.commands.measured_model import MeasuredModel
    from partwise_lab.data.stems import StemPiece


def evaluate(
    context: typer.Context,
    data: Annotated[
        list[Path], typer.Option(help="Folder of stems, not trained on; may be repeated.")
    ],
    model: Annotated[
        Path | None,
        typer.Argument(
            help="An ONNX model, or a checkpoint (.safetensors) of any recipe; default: the "
            "shipped model.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="pseudo-knn, leakage, presence, few-pieces, halves, unmixed, same-part, probes or "
            "abx; default: pseudo-knn, or few-pieces where a part has fewer than 10 pieces."
        ),
    ] = None,
    labels: Annotated[
        int | None,
        typer.Option(min=2, help="Labels to tell apart; default: 10, all of few or unmixed."),
    ] = None,
    pool: Annotated[
        int, typer.Option(min=2, help="Pieces that the label sets are drawn from.")
    ] = 100,
    mixes: Annotated[
        int | None,
        typer.Option(min=2, help="Pseudo-mixes per label; default: 4, few-pieces 24."),
    ] = None,
    draws: Annotated[int, typer.Option(min=1, help="Label sets drawn.")] = 20,
    segment: Annotated[
        float | None,
        typer.Option(min=1.0, help="Seconds of a segment; default: 10, few-pieces and halves 5."),
    ] = None,
    oracle: Annotated[bool, typer.Option(help="Clean stems instead of mixes.")] = False,
    answers: Annotated[
        Path | None,
        typer.Option(help="For abx: folder of Inst-Sim-ABX, or a CSV of its columns."),
    ] = None,
    hears: Annotated[
        Literal["mix", "stem"],
        typer.Option(help="For abx: the mix, or the part alone as the listeners heard it."),
    ] = "mix",
    songs_of: Annotated[
        Path | None,
        typer.Option(help="For abx: only the test songs of this model of the recipe preference."),
    ] = None,
    manifest: Annotated[
        Path | None,
        typer.Option(help="JSON or CSV: which file is which part, where names do not tell."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Mixes at a time; default: all cores.")
    ] = None,
    device: Annotated[str, typer.Option(help="Where a checkpoint runs: cpu or cuda.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Write X.json, X.csv or X.html, or all three into a folder."),
    ] = None,
) -> None:
    """Measure a model: pseudo-mix kNN, leakage, presence; few pieces; halves and whole songs."""
    from partwise import __version__
    from partwise.errors import PartwiseError
    from partwise.library.reports import duration_text
    from partwise.parts import PARTS
    from partwise_lab.commands.measured_model import load_measured
    from partwise_lab.data.stems import data_digest
    from partwise_lab.measure import protocols
    from partwise_lab.measure.heard import Trial
    from partwise_lab.measure.stem_reader import StemReader
    from partwise_lab.report.report_out import destinations, write_report
    from partwise_lab.report.tables import report_text

    if protocol not in (None, *protocols.PROTOCOLS):
        raise PartwiseError(
            f"unknown --protocol {protocol!r}: choose {', '.join(protocols.PROTOCOLS)}"
        )
    if protocol == "abx" and (answers is None or len(data) > 1):
        raise PartwiseError("--protocol abx needs --answers, and the clips in one folder of --data")
    if protocol != "abx" and (answers or songs_of):
        raise PartwiseError("--answers and --songs-of are for --protocol abx alone")
    where = destinations(out) if out else {}
    details = "html" in where
    if details:
        from partwise_lab.report.html.needs import require_packages

        require_packages()
    began = time.monotonic()
    threads = threads or os.cpu_count() or 1
    measured = load_measured(model, device, threads)
    report: dict[str, Any] = {
        "schema": protocols.SCHEMA,
        "partwise": __version__,
        "protocol": protocol,
        "command": command_line(context, "evaluate"),
        **measured.about,
        "data": [folder.resolve().name for folder in data],
        "seed": seed,
    }
    skipped: list[dict[str, str]] = []
    reader = None
    if answers is not None:
        report |= _listeners(measured, data[0], answers, hears, songs_of, seed, threads, skipped)
    else:
        pieces = _pieces(data, manifest, skipped)
        stems = {part: sum(part in piece.stems for piece in pieces) for part in PARTS}
        if protocol is None:
            few = labels is None and any(0 < count < protocols.LABELS for count in stems.values())
            report["protocol"] = protocol = "few-pieces" if few else "pseudo-knn"
        reader = StemReader(pieces, measured.mel.sample_rate_hz)
        asked = {
            "segment_s": segment,
            "labels": labels,
            "pool": pool,
            "mixes": mixes,
            "draws": draws,
            "oracle": oracle,
        }
        with Ticker("embedding", "mixes") as ticker:
            trial = Trial(pieces, reader, measured.embed, seed, threads, ticker)
            options, numbers = protocols.OF_STEMS[protocol].run(trial, asked, details=details)
        report |= {
            "data_digest": data_digest(pieces),
            "pieces": len(pieces),
            "stems": {str(part): count for part, count in stems.items()},
            "options": options,
            "oracle": bool(options.get("oracle")),
            **numbers,
        }
        skipped += [{"name": name, "reason": reason} for name, reason in reader.faults.items()]
    report |= {"skipped": skipped, "seconds": round(time.monotonic() - began, 1)}
    reasons = [(item["name"], item["reason"]) for item in skipped]
    tell_left_out(reasons, " (--out has all of them)")
    if as_json:
        typer.echo(json.dumps(report, indent=1))
    else:
        typer.echo(report_text(report))
        took = duration_text(report["seconds"])
        typer.echo(f"\n{report['pieces']} pieces, {protocol}, model {report['model']}, {took}")

    def html(raw: dict[str, Any]) -> str:
        from partwise_lab.report.html.page import html_page

        return html_page([raw], reader)

    write_report(report, where, html)


def _listeners(
    measured: MeasuredModel,
    data: Path,
    place: Path,
    hears: Literal["mix", "stem"],
    songs_of: Path | None,
    seed: int,
    threads: int,
    skipped: list[dict[str, str]],
) -> dict[str, Any]:
    """Experiment 3: agreement with listeners' answers to clips that are found in `data`."""
    import numpy as np

    from partwise_lab.measure.abx.answers import digest_of, read_answers, triplets
    from partwise_lab.measure.abx.clips import find_clips
    from partwise_lab.measure.abx.scoring import abx
    from partwise_lab.measure.abx.split import read_split

    answers = read_answers(place)
    asked = triplets(answers.answers)
    wanted = [clip for triplet in asked for clip in triplet.clips]
    clips = find_clips(data, place, wanted, measured.mel.sample_rate_hz, hears)
    with Ticker("embedding", "songs") as ticker:
        numbers = abx(
            answers,
            clips,
            measured.embed,
            tuned_on=measured.tuned_on,
            songs_of=read_split(songs_of) if songs_of else None,
            presence_threshold=np.array(measured.presence_threshold),
            seed=seed,
            threads=threads,
            progress=ticker,
        )
    skipped += [{"name": name, "reason": reason} for name, reason in clips.told]
    return {
        "data_digest": digest_of(asked),
        "pieces": numbers["triplets"]["songs"],
        "options": {"hears": hears},
        **numbers,
    }


def _pieces(
    folders: list[Path], manifest: Path | None, skipped: list[dict[str, str]]
) -> list[StemPiece]:
    """The pieces of all folders; of several, the names begin with the folder's."""
    from partwise_lab.data.stems import find_pieces

    def skip(name: str, reason: str) -> None:
        skipped.append({"name": name, "reason": reason})

    pieces = []
    for folder in folders:
        found = find_pieces(folder, on_skip=skip, manifest=manifest)
        if len(folders) > 1:
            prefix = folder.resolve().name
            found = [replace(piece, name=f"{prefix}/{piece.name}") for piece in found]
        pieces += found
    return pieces
