import math

import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional as F  # noqa: E402

from partwise_lab.training.factorial import (  # noqa: E402
    mask_loss,
    multi_positive_contrastive,
    presence_loss,
)


def by_hand(z, labels, present, temperature):
    """The definition, item by item."""
    items = [i for i in range(len(labels)) if present[i]]
    losses = []
    for a in items:
        positives = [p for p in items if p != a and labels[p] == labels[a]]
        if not positives:
            continue
        total = sum(math.exp(float(z[a] @ z[c]) / temperature) for c in items if c != a)
        terms = [math.log(math.exp(float(z[a] @ z[p]) / temperature) / total) for p in positives]
        losses.append(-sum(terms) / len(terms))
    return sum(losses) / len(losses)


def test_contrastive_loss_is_its_definition():
    torch.manual_seed(0)
    z = F.normalize(torch.randn(12, 6), dim=1)
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 4])
    present = torch.tensor([1, 1, 0, 1, 1, 1, 1, 1, 0, 1, 0, 1], dtype=torch.bool)
    loss = multi_positive_contrastive(z, labels, present, 0.2)
    assert float(loss) == pytest.approx(by_hand(z, labels, present, 0.2), abs=1e-5)


def test_absent_items_have_no_gradient():
    torch.manual_seed(0)
    raw = torch.randn(8, 4, requires_grad=True)
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    present = torch.tensor([1, 1, 1, 1, 1, 1, 0, 0], dtype=torch.bool)
    multi_positive_contrastive(F.normalize(raw, dim=1), labels, present, 0.1).backward()
    assert raw.grad is not None
    assert torch.all(raw.grad[6:] == 0)
    assert torch.any(raw.grad[:6] != 0)


def test_nothing_to_compare_is_zero_and_finite():
    z = F.normalize(torch.randn(3, 4, requires_grad=True), dim=1)
    loss = multi_positive_contrastive(
        z, torch.tensor([0, 1, 2]), torch.ones(3, dtype=torch.bool), 0.1
    )
    assert float(loss.detach()) == 0.0
    loss.backward()


def test_together_is_better_than_apart():
    good = F.normalize(torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1]]), dim=1)
    labels, present = torch.tensor([0, 0, 1, 1]), torch.ones(4, dtype=torch.bool)
    swapped = torch.tensor([0, 1, 0, 1])
    assert multi_positive_contrastive(good, labels, present, 0.1) < multi_positive_contrastive(
        good, swapped, present, 0.1
    )


def test_presence_loss_is_cross_entropy():
    logits, present = torch.tensor([[2.0, -1.0]]), torch.tensor([[True, False]])
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 2
    assert float(presence_loss(logits, present)) == pytest.approx(expected, abs=1e-6)


def test_mask_loss_is_lowest_at_the_true_shares():
    shares = torch.rand(2, 5, 3, 4)
    shares = shares / shares.sum(dim=1, keepdim=True)
    at_truth = mask_loss(torch.log(shares), shares)
    for seed in range(5):
        torch.manual_seed(seed)
        assert mask_loss(torch.log(shares) + 0.3 * torch.randn(shares.shape), shares) > at_truth
