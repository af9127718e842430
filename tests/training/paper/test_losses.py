import math

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from partwise_lab.model.comparisons import subspace_masks  # noqa: E402
from partwise_lab.training.paper.recipe import (  # noqa: E402
    distillation_loss,
    masked_triplet_loss,
    near_zero_loss,
)

PART = torch.tensor([0, 3, 4, 3, 1, 2, 0, 4])


def rows(count=8, dim=6, seed=0):
    return torch.randn(count, 5, dim, generator=torch.Generator().manual_seed(seed)) * 0.3


def test_triplet_loss_is_its_definition():
    a, p, n = rows(seed=0), rows(seed=1), rows(seed=2)
    expected = []
    for i, c in enumerate(PART.tolist()):
        near = math.sqrt(sum(float(x) ** 2 for x in a[i, c] - p[i, c]))
        far = math.sqrt(sum(float(x) ** 2 for x in a[i, c] - n[i, c]))
        expected.append(max(0.0, near - far + 0.2))
    assert 0.0 in expected and max(expected) > 0
    loss = masked_triplet_loss(a, p, n, PART, 0.2)
    assert float(loss) == pytest.approx(sum(expected) / 8, abs=1e-6)


def test_triplet_loss_is_pytorchs_on_masked_vectors():
    a, p, n = rows(seed=0), rows(seed=1), rows(seed=2)
    masks = subspace_masks(6)[PART]  # [triplets, parts * dim]
    masked = [x.flatten(1) * masks for x in (a, p, n)]
    # eps=0: PyTorch adds a millionth to every coordinate, also to those that are masked away
    oracle = F.triplet_margin_loss(*masked, margin=0.2, eps=0.0)
    torch.testing.assert_close(masked_triplet_loss(a, p, n, PART, 0.2), oracle)


def test_other_subspaces_get_no_gradient():
    a, p, n = (rows(seed=s).requires_grad_() for s in range(3))
    masked_triplet_loss(a, p, n, PART, 5.0).backward()
    for x in (a, p, n):
        assert x.grad is not None
        touched = x.grad.abs().sum(dim=2) > 0
        assert torch.equal(touched, F.one_hot(PART, 5).bool())


def test_equal_embeddings_lose_the_margin_and_keep_a_finite_gradient():
    a = rows().requires_grad_()
    loss = masked_triplet_loss(a, a.detach().clone(), a.detach().clone(), PART, 0.2)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0.2, abs=1e-6)
    assert a.grad is not None and torch.isfinite(a.grad).all()


def test_distillation_is_its_definition():
    x, y = rows(seed=0), rows(seed=1)
    y[:, 2] = 0.0  # an absent part
    expected = []
    for f, teacher in zip(x.flatten(1).tolist(), y.flatten(1).tolist(), strict=True):
        norm = math.sqrt(sum(v * v for v in teacher))
        expected.append(
            math.sqrt(sum((a - b / norm) ** 2 for a, b in zip(f, teacher, strict=True)))
        )
    assert float(distillation_loss(x, y)) == pytest.approx(sum(expected) / 8, abs=1e-5)


def test_distillation_is_zero_at_its_target_whatever_the_teachers_length():
    y = rows(seed=1)
    target = F.normalize(y.flatten(1), dim=1).reshape(y.shape)
    assert float(distillation_loss(target, 7.0 * y)) == pytest.approx(0.0, abs=1e-5)


def test_near_zero_is_the_mean_length_of_what_is_absent():
    x = rows()
    absent = torch.zeros(8, 5, dtype=torch.bool)
    absent[0, 1] = absent[5, 4] = True
    expected = (float(x[0, 1].norm()) + float(x[5, 4].norm())) / 2
    assert float(near_zero_loss(x, absent)) == pytest.approx(expected, abs=1e-6)
    assert float(near_zero_loss(x, torch.zeros_like(absent))) == 0.0
