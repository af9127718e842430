import pytest

torch = pytest.importorskip("torch")

from partwise_lab.model.encoder import EncoderSettings, PartEncoder, normalise  # noqa: E402

SMALL = EncoderSettings(dim=8, widths=(4, 8, 16), blocks=1, pooled=8, pooled_fine=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return PartEncoder(SMALL).eval()


@pytest.mark.parametrize("frames", [8, 44, 215, 431])
def test_shapes_for_any_length(model, frames):
    encoded = model(torch.randn(3, frames, 192) * 20 - 30)
    assert encoded.embeddings.shape == (3, 5, 8)
    assert encoded.presence_logits.shape == (3, 5)
    assert encoded.mask_logits.shape == (3, 5, frames // 8 * 2, 192 // 8)


def test_every_subspace_has_unit_norm(model):
    norms = model(torch.randn(4, 100, 192)).embeddings.norm(dim=2)
    torch.testing.assert_close(norms, torch.ones(4, 5))


def test_gain_does_not_matter(model):
    x = torch.randn(2, 100, 192) * 15 - 30
    quiet, loud = model(x - 12.0), model(x + 6.0)
    torch.testing.assert_close(quiet.embeddings, loud.embeddings, atol=1e-5, rtol=0)
    torch.testing.assert_close(quiet.presence_logits, loud.presence_logits, atol=1e-4, rtol=0)


def test_normalise_cuts_at_80_db_below_the_loudest():
    x = torch.full((1, 10, 192), -200.0)
    x[0, 3, 5] = -10.0
    y = normalise(x)
    assert y.max() == 1.0
    assert y.min() == -1.0


def test_items_of_a_batch_do_not_touch_each_other(model):
    x = torch.randn(4, 64, 192) * 20
    together = model(x).embeddings
    alone = torch.cat([model(item[None]).embeddings for item in x])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
