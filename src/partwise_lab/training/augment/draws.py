"""Random parameters, drawn on the CPU whatever device the sound is on."""

from __future__ import annotations

import torch
from torch import Tensor


def uniform(generator: torch.Generator, between: tuple[float, float], count: int) -> Tensor:
    """float32 [count] on the CPU."""
    low, high = between
    return low + (high - low) * torch.rand(count, generator=generator)


def some(generator: torch.Generator, chance: float, count: int) -> Tensor:
    """The rows of a batch that an effect is applied to: int64 [<= count] on the CPU."""
    return torch.nonzero(torch.rand(count, generator=generator) < chance)[:, 0]


def white(generator: torch.Generator, shape: tuple[int, ...], device: torch.device) -> Tensor:
    """Standard normal noise on `device`; `generator` is on the CPU and gives the seed."""
    if device.type == "cpu":
        return torch.randn(shape, generator=generator)
    seed = int(torch.randint(2**62, (1,), generator=generator))
    there = torch.Generator(device).manual_seed(seed)
    return torch.randn(shape, generator=there, device=device)
