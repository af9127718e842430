"""One learnt vector per part and piece, for the piece-identity softmax; dropped after training."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from partwise.parts import PARTS
from partwise_lab.training.precision import autocast
from partwise_lab.training.stem_bank import StemBank

_WINDOWS = 2  # of a stem, spread evenly over it
_BATCH = 64


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
            for begin in range(0, len(first), _BATCH):
                rows = slice(begin, begin + _BATCH)
                window_db = bank.windows(first[rows], frames, device)
                with autocast(device):
                    embeddings = model(window_db).embeddings[:, part.index]
                heard.index_add_(0, piece[rows], embeddings.float())
            known = heard.norm(dim=1) > 0
            self.weight[part.index, known] = nn.functional.normalize(heard[known], dim=1)
        model.train(was_training)
