"""The losses of the recipe `partwise`, each a pure function."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def multi_positive_contrastive(
    embeddings: Tensor, labels: Tensor, present: Tensor, temperature: float
) -> Tensor:
    """Supervised contrastive loss inside one subspace (Khosla et al. 2020, "SupCon out").

    Every present item is an anchor; its positives are the other present items with its label, its
    negatives all other present items. Anchors without a positive are left out.

    embeddings : [items, dim], unit norm
    labels : int64 [items]
    present : bool [items]
    temperature : > 0
    returns : scalar; 0 when there is no anchor with a positive
    """
    logits = embeddings @ embeddings.T / temperature  # [items, items]
    others = ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    candidates = others & present[None, :] & present[:, None]
    positives = candidates & (labels[None, :] == labels[:, None])
    logits = logits.masked_fill(~candidates, float("-inf"))
    usable = positives.any(dim=1)
    if not usable.any():
        return embeddings.sum() * 0.0
    log_probability = logits[usable] - torch.logsumexp(logits[usable], dim=1, keepdim=True)
    chosen = positives[usable]
    per_anchor = log_probability.masked_fill(~chosen, 0.0).sum(dim=1) / chosen.sum(dim=1)
    return -per_anchor.mean()


def presence_loss(logits: Tensor, present: Tensor) -> Tensor:
    """Binary cross-entropy of who is heard. logits : [mixes, parts]; present : bool, same shape."""
    return F.binary_cross_entropy_with_logits(logits, present.float())


def mask_loss(mask_logits: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy of the estimated masks against the ideal ratio masks, cell by cell.

    mask_logits : [mixes, parts, time, rows]
    shares : same shape, each part's share of the power; cells where nothing sounds (sum below 1)
        count as far as something does.
    """
    log_masks = torch.log_softmax(mask_logits, dim=1)
    return -(shares * log_masks).sum(dim=1).mean()
