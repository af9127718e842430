"""`partwise-lab export-model`: a checkpoint -> ONNX for inference."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from partwise.audio.segment import SEGMENT_S

if TYPE_CHECKING:
    import numpy as np

    from partwise.embedding.logmel import LogMel, MelSettings
    from partwise_lab.data.stems import StemPiece
    from partwise_lab.measure.heard import EmbedSegments
    from partwise_lab.measure.presence import PresenceSamples
    from partwise_lab.model.encoder import PartEncoder

_RANGE_WINDOWS = 2  # of each piece, from which the ranges of 8-bit values are taken
_ALONE = 0.25  # of the segments that presence is calibrated on: one stem by itself


def export_model(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="Checkpoint (.safetensors) of a run, or an exported network (.onnx) to change."
        ),
    ],
    out: Annotated[Path, typer.Option(help="ONNX file to write; its JSON goes beside it.")],
    calibrate: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folders of stems that calibrate presence and set its thresholds (not trained on)."
        ),
    ] = None,
    voices: Annotated[
        Path | None,
        typer.Option(help="Voice bank that sings over some of what presence is calibrated on."),
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
    from partwise.atomic import is_plain
    from partwise.embedding.encoder import load_encoder
    from partwise.embedding.logmel import LogMel, MelSettings
    from partwise.errors import PartwiseError
    from partwise.parts import PARTS
    from partwise_lab.data.stems import find_pieces
    from partwise_lab.measure.heard import segment_embedder
    from partwise_lab.measure.presence import best_threshold
    from partwise_lab.model.checkpoint import CHECKPOINTS, write_pair

    if not is_plain(out):
        raise PartwiseError(f"--out {out} is no file: a network is two, the other a JSON beside it")
    if int8 and not calibrate:
        raise PartwiseError("--int8 needs --calibrate: a folder of stems not trained on")
    folders = [find_pieces(folder) for folder in calibrate or ()]
    sets = _Sets(folders, voices)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.stem}.") as folder:
        draft = Path(folder) / "draft.onnx"
        if checkpoint.suffix.lower() in CHECKPOINTS:
            description, told = _exported(checkpoint, draft, sets, window_s)
        else:
            description, told = _copied(checkpoint, draft)
        if window_s is not None:
            description["window_s"] = window_s
        if int8:
            from partwise_lab.model.export import quantise

            before = draft.stat().st_size / 1e6
            pieces = [piece for folder in folders for piece in folder]
            logmel = LogMel(MelSettings(**description["mel"]))
            quantise(draft, _windows(logmel, pieces, window_s), draft)
            description["arithmetic"] = "int8"
            told += f"; {before:.1f} MB before 8 bits"
        network = draft.read_bytes()
        write_pair(draft, network, description)
        if folders and "presence_threshold" in description:  # masks have none
            encoder = load_encoder(draft)
            each = sets.presence(segment_embedder(encoder), encoder.settings.sample_rate_hz)
            description["presence_threshold"] = [
                best_threshold([samples.of(part) for samples in each]) for part in PARTS
            ]
    write_pair(out, network, description)
    typer.echo(f"{out}: {out.stat().st_size / 1e6:.1f} MB, {told}")


class _Sets:
    """What presence is calibrated on: folders of stems alike, sung over where there are voices."""

    def __init__(self, folders: Sequence[Sequence[StemPiece]], voices: Path | None) -> None:
        self.folders, self.voices = folders, voices

    def presence(
        self, embed: EmbedSegments, sample_rate_hz: int, segment_s: float = SEGMENT_S
    ) -> list[PresenceSamples]:
        """What is told of segments of each folder, and what is true."""
        from partwise_lab.measure.heard import Trial
        from partwise_lab.measure.presence import presence_samples
        from partwise_lab.measure.stem_reader import StemReader
        from partwise_lab.synthesis.voice_bank import read_voice_bank

        sung = read_voice_bank(self.voices, sample_rate_hz) if self.voices else []
        return [
            presence_samples(
                Trial(pieces, StemReader(pieces, sample_rate_hz), embed),
                segment_s=segment_s,
                voices=sung,
                alone=_ALONE,
            )
            for pieces in self.folders
        ]


def _calibrate(network: PartEncoder, mel: MelSettings, sets: _Sets, window_s: float | None) -> None:
    """Put the slope and offset of every part's presence into the layer that tells it."""
    import numpy as np
    import torch

    from partwise.parts import PARTS
    from partwise_lab.measure.heard import checkpoint_embedder
    from partwise_lab.measure.presence import calibration

    embed = checkpoint_embedder(network, mel)
    each = sets.presence(embed, mel.sample_rate_hz, window_s or SEGMENT_S)
    for part in PARTS:
        columns = zip(*(samples.of(part) for samples in each), strict=True)
        told, truth = (np.concatenate(column) for column in columns)
        sure = np.clip(told.astype(np.float64), 1e-7, 1.0 - 1e-7)
        slope, offset = calibration(np.log(sure / (1.0 - sure)), truth)
        with torch.no_grad():
            network.presence.weight[part.index] *= slope
            bias = network.presence.bias
            assert bias is not None
            bias[part.index] = slope * bias[part.index] + offset


