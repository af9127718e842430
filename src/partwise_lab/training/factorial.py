"""The objective of the recipe `partwise`: factorial mixes, and what is asked of each subspace.

The losses are pure functions.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from partwise.parts import PARTS
from partwise_lab.model.encoder import Encoded, PartEncoder
from partwise_lab.training.machine import autocast
from partwise_lab.training.pseudo_mix import Batch
from partwise_lab.training.recipes import MixObjective, Recipe
from partwise_lab.training.stem_bank import StemBank

_NEVER = -1e4  # a logit that takes no part; finite, so that empty rows stay finite


class FactorialObjective(MixObjective):
    """The recipe `partwise` on one stem bank."""

    columns = (*(str(part) for part in PARTS), "presence", "masks")

    def __init__(
        self, bank: StemBank, recipe: Recipe, device: str = "cpu", voices: StemBank | None = None
    ) -> None:
        super().__init__(bank, recipe, device, voices)
        torch.manual_seed(recipe.seed)
        self.model = self.learner = PartEncoder(recipe.encoder)
        # Channels last is twice as fast on CPUs with bf16.
        self.model.to(device, memory_format=torch.channels_last)  # pyright: ignore

    def loss(self, batch: Batch, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the losses, and each of them."""
        recipe = self.recipe
        with autocast(self.device):
            encoded: Encoded = self.model(batch.log_mel)
        embeddings = encoded.embeddings.float()
        terms = {
            str(part): multi_positive_contrastive(
                embeddings[:, part.index],
                batch.labels[:, part.index],
                batch.labelled[:, part.index],
                recipe.temperature,
            )
            for part in PARTS
        }
        total = torch.stack(list(terms.values())).mean()
        terms["presence"] = presence_loss(encoded.presence_logits.float(), batch.present)
        terms["masks"] = mask_loss(encoded.mask_logits.float(), batch.shares)
        total = total + recipe.presence_weight * terms["presence"]
        return total + recipe.mask_weight * terms["masks"], terms


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
