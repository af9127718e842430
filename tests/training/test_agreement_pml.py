"""Our losses against pytorch-metric-learning's: values and gradients, on the same embeddings."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("pytorch_metric_learning")

from pytorch_metric_learning.distances import LpDistance  # noqa: E402
from pytorch_metric_learning.losses import SupConLoss, TripletMarginLoss  # noqa: E402
from pytorch_metric_learning.reducers import MeanReducer  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from partwise_lab.model.comparisons import subspace_masks  # noqa: E402
from partwise_lab.training.factorial import multi_positive_contrastive  # noqa: E402
from partwise_lab.training.paper.recipe import masked_triplet_loss  # noqa: E402

PARTS, DIM = 5, 6
PRECISIONS = [(torch.float32, 2e-5), (torch.float64, 1e-7)]


def drawn(items, dtype, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(items, PARTS, DIM, generator=generator, dtype=dtype)


def gradient_of(loss, leaf):
    (gradient,) = torch.autograd.grad(loss, leaf, retain_graph=True)
    return gradient


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("margin", [0.2, 1.0])
def test_triplet_loss(dtype, tolerance, margin):
    """The triplets as given, in the subspace that each one's mask leaves, not normalised."""
    part = torch.tensor([0, 3, 4, 3, 1, 2, 0, 4])
    each = len(part)
    raw = drawn(3 * each, dtype, seed=0)
    raw[each] = 0.0  # the positive of the first: the part is absent from it
    raw.requires_grad_()
    ours = masked_triplet_loss(raw[:each], raw[each : 2 * each], raw[2 * each :], part, margin)
    masks = subspace_masks(DIM)[part].to(dtype).repeat(3, 1)  # [items, parts * dim]
    oracle = TripletMarginLoss(
        margin, distance=LpDistance(normalize_embeddings=False), reducer=MeanReducer()
    )
    triplets = tuple(torch.arange(3 * each).split(each))
    theirs = oracle(raw.flatten(1) * masks, indices_tuple=triplets)
    assert 0.0 < theirs.item() != pytest.approx(margin, rel=0.01)
    torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
    gradient = gradient_of(ours, raw)
    assert gradient.abs().max() > 1e-3
    torch.testing.assert_close(gradient, gradient_of(theirs, raw), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("kept", [1.0, 0.6])
def test_contrastive_loss(dtype, tolerance, temperature, kept):
    """Every subspace with labels and absent items of its own; theirs is given the present ones."""
    generator = torch.Generator().manual_seed(3)
    items = 40
    labels = torch.randint(0, 9, (items, PARTS), generator=generator)
    labels[0] = 99  # alone with its label: no anchor
    present = torch.rand(items, PARTS, generator=generator) < kept
    raw = drawn(items, dtype, seed=1).requires_grad_()
    unit = F.normalize(raw, dim=-1)
    oracle = SupConLoss(temperature)
    for part in range(PARTS):
        here = present[:, part]
        ours = multi_positive_contrastive(unit[:, part], labels[:, part], here, temperature)
        theirs = oracle(raw[here, part], labels[here, part])
        assert theirs.item() > 0.5
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance)
        gradient = gradient_of(ours, raw)
        assert gradient[here, part].abs().max() > 1e-3
        torch.testing.assert_close(
            gradient, gradient_of(theirs, raw), rtol=tolerance, atol=tolerance
        )


def test_they_differ_where_an_absent_item_is_counted():
    """So the agreement above is not blind to who is present."""
    labels = torch.tensor([0, 0, 1, 1, 2, 2])
    raw = drawn(6, torch.float64, seed=2)[:, 0]
    present = torch.tensor([1, 1, 1, 1, 1, 0], dtype=torch.bool)
    ours = multi_positive_contrastive(F.normalize(raw, dim=-1), labels, present, 0.1)
    assert abs(float(ours) - float(SupConLoss(0.1)(raw, labels))) > 0.01
