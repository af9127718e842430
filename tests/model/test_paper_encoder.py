import math

import pytest

torch = pytest.importorskip("torch")

from partwise import PARTS  # noqa: E402
from partwise_lab.model.checkpoint import parameters  # noqa: E402
from partwise_lab.model.comparisons import (  # noqa: E402
    EQUAL_SIZE,
    PaperEncoder,
    PaperEncoderSettings,
    presence_from_norms,
    subspace_masks,
)
from partwise_lab.model.encoder import PartEncoder  # noqa: E402

TINY = PaperEncoderSettings(bands=32, dim=6, widths=(4, 4, 8, 8, 8))


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return PaperEncoder(TINY).eval()


def log_mel(segments=3, frames=40):
    torch.manual_seed(1)
    return torch.randn(segments, frames, 32) * 15.0 - 40.0


def test_masks_are_binary_disjoint_and_complete():
    masks = subspace_masks(128)
    assert masks.shape == (5, 640)
    assert set(masks.unique().tolist()) == {0.0, 1.0}
    assert torch.all(masks.sum(dim=0) == 1)  # every number belongs to exactly one part
    assert torch.all(masks.sum(dim=1) == 128)
    for part in PARTS:
        slice_of_part = masks[part.index, part.index * 128 : (part.index + 1) * 128]
        assert torch.all(slice_of_part == 1)


def test_masks_are_not_learnt(model):
    assert "masks" in dict(model.named_buffers())
    assert "masks" not in dict(model.named_parameters())


def test_a_masked_vector_is_the_subspace_row(model):
    x = log_mel()
    masked = model.vector(x)[:, None, :] * model.masks  # [batch, parts, parts * dim]
    rows = model(x).embeddings  # [batch, parts, dim]
    for part in PARTS:
        i = part.index
        own = slice(i * TINY.dim, (i + 1) * TINY.dim)
        torch.testing.assert_close(masked[:, i, own], rows[:, i])
        # So are distances: what the loss is defined on is what it is computed on.
        torch.testing.assert_close(
            torch.cdist(masked[:, i], masked[:, i]), torch.cdist(rows[:, i], rows[:, i])
        )


def test_size_of_the_paper():
    paper = PaperEncoder(PaperEncoderSettings(bands=259))
    assert paper.trunk.features == 17 * 512 == 8704
    assert parameters(paper) == pytest.approx(10.3e6, rel=0.01)


def test_equal_size_is_that_of_our_encoder():
    ours = parameters(PartEncoder())
    assert parameters(PaperEncoder(EQUAL_SIZE)) == pytest.approx(ours, rel=0.05)


def test_ten_convolutions(model):
    assert sum(isinstance(m, torch.nn.Conv2d) for m in model.modules()) == 10


@pytest.mark.parametrize("frames", [1, 17, 129, 431])
def test_any_length(model, frames):
    encoded = model(log_mel(2, frames))
    assert encoded.embeddings.shape == (2, 5, 6)
    assert torch.isfinite(encoded.embeddings).all()
    assert torch.isfinite(encoded.presence_logits).all()


def test_gain_does_not_matter(model):
    quiet, loud = model(log_mel()), model(log_mel() + 20.0)
    torch.testing.assert_close(quiet.embeddings, loud.embeddings, atol=1e-5, rtol=1e-4)


def test_presence_follows_the_norm():
    rows = torch.tensor([2.0, 1.0, 0.2, 0.0, 2.0])[None, :, None] * torch.ones(1, 5, 4) / 2.0
    presence = torch.sigmoid(presence_from_norms(rows))[0]
    assert presence.tolist() == pytest.approx([0.8, 0.5, 0.04 / 1.04, 0.0, 0.8], abs=1e-3)
    assert math.isfinite(float(presence_from_norms(torch.zeros(1, 5, 4)).sum()))


def test_exports_to_onnx_as_it_is(model, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    import warnings

    class Plain(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, x):
            encoded = self.model(x)
            return encoded.embeddings, encoded.presence_logits

    path = str(tmp_path / "paper.onnx")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Plain().eval(),
            (log_mel(),),
            path,
            input_names=["x"],
            dynamic_axes={"x": {0: "batch", 1: "frames"}},
            opset_version=17,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for segments, frames in ((1, 44), (4, 129)):
        x = log_mel(segments, frames)
        expected = model(x)
        actual = session.run(None, {"x": x.numpy()})
        for a, b in zip(expected, actual, strict=True):
            torch.testing.assert_close(a, torch.from_numpy(b), atol=1e-4, rtol=1e-4)
