"""The model that `evaluate` measures: exported, a checkpoint, or the one that ships."""

from __future__ import annotations

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

    Raises PartwiseError for everything else, and where the device is missing.
    """
    from partwise.embedding.encoder import Encoder
    from partwise.parts import PARTS
    from partwise_lab.measure.abx.songs import split_in
    from partwise_lab.measure.embed import checkpoint_embedder, segment_embedder
    from partwise_lab.model.checkpoint import load_model

    kinds = (".onnx", ".safetensors")
    if model and model.suffix.lower() not in kinds and not model.is_dir():
        raise PartwiseError(
            f"{model} is no model: name an exported one (.onnx) or a checkpoint (.safetensors)"
        )
    loaded = load_model(model, max(1, (os.cpu_count() or 1) // threads))
    network, description = loaded.network, loaded.about
    if isinstance(network, Encoder):
        embed, threshold = segment_embedder(network), network.config.presence_threshold
    else:
        import torch

        if device.startswith("cuda") and not torch.cuda.is_available():
            raise PartwiseError("--device cuda: no CUDA device is available here")
        if network.kind in ("individual", "separator"):
            raise PartwiseError(
                f"{model} does not hear mixes (it is of the recipe {description.get('recipe')}): "
                "`partwise-lab compare` measures it"
            )
        embed = checkpoint_embedder(network, loaded.mel, device)
        threshold = (0.5,) * len(PARTS)  # a checkpoint has not been calibrated
    about = {
        "model": loaded.digest,
        "model_recipe": description.get("recipe", ""),
        "model_data_digest": description.get("data_digest", ""),
    }
    return MeasuredModel(embed, loaded.mel, about, threshold, split_in(description))
