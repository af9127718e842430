"""`partwise evaluate`: a model, measured on stems it has not been trained on."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partwise.commands.console import Ticker, tell_left_out

if TYPE_CHECKING:
    from partwise.audio.mel import MelSettings
    from partwise.datasets.stems import StemPiece
    from partwise.evaluation.embed import EmbedSegments

_PROTOCOLS = ("pseudo-knn", "leakage", "presence", "few-pieces", "halves", "unmixed")
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
            help="pseudo-knn, leakage, presence, few-pieces, halves or unmixed; default: "
            "pseudo-knn, or few-pieces where a part has fewer than 10 pieces."
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
    from partwise.datasets.stems import data_digest
    from partwise.errors import PartwiseError
    from partwise.evaluation import protocols
    from partwise.evaluation.report_out import destinations, write_report
    from partwise.evaluation.stem_reader import StemReader
    from partwise.evaluation.tables import report_text
    from partwise.library.reports import duration_text
    from partwise.parts import PARTS

    if protocol not in (None, *_PROTOCOLS):
        raise PartwiseError(f"unknown --protocol {protocol!r}: choose {', '.join(_PROTOCOLS)}")
    where = destinations(out) if out else {}
    details = "html" in where
    if details:
        from partwise.evaluation.html.needs import require_packages

        require_packages()
    began = time.monotonic()
    threads = threads or os.cpu_count() or 1
    embed, mel, about = _load(model, device, threads)
    skipped: list[dict[str, str]] = []
    pieces = _pieces(data, manifest, skipped)
    stems = {part: sum(part in piece.stems for piece in pieces) for part in PARTS}
    if protocol is None:
        few = labels is None and any(0 < count < _LABELS for count in stems.values())
        protocol = "few-pieces" if few else "pseudo-knn"
    reader = StemReader(pieces, mel.sample_rate_hz)
    options: dict[str, Any] = {
        "segment_s": segment or (5.0 if protocol in ("few-pieces", "halves") else 10.0)
    }
    with Ticker("embedding", "mixes") as ticker:
        trial = protocols.Trial(pieces, reader, embed, seed, threads, ticker)
        if protocol == "presence":
            numbers = protocols.presence(trial, **options)
        elif protocol == "few-pieces":
            options |= {"labels": labels, "mixes": mixes or 24, "draws": draws, "oracle": oracle}
            numbers = protocols.few_pieces(trial, **options)
        elif protocol == "halves":
            options |= {"labels": labels, "draws": draws}
            numbers = protocols.halves(trial, **options)
        elif protocol == "unmixed":
            options |= {"labels": labels, "draws": draws}
            numbers = protocols.unmixed(trial, **options, details=details)
        else:
            options |= {"labels": labels or _LABELS, "pool": pool, "mixes": mixes or 4}
            options |= {"draws": draws, "oracle": oracle, "leakage": protocol == "leakage"}
            numbers = protocols.pseudo_knn(trial, **options, details=details)
    skipped += [{"name": name, "reason": reason} for name, reason in reader.faults.items()]
    report = {
        "schema": protocols.SCHEMA,
        "partwise": __version__,
        "protocol": protocol,
        "command": _command_line(context),
        **about,
        "data": [folder.resolve().name for folder in data],
        "data_digest": data_digest(pieces),
        "pieces": len(pieces),
        "stems": {str(part): count for part, count in stems.items()},
        "seed": seed,
        "options": options,
        "oracle": oracle,
        **numbers,
        "skipped": skipped,
        "seconds": round(time.monotonic() - began, 1),
    }
    reasons = [(item["name"], item["reason"]) for item in skipped]
    tell_left_out(reasons, " (--out has all of them)")
    if as_json:
        typer.echo(json.dumps(report, indent=1))
    else:
        typer.echo(report_text(report))
        took = duration_text(report["seconds"])
        typer.echo(f"\n{len(pieces)} pieces, {protocol}, model {about['model']}, {took}")

    def html(raw: dict[str, Any]) -> str:
        from partwise.evaluation.html.page import html_page

        return html_page([raw], reader)

    write_report(report, where, html)


def _command_line(context: typer.Context) -> str:
    """The command as it was given, whoever called it: options by their values, no defaults."""
    words = ["partwise", "evaluate"]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        value = context.params.get(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        if parameter.param_type_name == "argument":
            words.insert(2, str(value))
        elif value is True:
            words.append(parameter.opts[0])
        else:
            for item in value if isinstance(value, (list, tuple)) else [value]:
                words += [parameter.opts[0], str(item)]
    return shlex.join(words)


def _load(
    model: Path | None, device: str, threads: int
) -> tuple[EmbedSegments, MelSettings, dict[str, Any]]:
    """The network as a callable, its front end, and what the report says of it."""
    from partwise.errors import PartwiseError
    from partwise.evaluation.embed import checkpoint_embedder, segment_embedder

    suffix = model.suffix.lower() if model else ""
    if model is None or suffix == ".onnx" or model.is_dir():
        from partwise.embedding.encoder import load_encoder

        encoder = load_encoder(model)
        about = {
            "model": encoder.digest,
            "model_recipe": encoder.config.recipe,
            "model_data_digest": encoder.config.data_digest,
        }
        return segment_embedder(encoder), encoder.settings, about
    if suffix != ".safetensors":
        raise PartwiseError(
            f"{model} is no model: name an exported one (.onnx) or a checkpoint (.safetensors)"
        )
    try:
        import torch
    except ImportError:
        raise PartwiseError(
            f"the checkpoint {model} needs PyTorch: "
            "pip install 'partwise[train]' -c constraints.txt"
        ) from None
    from partwise.model.checkpoint import load_checkpoint

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise PartwiseError("--device cuda: no CUDA device is available here")
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // threads))
    network, mel, description = load_checkpoint(model)
    digest = hashlib.sha256(model.read_bytes())
    digest.update(model.with_suffix(".json").read_bytes())
    about = {
        "model": digest.hexdigest()[:16],
        "model_recipe": description.get("recipe", ""),
        "model_data_digest": description.get("data_digest", ""),
    }
    return checkpoint_embedder(network, mel, device), mel, about


def _pieces(
    folders: list[Path], manifest: Path | None, skipped: list[dict[str, str]]
) -> list[StemPiece]:
    """The pieces of all folders; of several, the names begin with the folder's."""
    from partwise.datasets.stems import find_pieces

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
