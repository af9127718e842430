"""A complete encoder small enough to read: the shipped model's interface without its training.

The mel bands are cut into five ranges and each part hears one of them (drums the lowest, other the
highest). A part's embedding is a fixed random projection of the shape of the mean log-mel within
its range; a part is present when its range comes within 40 dB of the loudest band. So a test can
compose recordings whose parts are alike or different on purpose: see ``part_hz``.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from partwise.embedding.logmel import MelSettings, mel_filterbank
from partwise.parts import PARTS, Part

RANGE_DB = 40.0


def part_bands(settings: MelSettings | None = None) -> list[np.ndarray]:
    """The mel bands that each part hears, one integer array per part."""
    return np.array_split(np.arange((settings or MelSettings()).bands), len(PARTS))


def part_hz(part: Part, place: float = 0.5, settings: MelSettings | None = None) -> float:
    """A frequency that ``part`` hears and the others do not; ``place`` 0..1 moves within its range.

    Sines of the same place give the same embedding of that part, other places unlike ones.
    """
    settings = settings or MelSettings()
    bands = part_bands(settings)[part.index]
    # The outermost bands are left free: their filters reach into the neighbour's range.
    band = bands[1 + round(place * (len(bands) - 3))]
    centre_bin = int(np.argmax(mel_filterbank(settings)[band]))
    return centre_bin * settings.sample_rate_hz / settings.n_fft


def write_tiny_model(
    folder: str | Path,
    *,
    seed: int = 0,
    dim: int = 16,
    settings: MelSettings | None = None,
    name: str = "tiny",
) -> Path:
    """Write ``<name>.onnx`` and ``<name>.json`` into ``folder``; returns the ONNX file's path.

    Another ``seed`` gives other projections, hence another digest and other embeddings.
    """
    settings = settings or MelSettings()
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    path.write_bytes(_graph(seed, dim, settings).SerializeToString())
    path.with_suffix(".json").write_text(
        json.dumps(
            {
                "format": 1,
                "parts": [str(part) for part in PARTS],
                "dim": dim,
                "mel": asdict(settings),
                "presence_threshold": [0.5] * len(PARTS),
                "trunk": f"tiny {seed}",
                "recipe": "tiny",
                "data_digest": "",
                "created": "1970-01-01T00:00:00Z",
            },
            indent=1,
        )
    )
    return path


def write_tiny_masks(model: Path) -> Path:
    """Write ``masks.onnx`` beside a tiny model: each part gets the bands that it hears."""
    path = model.with_name("masks.onnx")
    described = json.loads(model.with_suffix(".json").read_text())
    bands = described["mel"]["bands"]
    logits = np.zeros((1, len(PARTS), 1, bands), np.float32)
    for index, own in enumerate(part_bands(MelSettings(**described["mel"]))):
        logits[0, index, 0, own] = 12.0
    constants = {"axis": np.array([1], np.int64), "none": np.float32(0.0), "logits": logits}
    nodes = [
        helper.make_node("Unsqueeze", ["log_mel", "axis"], ["beside"]),
        helper.make_node("Mul", ["beside", "none"], ["nothing"]),
        helper.make_node("Add", ["nothing", "logits"], ["every"]),
        helper.make_node("Softmax", ["every"], ["masks"], axis=1),
    ]
    shapes = {"log_mel": ["batch", "frames", bands], "masks": ["batch", 5, "frames", bands]}
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in shapes.items()
    ]
    given = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "masks", values[:1], values[1:], given)
    opset = [helper.make_opsetid("", 18)]
    network = helper.make_model(graph, opset_imports=opset, ir_version=9)
    path.write_bytes(network.SerializeToString())
    path.with_suffix(".json").write_text(json.dumps(described))
    return path


def _graph(seed: int, dim: int, settings: MelSettings) -> onnx.ModelProto:
    rng = np.random.default_rng(seed)
    nodes: list[onnx.NodeProto] = []
    constants: list[onnx.TensorProto] = []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    def node(op: str, inputs: list[str], output: str, **attributes) -> str:
        nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    last = constant("last", np.array([-1], np.int64))
    reach = constant("reach", np.array(RANGE_DB, np.float32))
    slope = constant("slope", np.array(0.2, np.float32))
    tiny = constant("tiny", np.array(1e-3, np.float32))
    part_axis = constant("part_axis", np.array([1], np.int64))
    frame_axis = constant("frame_axis", np.array([1], np.int64))

    level = node("ReduceMean", ["log_mel", frame_axis], "level", keepdims=0)  # [batch, bands]
    loudest = node("ReduceMax", [level, last], "loudest", keepdims=1)  # [batch, 1]
    embeddings, presences = [], []
    for index, bands in enumerate(part_bands(settings)):
        chosen = constant(f"bands{index}", bands.astype(np.int64))
        here = node("Gather", [level, chosen], f"here{index}", axis=1)  # [batch, bands of the part]
        peak = node("ReduceMax", [here, last], f"peak{index}", keepdims=1)  # [batch, 1]

        # The shape of the range in dB above (its peak - 40 dB): 0..40, whatever the gain.
        below = node("Sub", [here, peak], f"below{index}")
        raised = node("Add", [below, reach], f"raised{index}")
        shape = node("Relu", [raised], f"shape{index}")
        mean = node("ReduceMean", [shape, last], f"mean{index}", keepdims=1)
        centred = node("Sub", [shape, mean], f"centred{index}")
        # An entirely flat range would have no direction to normalise: tiny gives it one.
        directed = node("Add", [centred, tiny], f"directed{index}")
        weights = rng.normal(size=(len(bands), dim)).astype(np.float32)
        projected = node(
            "MatMul", [directed, constant(f"weights{index}", weights)], f"projected{index}"
        )
        norm = node("ReduceL2", [projected, last], f"norm{index}", keepdims=1)
        unit = node("Div", [projected, norm], f"unit{index}")  # [batch, dim]
        embeddings.append(node("Unsqueeze", [unit, part_axis], f"part{index}"))

        distance = node("Sub", [peak, loudest], f"distance{index}")
        margin = node("Add", [distance, reach], f"margin{index}")
        scaled = node("Mul", [margin, slope], f"scaled{index}")
        presences.append(node("Sigmoid", [scaled], f"presence{index}"))  # [batch, 1]
    node("Concat", embeddings, "embeddings", axis=1)
    node("Concat", presences, "presence", axis=1)

    def value(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    graph = helper.make_graph(
        nodes,
        "tiny",
        [value("log_mel", ["batch", "frames", settings.bands])],
        [
            value("embeddings", ["batch", len(PARTS), dim]),
            value("presence", ["batch", len(PARTS)]),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model
