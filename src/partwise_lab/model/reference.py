"""Weights of the one-file recipe that our network began with, under our names.

`weights/README.md` says which weights there are of it; training goes on from them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import Tensor

from partwise.embedding.logmel import MelSettings
from partwise_lab.model.encoder import EncoderSettings, PartEncoder

# Its modules, and ours. What is not named here has the same name.
_NAMES = {
    r"^mid\.": "middle.",
    r"^mask\.": "mask_head.",
    r"^mask_fine\.": "mask_detail.",
    r"^norm\.": "feature_norm.",
    r"\.c(\d)\.": r".conv\1.",
    r"\.n(\d)\.": r".norm\1.",
    r"\.skip\.": ".shortcut.",
}


def from_reference(weights: dict[str, Tensor]) -> PartEncoder:
    """The network with these weights, in evaluation mode, its size read off them.

    Raises KeyError or RuntimeError where they are of another network.
    """
    named: dict[str, Tensor] = {}
    for name, value in weights.items():
        for theirs, ours in _NAMES.items():
            name = re.sub(theirs, ours, name)
        named[name] = value.float() if value.is_floating_point() else value
    last = named["mask_head.0.weight"].shape[1]
    blocks = 1 + max(int(name.split(".")[1]) for name in named if name.startswith("deep."))
    settings = EncoderSettings(
        dim=named["project.weight"].shape[0] // named["presence.weight"].shape[0],
        widths=(named["stem.0.weight"].shape[0], named["mask_detail.weight"].shape[1], last),
        blocks=blocks,
        pooled=named["content.0.weight"].shape[0],
        pooled_fine=named["content_fine.0.weight"].shape[0],
    )
    network = PartEncoder(settings)
    network.load_state_dict(named)
    return network.eval()


def load_reference(path: Path) -> tuple[PartEncoder, MelSettings, dict[str, Any]]:
    """What `checkpoint.load_checkpoint` returns, of a file of weights (.pt)."""
    import torch

    weights = torch.load(path, map_location="cpu", weights_only=True)
    return from_reference(weights), MelSettings(), {"recipe": "partwise"}
