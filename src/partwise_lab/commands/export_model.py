"""`partwise-lab export-model`: a checkpoint -> ONNX for inference."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np

    from partwise.embedding.encoder import Encoder
    from partwise_lab.data.stems import StemPiece

_RANGE_WINDOWS = 2  # of each piece, from which the ranges of 8-bit values are taken


def export_model(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="Checkpoint (.safetensors) of a run, or an exported network (.onnx) to change."
        ),
    ],
    out: Annotated[Path, typer.Option(help="ONNX file to write; its JSON goes beside it.")],
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Folder of stems that sets the presence thresholds (not trained on)."),
    ] = None,
    window_s: Annotated[
        float | None,
        typer.Option(
            "--window-s",
            min=1.0,
            help="Seconds that the network hears at a time, such as it was trained on; segments "
            "that overlap share what was heard. Default: whole segments.",
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8", help="Convolutions in 8 bits: faster. Needs --calibrate, for their ranges."
        ),
    ] = False,
) -> None:
    """Write a checkpoint as ONNX, checked against PyTorch to 1e-4.

    Without --calibrate the presence thresholds are 0.5, or those of the exported network.
    """
    from partwise.embedding.encoder import load_encoder
    from partwise.errors import PartwiseError
    from partwise.parts import PARTS
    from partwise_lab.data.stems import find_pieces
    from partwise_lab.measure.heard import Trial, segment_embedder
    from partwise_lab.measure.presence import best_threshold, presence_samples
    from partwise_lab.measure.stem_reader import StemReader

    if int8 and calibrate is None:
        raise PartwiseError("--int8 needs --calibrate: a folder of stems not trained on")
    pieces = find_pieces(calibrate) if calibrate else []
    write = _copied if checkpoint.suffix == ".onnx" else _exported
    told = write(checkpoint, out)
    changes: dict[str, Any] = {} if window_s is None else {"window_s": window_s}
    if int8:
        from partwise_lab.model.quantise import quantise

        encoder = load_encoder(out)
        before = out.stat().st_size / 1e6
        quantise(out, _windows(encoder, pieces, window_s), out)
        changes["arithmetic"] = "int8"
        told += f"; {before:.1f} MB before 8 bits"
    _describe(out, changes)
    if calibrate:
        embed = segment_embedder(encoder := load_encoder(out))
        reader = StemReader(pieces, encoder.settings.sample_rate_hz)
        samples = presence_samples(Trial(pieces, reader, embed))
        thresholds = [best_threshold(*samples.of(part)) for part in PARTS]
        _describe(out, {"presence_threshold": thresholds})
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {told}")


def _exported(checkpoint: Path, out: Path) -> str:
    from partwise.parts import PARTS
    from partwise_lab.model.checkpoint import load_checkpoint
    from partwise_lab.model.export import export_onnx
    from partwise_lab.model.run_facts import RUN_FACTS

    model, mel, about = load_checkpoint(checkpoint)
    kept = {key: about[key] for key in RUN_FACTS if key in about}  # old ones lack some
    kept["presence_threshold"] = [0.5] * len(PARTS)
    kept["created"] = datetime.now(UTC).date().isoformat()
    deviation = export_onnx(model, mel, out, kept)  # pyright: ignore[reportArgumentType]
    return f"at most {deviation:.1e} from PyTorch"


def _copied(network: Path, out: Path) -> str:
    """An exported network, and its description with the digest that it had."""
    from partwise.embedding.encoder import load_encoder

    digest = load_encoder(network).digest
    if not (out.exists() and network.samefile(out)):
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(network, out)
        shutil.copyfile(network.with_suffix(".json"), out.with_suffix(".json"))
    _describe(out, {"exported_from": digest})
    return f"from {digest}"


def _describe(out: Path, changes: dict[str, Any]) -> None:
    record = out.with_suffix(".json")
    description = json.loads(record.read_text()) | changes
    record.write_text(json.dumps(description, indent=1) + "\n")


def _windows(encoder: Encoder, pieces: Sequence[StemPiece], window_s: float | None) -> np.ndarray:
    """Log-mels [windows, frames, bands] of the pieces as they are, spread over each."""
    import numpy as np

    from partwise.audio.segment import SEGMENT_S
    from partwise.errors import PartwiseError
    from partwise_lab.measure.stem_reader import StemReader

    rate_hz = encoder.settings.sample_rate_hz
    length = round((window_s or SEGMENT_S) * rate_hz)
    reader = StemReader(pieces, rate_hz)
    found = []
    for index in range(len(pieces)):
        whole = reader.whole(index)
        if len(whole) >= length:
            starts = np.linspace(0, len(whole) - length, _RANGE_WINDOWS + 2)[1:-1].astype(int)
            found += [encoder.logmel(whole[start : start + length]) for start in starts]
    if not found:
        raise PartwiseError(
            f"no piece of --calibrate is as long as a window of {length / rate_hz:g} s"
        )
    return np.stack(found)
