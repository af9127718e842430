"""A checkpoint as ONNX, so that inference needs no PyTorch, checked against it; and in 8 bits.

Eight bits in place of 32 in an exported network's convolutions: four fifths of its work. Weights
are rounded channel by channel, to seven bits: with eight, the sums of two products that AVX2 has
overflow on processors without VNNI, and the network is deaf there. Values between layers take the
range that they had on real windows. Everything behind the convolutions (attention, pooling,
projection to unit vectors) stays in 32 bits.
"""

from __future__ import annotations

import io
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from partwise.embedding.logmel import MelSettings
from partwise.errors import PartwiseError
from partwise_lab.model.checkpoint import common_facts, write_pair
from partwise_lab.model.encoder import PartEncoder
from partwise_lab.model.masks import MaskNetwork

OPSET = 17
TOLERANCE = 1e-4
_AT_ONCE = 4  # windows


class _Inference(nn.Module):
    """The network as inference sees it: named outputs, presence as a probability."""

    def __init__(self, model: PartEncoder) -> None:
        super().__init__()
        self.model = model

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """[batch, frames, bands] -> embeddings [batch, 5, dim], presence [batch, 5]."""
        encoded = self.model(log_mel)
        return encoded.embeddings, torch.sigmoid(encoded.presence_logits)


class _Masks(nn.Module):
    """The masks as listeners use them: shares of the power."""

    def __init__(self, model: MaskNetwork) -> None:
        super().__init__()
        self.model = model

    def forward(self, log_mel: Tensor) -> tuple[Tensor]:
        """[batch, frames, bands] -> masks [batch, 5, frames, bands], summing to 1."""
        return (torch.softmax(self.model(log_mel), dim=1),)


def export_onnx(
    model: PartEncoder | MaskNetwork, mel: MelSettings, path: Path, about: dict[str, Any]
) -> float:
    """Write ``path`` (.onnx) and the JSON beside it; returns the largest deviation from PyTorch.

    about : further entries of the JSON, among them ``presence_threshold`` (five floats).
    Raises PartwiseError when ONNX Runtime and PyTorch differ by more than 1e-4.
    """
    if isinstance(model, MaskNetwork):
        wrapped, outputs = _Masks(model).eval(), {"masks": {0: "batch", 2: "frames"}}
    else:
        wrapped = _Inference(model).eval()
        outputs = {"embeddings": {0: "batch"}, "presence": {0: "batch"}}
    example = torch.randn(2, 64, mel.bands) * 20.0 - 30.0
    network = io.BytesIO()
    with warnings.catch_warnings():
        # The tracing exporter is deprecated in favour of one that needs onnxscript at run time and
        # names dynamic axes less plainly; for a network without control flow both say the same.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            (example,),
            network,  # pyright: ignore[reportArgumentType]
            input_names=["log_mel"],
            output_names=list(outputs),
            dynamic_axes={"log_mel": {0: "batch", 1: "frames"}, **outputs},
            opset_version=OPSET,
            dynamo=False,
        )
    deviation = _deviation(wrapped, network.getvalue(), mel)
    if not deviation <= TOLERANCE:
        raise PartwiseError(
            f"ONNX Runtime and PyTorch differ by {deviation:.2g}, more than {TOLERANCE:g}: "
            f"{path} was not written"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    description = common_facts(mel) | {"dim": model.settings.dim, **about}
    write_pair(path, network.getvalue(), description)
    return deviation


def _deviation(wrapped: nn.Module, network: bytes, mel: MelSettings) -> float:
    """Largest absolute difference on inputs of several lengths and batch sizes."""
    import onnxruntime

    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
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


def quantise(network: Path, log_mel: np.ndarray, out: Path) -> None:
    """Write the network with its convolutions in eight bits to ``out``, which may be ``network``.

    log_mel : float32 [windows, frames, bands] of music like that which will be heard.
    """
    try:
        from onnxruntime.quantization import (
            CalibrationDataReader,
            QuantFormat,
            QuantType,
            quantize_static,
        )
        from onnxruntime.quantization.shape_inference import quant_pre_process
    except ImportError as error:
        raise PartwiseError(
            f"8-bit export needs the package {error.name}: "
            "pip install partwise-lab -c constraints.txt"
        ) from None

    class Windows(CalibrationDataReader):
        def __init__(self) -> None:
            self._next = 0

        def get_next(self) -> dict[str, np.ndarray] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
            some = log_mel[self._next : self._next + _AT_ONCE]
            self._next += _AT_ONCE
            return {"log_mel": some} if len(some) else None

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(network), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(out),
            Windows(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
