"""partwise: find music by the part you mean.

Everything here is imported on first use, so that ``import partwise`` stays light.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part, PartWeights

if TYPE_CHECKING:
    from partwise.audio.decode import Audio, decode
    from partwise.embedding.embeddings import PartEmbeddings, score
    from partwise.embedding.encoder import Encoder, load_encoder
    from partwise.embedding.logmel import LogMel
    from partwise.library.library import Library
    from partwise.web.client import Client

__version__ = "0.2.0"

# ONNX Runtime looks here when it is imported: no report to its makers, unless somebody asks for it.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_LAZY = {
    "Audio": "partwise.audio.decode",
    "decode": "partwise.audio.decode",
    "LogMel": "partwise.embedding.logmel",
    "Encoder": "partwise.embedding.encoder",
    "load_encoder": "partwise.embedding.encoder",
    "PartEmbeddings": "partwise.embedding.embeddings",
    "score": "partwise.embedding.embeddings",
    "Library": "partwise.library.library",
    "Client": "partwise.web.client",
}

__all__ = [
    "PARTS",
    "Audio",
    "Client",
    "Encoder",
    "Library",
    "LogMel",
    "Part",
    "PartEmbeddings",
    "PartWeights",
    "PartwiseError",
    "decode",
    "load_encoder",
    "score",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(import_module(_LAZY[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'partwise' has no attribute {name!r}")
