"""The model that `evaluate` measures: exported, a checkpoint, or the one that ships."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partwise.errors import PartwiseError

if TYPE_CHECKING:
    from partwise.embedding.logmel import MelSettings
    from partwise_lab.measure.abx.songs import SongSplit
    from partwise_lab.measure.embed import EmbedSegments


@dataclass(frozen=True)
class MeasuredModel:
    """A model as the protocols see it.

    mel : its front end; about : what the report says of it
    presence_threshold : of each part, from which it counts as present
    tuned_on : the songs that it was tuned on by answers of listeners, if it was
    """

    embed: EmbedSegments
    mel: MelSettings
    about: dict[str, Any]
    presence_threshold: tuple[float, ...]
    tuned_on: SongSplit | None


def load_measured(model: Path | None, device: str, threads: int) -> MeasuredModel:
    """An exported model (.onnx), a checkpoint (.safetensors) of one network, or the shipped one.

    Raises PartwiseError for everything else, and where PyTorch or the device is missing.
    """
    suffix = model.suffix.lower() if model else ""
    if model is None or suffix == ".onnx" or model.is_dir():
        return _exported(model)
    if suffix != ".safetensors":
        raise PartwiseError(
            f"{model} is no model: name an exported one (.onnx) or a checkpoint (.safetensors)"
        )
    return _checkpoint(model, device, threads)


def _exported(model: Path | None) -> MeasuredModel:
    from partwise.embedding.encoder import SHIPPED_MODEL, load_encoder
    from partwise_lab.measure.abx.songs import split_in
    from partwise_lab.measure.embed import segment_embedder

    encoder = load_encoder(model)
    config = encoder.config
    about = {
        "model": encoder.digest,
        "model_recipe": config.recipe,
        "model_data_digest": config.data_digest,
    }
    description = json.loads((model or SHIPPED_MODEL).with_suffix(".json").read_text())
    return MeasuredModel(
        segment_embedder(encoder),
        encoder.settings,
        about,
        config.presence_threshold,
        split_in(description),
    )


def _checkpoint(path: Path, device: str, threads: int) -> MeasuredModel:
    try:
        import torch
    except ImportError:
        raise PartwiseError(
            f"the checkpoint {path} needs PyTorch: pip install partwise-lab -c constraints.txt"
        ) from None
    from partwise.parts import PARTS
    from partwise_lab.measure.abx.songs import split_in
    from partwise_lab.measure.embed import checkpoint_embedder
    from partwise_lab.model.checkpoint import load_checkpoint

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise PartwiseError("--device cuda: no CUDA device is available here")
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // threads))
    network, mel, description = load_checkpoint(path)
    if network.kind in ("individual", "separator"):
        raise PartwiseError(
            f"{path} does not hear mixes (it is of the recipe {description.get('recipe')}): "
            "`partwise-lab compare` measures it"
        )
    digest = hashlib.sha256(path.read_bytes())
    digest.update(path.with_suffix(".json").read_bytes())
    about = {
        "model": digest.hexdigest()[:16],
        "model_recipe": description.get("recipe", ""),
        "model_data_digest": description.get("data_digest", ""),
    }
    threshold = (0.5,) * len(PARTS)  # a checkpoint has not been calibrated
    return MeasuredModel(
        checkpoint_embedder(network, mel, device), mel, about, threshold, split_in(description)
    )
