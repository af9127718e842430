"""The two files of a model: a network, and JSON beside it with every hyper-parameter.

A checkpoint has safetensors for the numbers, an exported model ONNX. The JSON names the digest of
the network that it describes and a checkpoint's network carries a copy of it, so that wherever a
writer is killed, what is read belongs together. PyTorch is imported for checkpoints alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from partwise.atomic import write_whole
from partwise.embedding.encoder import Encoder, load_encoder
from partwise.embedding.logmel import MelSettings
from partwise.errors import PartwiseError
from partwise.parts import PARTS

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1
CHECKPOINTS = (".safetensors", ".pt")

# What a checkpoint says of its run, and what goes on with the model and its results.
RUN_FACTS = (
    "recipe",
    "recipe_settings",
    "data_digest",
    "pieces",
    "minutes",
    "clock",
    "device",
    "steps",
    "segments",
    "parameters",
)


@dataclass(frozen=True)
class Loaded:
    """A model of any kind: an exported network, or one in PyTorch in evaluation mode.

    mel : its front end; about : its description; digest : of both its files, 16 hexadecimal digits.
    """

    network: Encoder | nn.Module
    mel: MelSettings
    about: dict[str, Any]
    digest: str


def load_model(path: Path | None, threads: int = 1) -> Loaded:
    """A checkpoint (.safetensors, .pt), an exported model (anything else), or (None) the shipped.

    threads : that PyTorch may use. Raises PartwiseError as reading either does.
    """
    if path is None or path.suffix.lower() not in CHECKPOINTS:
        encoder = load_encoder(path)
        description = json.loads(encoder.path.with_suffix(".json").read_text())
        return Loaded(encoder, encoder.settings, description, encoder.digest)
    import torch

    torch.set_num_threads(threads)
    network, mel, description = load_checkpoint(path)
    described = path.with_suffix(".json")
    digest = hashlib.sha256(
        path.read_bytes() + (described.read_bytes() if described.exists() else b"")
    )
    return Loaded(network, mel, description, digest.hexdigest()[:16])


def load_checkpoint(path: Path) -> tuple[nn.Module, MelSettings, dict[str, Any]]:
    """Read a checkpoint; the model is in evaluation mode.

    Weights of the one-file recipe (.pt) are read too: see `reference`.
    Raises PartwiseError when a file is missing or broken, or when parts or format differ.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix.lower() == ".pt":
            from partwise_lab.model.reference import load_reference

            return load_reference(path)
        description = describe(path)
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
        network, settings_type = _network(description.get("encoder_kind", "part"))
        settings = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in description["encoder"].items()
        }
        model = network(settings_type(**settings))
        model.load_state_dict(load_file(path))
        mel = MelSettings(**description["mel"])
    except FileNotFoundError as error:
        raise PartwiseError(f"checkpoint {error.filename or path} does not exist") from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        SafetensorError,
        UnpicklingError,
        EOFError,
    ) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PartwiseError(f"checkpoint {path} cannot be read: {cause}") from None
    return model.eval(), mel, description


def _network(kind: str) -> tuple[Any, Any]:
    """The class of a network and of its settings, by the kind that checkpoints are marked with."""
    from partwise_lab.model import comparisons as others
    from partwise_lab.model.encoder import EncoderSettings, PartEncoder
    from partwise_lab.model.masks import MaskNetwork, MaskSettings

    known = {
        "part": (PartEncoder, EncoderSettings),
        "masks": (MaskNetwork, MaskSettings),
        "paper": (others.PaperEncoder, others.PaperEncoderSettings),
        "individual": (others.IndividualNetworks, EncoderSettings),
        "separator": (others.MaskUNet, others.MaskUNetSettings),
    }
    if kind not in known:
        raise ValueError(f"unknown network {kind!r}")
    return known[kind]


def describe(path: Path) -> dict[str, Any]:
    """The description of a checkpoint. Raises OSError or ValueError as reading does."""
    description = json.loads(path.with_suffix(".json").read_text())
    named = description.get("network_sha256")  # old ones name none
    if named is None or named == hashlib.sha256(path.read_bytes()).hexdigest():
        return description
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as network:  # a writer was killed between the two files
            return json.loads((network.metadata() or {}).get("description", "null")) or description
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def save_checkpoint(path: Path, model: nn.Module, mel: MelSettings, about: dict[str, Any]) -> None:
    """Write ``path`` (.safetensors) and its JSON.

    about : what else to keep (recipe, budget, data digest, presence thresholds...), JSON-able.
    """
    from safetensors.torch import save

    description = {
        **common_facts(mel),
        "encoder_kind": model.kind,
        "encoder": asdict(model.settings),  # pyright: ignore
        **about,
    }
    state = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_pair(path, save(state, {"description": json.dumps(description)}), description)


def common_facts(mel: MelSettings) -> dict[str, Any]:
    """What every description begins with."""
    return {"format": FORMAT, "parts": [str(part) for part in PARTS], "mel": asdict(mel)}


def write_pair(path: Path, network: bytes, description: dict[str, Any]) -> None:
    """Write a network and its JSON, each whole or not at all; the JSON names the network."""
    named = description | {"network_sha256": hashlib.sha256(network).hexdigest()}
    write_whole(path, network)
    write_whole(path.with_suffix(".json"), json.dumps(named, indent=1) + "\n")


def parameters(model: nn.Module) -> int:
    """How many numbers the model learns."""
    return sum(p.numel() for p in model.parameters())