def _exported(
    checkpoint: Path, draft: Path, sets: _Sets, window_s: float | None
) -> tuple[dict[str, Any], str]:
    """A checkpoint as ONNX, calibrated; its description, and how far it is from PyTorch."""
    from partwise.parts import PARTS
    from partwise_lab.model.checkpoint import RUN_FACTS, load_checkpoint
    from partwise_lab.model.encoder import PartEncoder
    from partwise_lab.model.export import export_onnx
    from partwise_lab.model.masks import MaskNetwork

    model, mel, about = load_checkpoint(checkpoint)
    if sets.folders and isinstance(model, PartEncoder):
        _calibrate(model, mel, sets, window_s)
    kept = {key: about[key] for key in RUN_FACTS if key in about}  # old ones lack some
    if isinstance(model, MaskNetwork):
        kept["trunk"] = model.encoder.trunk_digest()
    else:
        kept["presence_threshold"] = [0.5] * len(PARTS)
    if isinstance(model, PartEncoder):
        kept["trunk"] = model.trunk_digest()
    kept["created"] = datetime.now(UTC).date().isoformat()
    deviation = export_onnx(model, mel, draft, kept)  # pyright: ignore[reportArgumentType]
    description = json.loads(draft.with_suffix(".json").read_text())
    return description, f"at most {deviation:.1e} from PyTorch"


def _copied(network: Path, draft: Path) -> tuple[dict[str, Any], str]:
    """An exported network, and its description with the digest that it had."""
    from partwise.embedding.encoder import load_encoder

    digest = load_encoder(network).digest
    shutil.copyfile(network, draft)
    shutil.copyfile(network.with_suffix(".json"), draft.with_suffix(".json"))
    description = json.loads(draft.with_suffix(".json").read_text())
    return description | {"exported_from": digest}, f"from {digest}"


def _windows(logmel: LogMel, pieces: Sequence[StemPiece], window_s: float | None) -> np.ndarray:
    """Log-mels [windows, frames, bands] of the pieces as they are, spread over each."""
    import numpy as np

    from partwise.errors import PartwiseError
    from partwise_lab.measure.stem_reader import StemReader

    rate_hz = logmel.settings.sample_rate_hz
    length = round((window_s or SEGMENT_S) * rate_hz)
    reader = StemReader(pieces, rate_hz)
    found = []
    for index in range(len(pieces)):
        whole = reader.whole(index)
        if len(whole) >= length:
            starts = np.linspace(0, len(whole) - length, _RANGE_WINDOWS + 2)[1:-1].astype(int)
            found += [logmel(whole[start : start + length]) for start in starts]
    if not found:
        raise PartwiseError(
            f"no piece of --calibrate is as long as a window of {length / rate_hz:g} s"
        )
    return np.stack(found)
