"""`partwise-lab evaluate`: a model, measured on stems it has not been trained on."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from partwise.commands.console import Ticker
from partwise.errors import PartwiseError
from partwise_lab.commands.measuring import MeasuredModel, Reporting, load_measured

if TYPE_CHECKING:
    from partwise_lab.data.stems import StemPiece
    from partwise_lab.measure.stem_reader import StemReader

_LABELS = 10


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
            help="pseudo-knn, leakage, presence, few-pieces, halves, unmixed, songs, same-part, "
            "probes or abx; default: pseudo-knn, or few-pieces where a part has fewer than 10 "
            "pieces."
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
        typer.Option(help="X.json, X.csv or X.html, or all three into a folder; - prints JSON."),
    ] = None,
) -> None:
    """Measure a model: pseudo-mix kNN, leakage, presence; few pieces; halves and whole songs."""
    from partwise.library.reports import duration_text
    from partwise_lab.report.tables import report_text

    options = {"labels": labels, "pool": pool, "mixes": mixes, "draws": draws, "oracle": oracle}
    asked = Asked(
        protocol,
        tuple(data),
        manifest,
        options | {"segment_s": segment},
        answers,
        hears,
        songs_of,
        seed,
        threads or os.cpu_count() or 1,
    )
    asked.check()
    reporting = Reporting(context, "evaluate", out)
    measured = load_measured(model, device, asked.threads)
    if answers is not None:
        chosen, reader = "abx", None
        numbers = _listeners(asked, answers, measured, reporting)
    else:
        chosen, reader, numbers = _stems(asked, measured, reporting)
    report = reporting.whole(chosen, data, seed, {**measured.about, **numbers})
    if as_json and not reporting.printed:
        typer.echo(json.dumps(report, indent=1))
    elif not reporting.printed:
        typer.echo(report_text(report))
        took = duration_text(report["seconds"])
        typer.echo(f"\n{report['pieces']} pieces, {chosen}, model {report['model']}, {took}")
    reporting.write(report, reader)


@dataclass(frozen=True)
class Asked:
    """What is to be measured, and how.

    protocol : None chooses by the data; options : of the protocol, None where its own serve
    answers, hears, songs_of : of abx alone
    """

    protocol: str | None
    data: tuple[Path, ...]
    manifest: Path | None
    options: dict[str, Any]
    answers: Path | None
    hears: Literal["mix", "stem"]
    songs_of: Path | None
    seed: int
    threads: int

    def check(self) -> None:
        """Raises PartwiseError for what does not go together."""
        from partwise_lab.measure.protocols import PROTOCOLS

        if self.protocol not in (None, *PROTOCOLS):
            known = ", ".join(PROTOCOLS)
            raise PartwiseError(f"unknown --protocol {self.protocol!r}: choose {known}")
        if self.protocol == "abx" and (self.answers is None or len(self.data) > 1):
            raise PartwiseError(
                "--protocol abx needs --answers, and the clips in one folder of --data"
            )
        if self.protocol != "abx" and (self.answers or self.songs_of):
            raise PartwiseError("--answers and --songs-of are for --protocol abx alone")


def _stems(
    asked: Asked, measured: MeasuredModel, reporting: Reporting
) -> tuple[str, StemReader, dict[str, Any]]:
    """The protocol that was run, the reader of its stems, and what it found."""
    from partwise.parts import PARTS
    from partwise_lab.data.stems import data_digest
    from partwise_lab.measure.heard import Trial
    from partwise_lab.measure.protocols import OF_STEMS
    from partwise_lab.measure.stem_reader import StemReader

    pieces = _pieces(asked, reporting.skip)
    stems = {str(part): sum(part in piece.stems for piece in pieces) for part in PARTS}
    name = asked.protocol
    if name is None:
        few = any(0 < count < _LABELS for count in stems.values())
        name = "few-pieces" if few and asked.options["labels"] is None else "pseudo-knn"
    reader = StemReader(pieces, measured.mel.sample_rate_hz)
    with Ticker("embedding", "mixes") as ticker:
        trial = Trial(pieces, reader, measured.embed, asked.seed, asked.threads, ticker)
        options, numbers = OF_STEMS[name].run(trial, asked.options, details=reporting.page)
    for faulty, reason in reader.faults.items():
        reporting.skip(faulty, reason)
    about = {
        "data_digest": data_digest(pieces),
        "pieces": len(pieces),
        "stems": stems,
        "options": options,
        "oracle": bool(options.get("oracle")),
    }
    return name, reader, about | numbers


def _listeners(
    asked: Asked, place: Path, measured: MeasuredModel, reporting: Reporting
) -> dict[str, Any]:
    """Experiment 3: agreement with listeners' answers to clips that are found in the data."""
    import numpy as np

    from partwise_lab.measure.abx.answers import digest_of, read_answers, triplets
    from partwise_lab.measure.abx.clips import find_clips
    from partwise_lab.measure.abx.scoring import abx
    from partwise_lab.measure.abx.split import read_split

    answers = read_answers(place)
    asked_of = triplets(answers.answers)
    wanted = [clip for triplet in asked_of for clip in triplet.clips]
    rate_hz = measured.mel.sample_rate_hz
    clips = find_clips(asked.data[0], place, wanted, rate_hz, asked.hears)
    with Ticker("embedding", "songs") as ticker:
        numbers = abx(
            answers,
            clips,
            measured.embed,
            tuned_on=measured.tuned_on,
            songs_of=read_split(asked.songs_of) if asked.songs_of else None,
            presence_threshold=np.array(measured.presence_threshold),
            seed=asked.seed,
            threads=asked.threads,
            progress=ticker,
        )
    for name, reason in clips.told:
        reporting.skip(name, reason)
    return {
        "data_digest": digest_of(asked_of),
        "pieces": numbers["triplets"]["songs"],
        "options": {"hears": asked.hears},
        **numbers,
    }


def _pieces(asked: Asked, skip: Callable[[str, str], None]) -> list[StemPiece]:
    """The pieces of all folders; of several, the names begin with the folder's."""
    from partwise_lab.data.stems import find_pieces

    pieces = []
    for folder in asked.data:
        found = find_pieces(folder, on_skip=skip, manifest=asked.manifest)
        if len(asked.data) > 1:
            prefix = folder.resolve().name
            found = [replace(piece, name=f"{prefix}/{piece.name}") for piece in found]
        pieces += found
    return pieces
