"""Weights of the one-file recipe give the same here. `reference.pt` holds a small network of it,
drawn at random, and what it said of the signal below, from the samples on."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from partwise import PartwiseError  # noqa: E402
from partwise.embedding.logmel import LogMel  # noqa: E402
from partwise_lab.model.checkpoint import load_checkpoint  # noqa: E402
from partwise_lab.model.reference import from_reference  # noqa: E402

THEIRS = Path(__file__).with_name("reference.pt")


def signal() -> np.ndarray:
    n = 2 * 22050
    noise = np.random.default_rng(4).standard_normal(n)
    return (0.2 * np.sin(2 * np.pi * 110 * np.arange(n) / 22050) + 0.05 * noise).astype(np.float32)


def test_the_same_weights_say_the_same():
    theirs = torch.load(THEIRS, weights_only=True)
    network = from_reference(theirs["weights"])
    log_mel = torch.from_numpy(LogMel()(signal())[:80])
    with torch.no_grad():
        heard = network(log_mel[None])
    torch.testing.assert_close(heard.embeddings[0], theirs["embeddings"], atol=1e-4, rtol=0)
    torch.testing.assert_close(heard.presence_logits[0], theirs["presence"], atol=1e-4, rtol=0)
    torch.testing.assert_close(heard.mask_logits[0], theirs["masks"], atol=1e-4, rtol=0)


def test_they_are_read_as_a_checkpoint(tmp_path):
    theirs = torch.load(THEIRS, weights_only=True)
    path = tmp_path / "long.pt"
    torch.save(theirs["weights"], path)
    network, mel, about = load_checkpoint(path)
    assert about["recipe"] == "partwise"
    assert mel.bands == 192
    assert network.settings.dim == 4  # pyright: ignore[reportAttributeAccessIssue]
    path.write_bytes(b"no weights")
    with pytest.raises(PartwiseError, match=r"long\.pt cannot be read"):
        load_checkpoint(path)
