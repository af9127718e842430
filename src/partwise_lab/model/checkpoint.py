"""A checkpoint: safetensors for the numbers, JSON beside it for every hyper-parameter."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from partwise.atomic import write_whole
from partwise.embedding.logmel import MelSettings
from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.model.encoder import EncoderSettings, PartEncoder

FORMAT = 1


def _network(kind: str) -> tuple[Any, Any]:
    """The class of a network and of its settings, by the kind that checkpoints are marked with."""
    if kind == "part":
        return PartEncoder, EncoderSettings
    if kind == "paper":
        from partwise_lab.model.paper_encoder import PaperEncoder, PaperEncoderSettings

        return PaperEncoder, PaperEncoderSettings
    if kind == "individual":
        from partwise_lab.model.individual import IndividualNetworks

        return IndividualNetworks, EncoderSettings
    if kind == "separator":
        from partwise_lab.model.mask_unet import MaskUNet, MaskUNetSettings

        return MaskUNet, MaskUNetSettings
    raise ValueError(f"unknown network {kind!r}")


def save_checkpoint(path: Path, model: nn.Module, mel: MelSettings, about: dict[str, Any]) -> None:
    """Write ``path`` (.safetensors) and its JSON, each by one rename.

    about : what else to keep (recipe, budget, data digest, presence thresholds...), JSON-able.
    """
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    description = {
        "format": FORMAT,
        "parts": [str(part) for part in PARTS],
        "mel": asdict(mel),
        "encoder_kind": model.kind,
        "encoder": asdict(model.settings),  # pyright: ignore
        **about,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    save_file(state, partial)
    os.replace(partial, path)
    write_whole(path.with_suffix(".json"), json.dumps(description, indent=1) + "\n")


def load_checkpoint(path: Path) -> tuple[nn.Module, MelSettings, dict[str, Any]]:
    """Read a checkpoint; the model is in evaluation mode.

    Raises PartwiseError when a file is missing or broken, or when parts or format differ.
    """
    try:
        description = json.loads(path.with_suffix(".json").read_text())
        if description.get("format") != FORMAT:
            raise PartwiseError(
                f"checkpoint {path} has format {description.get('format')}, this version reads "
                f"{FORMAT}"
            )
        if description["parts"] != [str(part) for part in PARTS]:
            raise PartwiseError(
                f"checkpoint {path} has the parts {description['parts']}, this version has "
                f"{[str(part) for part in PARTS]}"
            )
        kind = description.get("encoder_kind", "part")
        network, settings_type = _network(kind)
        settings = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in description["encoder"].items()
        }
        model = network(settings_type(**settings))
        model.load_state_dict(load_file(path))
        mel = MelSettings(**description["mel"])
    except FileNotFoundError as error:
        raise PartwiseError(f"checkpoint {error.filename or path} does not exist") from None
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PartwiseError(f"checkpoint {path} cannot be read: {cause}") from None
    return model.eval(), mel, description


def parameters(model: nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(p.numel() for p in model.parameters())
