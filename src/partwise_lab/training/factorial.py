"""The objective of the recipe `partwise`: factorial mixes, and what is asked of each subspace.

The losses are pure functions; prototypes, one learnt vector per part and piece, are dropped after
training.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partwise.parts import PARTS
from partwise_lab.model.encoder import Encoded, PartEncoder
from partwise_lab.training.machine import autocast
from partwise_lab.training.pseudo_mix import Batch, PseudoMixer
from partwise_lab.training.recipes import Objective, Recipe
from partwise_lab.training.stem_bank import StemBank

_NEVER = -1e4  # a logit that takes no part; finite, so that empty rows stay finite
_WINDOWS = 2  # of a stem, spread evenly over it, for its piece's prototype
_AT_ONCE = 64


class FactorialObjective(Objective):
    """The recipe `partwise` on one stem bank.

    sung : whether there are voices among the bank's stems; kept with the settings.
    """

    def __init__(
        self, bank: StemBank, recipe: Recipe, device: str = "cpu", *, sung: bool = False
    ) -> None:
        super().__init__(recipe.name, recipe, bank, device, voices=sung)
        self.recipe = recipe
        self.segments = recipe.mix.songs * recipe.mix.views
        self.restart(0)
        torch.manual_seed(recipe.seed)
        self.model = PartEncoder(recipe.encoder)
        self.learner = nn.ModuleDict({"model": self.model})
        self.columns = (*(str(part) for part in PARTS), "presence")
        if recipe.encoder.masks != "none":
            self.columns += ("masks",)
        self.prototypes = None
        if recipe.identity_weight:
            self.prototypes = Prototypes(self.pieces, recipe.encoder.dim)
            self.learner["prototypes"] = self.prototypes
            self.columns += ("identity",)
        # Channels last is twice as fast on CPUs with bf16.
        self.learner.to(device, memory_format=torch.channels_last)  # pyright: ignore

    def begin(self) -> None:
        """Put the prototypes where the network hears the pieces' clean stems."""
        if self.prototypes:
            self.prototypes.begin_with(self.model, self.bank, self.mixer.frames, self.device)

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        recipe, seed = self.recipe, self.recipe.seed * 1_000_003 + step
        self.mixer = PseudoMixer(self.bank, recipe.mix, seed, self.device, recipe.encoder.cell)

    def draw(self) -> Batch:
        """The next batch."""
        return self.mixer.draw()

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
                batch.present[:, part.index],
                recipe.temperature,
            )
            for part in PARTS
        }
        total = recipe.contrastive_weight * torch.stack(list(terms.values())).mean()
        terms["presence"] = presence_loss(encoded.presence_logits.float(), batch.present)
        total = total + recipe.presence_weight * terms["presence"]
        if encoded.mask_logits is not None:
            terms["masks"] = mask_loss(encoded.mask_logits.float(), batch.shares)
            total = total + recipe.mask_weight * terms["masks"]
        if self.prototypes:
            prototypes = self.prototypes.weight
            identities = [
                identity_loss(
                    embeddings[:, part.index],
                    prototypes[part.index],
                    batch.labels[:, part.index],
                    batch.present[:, part.index],
                    recipe.identity_margin,
                    recipe.identity_temperature,
                )
                for part in PARTS
            ]
            terms["identity"] = torch.stack(identities).mean()
            total = total + recipe.identity_weight * terms["identity"]
        return total, terms


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


class Prototypes(nn.Module):
    """weight : [parts=5, pieces, dim], of any norm."""

    def __init__(self, pieces: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(len(PARTS), pieces, dim) * dim**-0.5)

    @torch.no_grad()
    def begin_with(self, model: nn.Module, bank: StemBank, frames: int, device: str) -> None:
        """Start from the mean embedding of each piece's clean stem under `model`.

        Random prototypes need many visits of every piece before they say anything; those of a
        network that has learnt already are right from the first step.
        frames : length of the windows in mel frames.
        """
        was_training = model.training
        model.eval()
        for part in PARTS:
            stems = [s for s in bank.stems[part] if s.frames > frames]
            piece = torch.tensor([s.piece for s in stems for _ in range(_WINDOWS)], device=device)
            first = np.concatenate(
                [np.linspace(s.first, s.first + s.frames - frames, _WINDOWS) for s in stems]
            ).astype(np.int64)
            heard = torch.zeros_like(self.weight[part.index])
            for begin in range(0, len(first), _AT_ONCE):
                rows = slice(begin, begin + _AT_ONCE)
                window_db = bank.windows(first[rows], frames, device)
                with autocast(device):
                    embeddings = model(window_db).embeddings[:, part.index]
                heard.index_add_(0, piece[rows], embeddings.float())
            known = heard.norm(dim=1) > 0
            self.weight[part.index, known] = F.normalize(heard[known], dim=1)
        model.train(was_training)
