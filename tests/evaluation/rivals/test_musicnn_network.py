"""The forward pass against the same layers in PyTorch, and the weights that are published.

TensorFlow is not among what partwise is tested with, so its own numbers are not compared.
"""

from importlib.util import find_spec

import numpy as np
import pytest

from partwise_lab.rivals.musicnn import MusiCNN, find_weights, log_mel, patches
from partwise_lab.rivals.tf_checkpoint import read_checkpoint
from sounds import tone

KERNELS = [
    (7, 38, 1, 204),
    (7, 67, 1, 204),
    (128, 1, 1, 51),
    (64, 1, 1, 51),
    (32, 1, 1, 51),
    (7, 561, 1, 64),
    (7, 64, 1, 64),
    (7, 64, 1, 64),
]
NORMS = [1, 204, 204, 51, 51, 51, 64, 64, 64, 1506, 200]


def numbered(name, number):
    return f"{name}_{number}" if number else name


def shapes():
    """Name and shape of every tensor of the published network, its optimiser's left out."""
    found = {}
    for number, kernel in enumerate(KERNELS):
        found[numbered("conv2d", number) + "/kernel"] = kernel
        found[numbered("conv2d", number) + "/bias"] = kernel[-1:]
    for number, width in enumerate(NORMS):
        for part in ("beta", "gamma", "moving_mean", "moving_variance"):
            found[numbered("batch_normalization", number) + "/" + part] = (width,)
    found |= {"dense/kernel": (1506, 200), "dense/bias": (200,)}
    return found | {"dense_1/kernel": (200, 50), "dense_1/bias": (50,)}


@pytest.fixture(scope="module")
def tensors():
    """Random weights of those shapes: scales of both signs, variances above zero."""
    rng = np.random.default_rng(0)
    made = {}
    for name, shape in shapes().items():
        fan_in = np.prod(shape[:-1]) if len(shape) > 1 else 1
        values = rng.standard_normal(shape) / np.sqrt(fan_in)
        made[name] = (np.abs(values) if name.endswith("variance") else values).astype(np.float32)
    return made


@pytest.fixture(scope="module")
def batch():
    return np.random.default_rng(1).uniform(0, 4, (3, 187, 96)).astype(np.float32)


def test_the_published_weights_have_these_shapes():
    if find_spec("musicnn") is None:
        pytest.skip("musicnn is not installed: pip install --no-deps musicnn==0.1.0")
    found = read_checkpoint(f"{find_weights()}/")
    weights = {name: t for name, t in found.items() if "Adam" not in name and "power" not in name}
    assert {name: tensor.shape for name, tensor in weights.items()} == shapes()
    assert all(np.isfinite(tensor).all() for tensor in weights.values())
    assert all((t > 0).all() for name, t in weights.items() if name.endswith("variance"))


def test_the_forward_pass_is_that_of_pytorch(tensors, batch):
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    weights = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}

    def norm(x, number):
        name = numbered("batch_normalization", number)
        mean, variance, gamma, beta = (
            weights[f"{name}/{part}"]
            for part in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        return functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)

    def layer(x, number):  # [batch, frames, bands] -> [batch, channels, frames, places]
        kernel = weights[numbered("conv2d", number) + "/kernel"].permute(3, 2, 0, 1)
        length = kernel.shape[2]
        x = functional.pad(x[:, None], (0, 0, (length - 1) // 2, length // 2))
        bias = weights[numbered("conv2d", number) + "/bias"]
        return norm(functional.relu(functional.conv2d(x, kernel, bias)), number + 1)

    normal = norm(torch.from_numpy(batch)[:, None], 0)[:, 0]
    front = torch.cat([layer(normal, number).amax(3) for number in range(5)], 1)
    one = layer(front.transpose(1, 2), 5)[..., 0]
    two = layer(one.transpose(1, 2), 6)[..., 0] + one
    three = layer(two.transpose(1, 2), 7)[..., 0] + two
    features = torch.cat([front, one, two, three], 1)  # [batch, 753, frames]
    pooled = torch.stack([features.amax(2), features.mean(2)], 2).flatten(1)
    dense = norm(pooled, 9) @ weights["dense/kernel"] + weights["dense/bias"]

    heard = MusiCNN(tensors)(batch)
    assert heard.mean.dtype == heard.dense.dtype == np.float32
    np.testing.assert_allclose(heard.mean, features.mean(2).numpy(), atol=1e-3, rtol=1e-4)
    np.testing.assert_allclose(heard.dense, dense.numpy(), atol=1e-3, rtol=1e-4)


def test_a_patch_does_not_depend_on_its_batch(tensors, batch):
    network = MusiCNN(tensors)
    together = network(batch)
    for number in range(len(batch)):
        alone = network(batch[number : number + 1])
        np.testing.assert_array_equal(alone.mean[0], together.mean[number])
        np.testing.assert_array_equal(alone.dense[0], together.dense[number])
    assert np.abs(np.diff(together.dense, axis=0)).max() > 0.01


def test_log_mel_of_loud_sound_is_finite():
    pytest.importorskip("librosa")
    # In float16, as the package musicnn computes, 10000 times this mel would be infinite.
    loud = log_mel(tone(1.0, rate_hz=16000, amplitude=1.0), center=True)
    assert loud.dtype == np.float32
    assert np.isfinite(loud).all()
    assert 10.0 ** loud.max() > np.finfo(np.float16).max


def test_log_mel_frames_and_patches():
    pytest.importorskip("librosa")
    samples = tone(10.0, rate_hz=16000)
    centred, begun = log_mel(samples, center=True), log_mel(samples, center=False)
    assert centred.shape == (1 + 160000 // 256, 96)
    assert begun.shape == (1 + (160000 - 512) // 256, 96)
    np.testing.assert_allclose(centred[1:-1], begun[: len(centred) - 2], atol=1e-4)
    assert patches(centred).shape == (3, 187, 96)
    np.testing.assert_array_equal(patches(centred)[1, 0], centred[187])
