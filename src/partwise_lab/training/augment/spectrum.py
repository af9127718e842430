"""Levels, and linear effects as frequency responses.

Responses multiply, so that an equaliser and a room together cost one Fourier transform and back.
The convolution is circular: what rings past the end of a window rings into its beginning, as if
something had been played before it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def bins_hz(samples: int, sample_rate_hz: int, device: torch.device) -> Tensor:
    """Frequencies of the real Fourier transform of so many samples: [samples // 2 + 1]."""
    return torch.linspace(0.0, sample_rate_hz * (samples // 2) / samples, samples // 2 + 1).to(
        device
    )


def filtered(samples: Tensor, response: Tensor) -> Tensor:
    """[batch, n], real or complex response [batch, n // 2 + 1] -> [batch, n]."""
    return torch.fft.irfft(torch.fft.rfft(samples) * response, n=samples.shape[-1])


def rms(samples: Tensor) -> Tensor:
    """Root mean square over the last axis, kept as an axis of length 1; above 0 also in silence."""
    return samples.square().mean(dim=-1, keepdim=True).add(1e-18).sqrt()


def at_level_of(samples: Tensor, original: Tensor) -> Tensor:
    """`samples` with the root mean square of `original`, row by row."""
    return samples * (rms(original) / rms(samples))


def ratio(decibels: Tensor) -> Tensor:
    """Amplitude ratio of a level difference; any shape."""
    return torch.pow(10.0, decibels / 20.0)
