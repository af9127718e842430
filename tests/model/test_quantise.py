"""An exported network in eight bits says what it said in 32, nearly."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model.encoder import EncoderSettings, PartEncoder  # noqa: E402
from partwise_lab.model.export import export_onnx, quantise  # noqa: E402

SMALL = EncoderSettings(dim=8, widths=(8, 16, 32), blocks=1, pooled=16, pooled_fine=8)


def windows(seed: int, count: int = 6, frames: int = 104) -> np.ndarray:
    """Log-mels with structure in time and frequency, [windows, frames, bands]."""
    rng = np.random.default_rng(seed)
    shape = rng.normal(0, 12, (count, 1, 192)) + rng.normal(0, 8, (count, frames, 1))
    return (shape + rng.normal(0, 4, (count, frames, 192)) - 30).astype(np.float32)


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    torch.manual_seed(0)
    model = PartEncoder(SMALL)
    for _ in range(3):  # give the normalisation layers statistics that matter
        model(torch.from_numpy(windows(9)))
    folder = tmp_path_factory.mktemp("model")
    path, small = folder / "model.onnx", folder / "small.onnx"
    export_onnx(model.eval(), MelSettings(), path, {"presence_threshold": [0.5] * 5})
    quantise(path, windows(0), small)
    return path, small


def heard(path, log_mel):
    return onnxruntime.InferenceSession(str(path)).run(None, {"log_mel": log_mel})


def test_eight_bits_say_nearly_the_same(networks):
    path, small = networks
    for frames in (104, 61):
        log_mel = windows(1, 5, frames)
        (vectors, presence), (same, surely) = heard(path, log_mel), heard(small, log_mel)
        assert (vectors * same).sum(axis=2).min() > 0.98
        assert np.abs(presence - surely).max() < 0.1
        assert not np.array_equal(vectors, same)


def test_convolutions_have_seven_bits_and_the_rest_has_32(networks):
    """Eight bits would overflow in AVX2's sums of two products."""
    _, small = networks
    graph = onnx.load(small).graph
    weights = [onnx.numpy_helper.to_array(item) for item in graph.initializer]
    kernels = [w for w in weights if w.dtype == np.int8 and w.ndim == 4]
    assert len(kernels) >= 8
    assert all(np.abs(kernel).max() <= 64 for kernel in kernels)
    assert any(w.dtype == np.float32 and w.size > 64 for w in weights)


def test_a_file_may_become_its_own_smaller_one(networks, tmp_path):
    path, small = networks
    own = tmp_path / "own.onnx"
    own.write_bytes(path.read_bytes())
    quantise(own, windows(0), own)
    assert [p.name for p in tmp_path.iterdir()] == ["own.onnx"]
    np.testing.assert_array_equal(heard(own, windows(2))[0], heard(small, windows(2))[0])
