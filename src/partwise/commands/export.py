"""`partwise export`: a checkpoint -> ONNX for inference."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint (.safetensors) of a run.")],
    out: Annotated[Path, typer.Option(help="ONNX file to write; its JSON goes beside it.")],
    calibrate: Annotated[
        Path | None,
        typer.Option(help="Folder of stems that sets the presence thresholds (not trained on)."),
    ] = None,
) -> None:
    """Write a checkpoint as ONNX, checked against PyTorch to 1e-4.

    Without --calibrate the presence thresholds are 0.5.
    """
    from partwise.datasets.stems import find_pieces
    from partwise.embedding.encoder import load_encoder
    from partwise.evaluation.embed import segment_embedder
    from partwise.evaluation.presence import best_threshold, presence_samples
    from partwise.model.checkpoint import load_checkpoint
    from partwise.model.export import export_onnx
    from partwise.model.run_facts import RUN_FACTS
    from partwise.parts import PARTS

    model, mel, about = load_checkpoint(checkpoint)
    kept = {key: about[key] for key in RUN_FACTS if key in about}  # old ones lack some
    kept["presence_threshold"] = [0.5] * len(PARTS)
    kept["created"] = datetime.now(UTC).date().isoformat()
    deviation = export_onnx(model, mel, out, kept)  # pyright: ignore[reportArgumentType]
    if calibrate:
        encoder = load_encoder(out)
        samples = presence_samples(
            find_pieces(calibrate), mel.sample_rate_hz, segment_embedder(encoder)
        )
        record = out.with_suffix(".json")
        description = json.loads(record.read_text())
        description["presence_threshold"] = [best_threshold(*samples.of(part)) for part in PARTS]
        record.write_text(json.dumps(description, indent=1) + "\n")
    size_mb = out.stat().st_size / 1e6
    typer.echo(f"{out}: {size_mb:.1f} MB, at most {deviation:.1e} from PyTorch")
