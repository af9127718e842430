"""The losses of the recipe `partwise`, each a pure function."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_NEVER = -1e4  # a logit that takes no part; finite, so that empty rows stay finite


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
    # Masks instead of a selection, so that a GPU need not wait to learn how many there are.
    logits = logits.masked_fill(~candidates, _NEVER)
    log_probability = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    per_anchor = (log_probability * positives).sum(dim=1) / positives.sum(dim=1).clamp(min=1)
    return -per_anchor.sum() / positives.any(dim=1).sum().clamp(min=1)


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


def identity_loss(
    embeddings: Tensor,
    prototypes: Tensor,
    labels: Tensor,
    present: Tensor,
    margin: float,
    temperature: float,
) -> Tensor:
    """Piece-identity softmax with an additive cosine margin (CosFace, Wang et al. 2018).

    Every piece of the training data has a learnt prototype in the subspace, so an item is compared
    with all of them and not only with the batch.

    embeddings : [items, dim], unit norm
    prototypes : [pieces, dim], of any norm
    labels : int64 [items], 0 .. pieces - 1
    present : bool [items]; the others are left out
    margin : >= 0, in cosine; temperature : > 0
    returns : scalar; 0 when nothing is present
    """
    cosine = embeddings @ F.normalize(prototypes, dim=1).T  # [items, pieces]
    own = F.one_hot(labels, len(prototypes))
    each = F.cross_entropy((cosine - margin * own) / temperature, labels, reduction="none")
    return (each * present).sum() / present.sum().clamp(min=1)
