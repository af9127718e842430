"""The optimisers of a run: AdamW, and for convolutions between hidden maps Muon.

Muon (Jordan et al. 2024) makes the momentum orthogonal, so that a step turns all directions of a
layer's map alike. PyTorch's takes matrices only: a convolution's weight is shown to it as one row
for each channel that it makes, over the same memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from partwise_lab.training.recipes import Optimiser

_FEW = 8  # channels up to which a convolution is a read-out, not a map


class Steps:
    """Steps of everything in `learner` that learns, as a recipe chose them."""

    def __init__(self, learner: nn.Module, chosen: Optimiser) -> None:
        self._parameters = [p for p in learner.parameters() if p.requires_grad]
        self._clip_norm = chosen.clip_norm
        inner = [p for p in self._parameters if chosen.muon_rate and _is_inner(p)]
        known = {id(p) for p in inner}
        rest = [p for p in self._parameters if id(p) not in known]
        adam = torch.optim.AdamW(rest, lr=chosen.learning_rate, weight_decay=chosen.weight_decay)
        self._each: list[tuple[torch.optim.Optimizer, float]] = [(adam, chosen.learning_rate)]
        self._rows = [(p, nn.Parameter(_rows(p.data))) for p in inner]
        if inner:
            muon = torch.optim.Muon(
                [rows for _, rows in self._rows],
                lr=chosen.muon_rate,
                weight_decay=chosen.weight_decay,
            )
            self._each.append((muon, chosen.muon_rate))

    def clear(self) -> None:
        """Forget the gradients of the last step."""
        for parameter in self._parameters:
            parameter.grad = None

    def take(self, scale: float) -> None:
        """One step along the gradients, at so much of the recipe's rates."""
        nn.utils.clip_grad_norm_(self._parameters, self._clip_norm)
        for parameter, rows in self._rows:
            if parameter.grad is not None:
                # In the layout of the weight: the gradient may come in another one.
                rows.grad = _rows(torch.empty_like(parameter).copy_(parameter.grad))
        for optimiser, rate in self._each:
            for group in optimiser.param_groups:
                group["lr"] = rate * scale
            optimiser.step()

    def state(self) -> list[dict[str, Any]]:
        """What `load` goes on from."""
        return [optimiser.state_dict() for optimiser, _ in self._each]

    def load(self, state: list[dict[str, Any]]) -> None:
        """Go on from what `state` gave."""
        for (optimiser, _), kept in zip(self._each, state, strict=True):
            optimiser.load_state_dict(kept)


def _is_inner(weight: Tensor) -> bool:
    return weight.dim() == 4 and weight.shape[1] > 1 and weight.shape[0] > _FEW


def _rows(weight: Tensor) -> Tensor:
    """[out, in, height, width] in any dense layout -> [out, the rest], the same memory."""
    width = weight[0].numel()
    return weight.detach().as_strided((len(weight), width), (width, 1))
