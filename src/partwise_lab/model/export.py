"""Write a checkpoint as ONNX, so that inference needs no PyTorch, and check that they agree."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partwise.embedding.logmel import MelSettings
from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.model.checkpoint import FORMAT
from partwise_lab.model.encoder import PartEncoder

OPSET = 17
TOLERANCE = 1e-4


class _Inference(nn.Module):
    """The network as inference sees it: named outputs, presence as a probability."""

    def __init__(self, model: PartEncoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, frames, bands] -> embeddings [batch, 5, dim], presence [batch, 5]."""
        encoded = self.model(log_mel)
        return encoded.embeddings, torch.sigmoid(encoded.presence_logits)


def export_onnx(model: PartEncoder, mel: MelSettings, path: Path, about: dict[str, Any]) -> float:
    """Write ``path`` (.onnx) and the JSON beside it; returns the largest deviation from PyTorch.

    about : further entries of the JSON, among them ``presence_threshold`` (five floats).
    Raises PartwiseError when ONNX Runtime and PyTorch differ by more than 1e-4.
    """
    wrapped = _Inference(model).eval()
    frames = 64
    example = torch.randn(2, frames, mel.bands) * 20.0 - 30.0
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.onnx")
    with warnings.catch_warnings():
        # The tracing exporter is deprecated in favour of one that needs onnxscript at run time and
        # names dynamic axes less plainly; for a network without control flow both say the same.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            (example,),
            str(partial),
            input_names=["log_mel"],
            output_names=["embeddings", "presence"],
            dynamic_axes={
                "log_mel": {0: "batch", 1: "frames"},
                "embeddings": {0: "batch"},
                "presence": {0: "batch"},
            },
            opset_version=OPSET,
            dynamo=False,
        )
    deviation = _deviation(wrapped, partial, mel)
    if not deviation <= TOLERANCE:
        partial.unlink()
        raise PartwiseError(
            f"ONNX Runtime and PyTorch differ by {deviation:.2g}, more than {TOLERANCE:g}: "
            f"{path} was not written"
        )
    description = {
        "format": FORMAT,
        "parts": [str(part) for part in PARTS],
        "dim": model.settings.dim,
        "mel": asdict(mel),
        **about,
    }
    os.replace(partial, path)
    path.with_suffix(".json").write_text(json.dumps(description, indent=1) + "\n")
    return deviation


def _deviation(wrapped: _Inference, path: Path, mel: MelSettings) -> float:
    """Largest absolute difference on inputs of several lengths and batch sizes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    worst = 0.0
    for batch, frames in ((1, 44), (3, 431), (2, 216)):
        x = torch.randn(batch, frames, mel.bands, generator=generator) * 15.0 - 40.0
        with torch.no_grad():
            expected = wrapped(x)
        actual = session.run(None, {"log_mel": x.numpy()})
        for a, b in zip(expected, actual, strict=True):
            worst = max(worst, float(np.max(np.abs(a.numpy() - np.asarray(b)))))
    return worst
