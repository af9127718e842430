"""The losses of the recipe `paper`, each a pure function on embeddings that are not normalised."""

from __future__ import annotations

import torch
from torch import Tensor


def masked_triplet_loss(
    anchor: Tensor, positive: Tensor, negative: Tensor, part: Tensor, margin: float
) -> Tensor:
    """max(0, D(a, p; m_c) - D(a, n; m_c) + margin), D Euclidean in the subspace of a triplet's c.

    anchor, positive, negative : [triplets, parts=5, dim]
    part : int64 [triplets], the part c of each triplet
    returns : scalar, mean over triplets
    """
    each = torch.arange(len(part), device=part.device)
    a, p, n = (rows[each, part] for rows in (anchor, positive, negative))  # [triplets, dim]
    return torch.clamp(distance(a, p) - distance(a, n) + margin, min=0.0).mean()


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distance over the last axis; has a gradient also at 0."""
    return length(a - b)


def length(x: Tensor) -> Tensor:
    """Euclidean norm over the last axis; has a gradient also at 0."""
    return torch.sqrt(torch.sum(x * x, dim=-1) + 1e-12)


def distillation_loss(embeddings: Tensor, teachers: Tensor) -> Tensor:
    """L_M = || f(x) - y / ||y|| ||: the whole embedding against the teachers' concatenated ones.

    embeddings : [..., parts=5, dim], f(x)
    teachers : same shape, y: what each part's teacher says of that part's stem; 0 if it is absent
    returns : scalar, mean over mixes
    """
    x, y = embeddings.flatten(-2), teachers.flatten(-2)
    return distance(x, y / length(y)[..., None]).mean()


def near_zero_loss(embeddings: Tensor, absent: Tensor) -> Tensor:
    """The journal version's extra loss: the subspace of an absent part is to be near zero.

    embeddings : [..., parts=5, dim]
    absent : bool [..., parts=5]
    returns : scalar, mean length of the absent parts' subspaces; 0 when none is absent
    """
    return torch.sum(length(embeddings) * absent) / torch.clamp(absent.sum(), min=1)
