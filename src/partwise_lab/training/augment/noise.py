"""Background noise: hiss of any colour and mains hum. Both have a root mean square of 1."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from partwise_lab.training.augment.spectrum import bins_hz, rms

_HUM_HARMONICS = 6


def hiss(spectrum: Tensor, slope: Tensor, samples: int, sample_rate_hz: int) -> Tensor:
    """Noise whose power falls with frequency.

    spectrum : white, [batch, samples // 2 + 1, 2], real and imaginary parts
    slope : [batch], 0 is white, 1 pink, 2 brown
    -> [batch, samples]
    """
    hz = bins_hz(samples, sample_rate_hz, spectrum.device).clamp(min=30.0)
    shape = torch.exp(-0.5 * slope[:, None] * torch.log(hz / 1000.0))
    noise = torch.fft.irfft(torch.view_as_complex(spectrum) * shape, n=samples)
    return noise / rms(noise)


def hum(mains_hz: Tensor, samples: int, sample_rate_hz: int) -> Tensor:
    """A sawtooth of a few harmonics at `mains_hz` [batch] -> [batch, samples]."""
    time_s = torch.arange(samples, device=mains_hz.device) / sample_rate_hz
    phase = 2.0 * math.pi * mains_hz[:, None] * time_s
    # Harmonics by recurrence: sin((k + 1) x) = 2 cos(x) sin(k x) - sin((k - 1) x).
    before, now, twice = torch.zeros_like(phase), torch.sin(phase), 2.0 * torch.cos(phase)
    tone = now
    for order in range(2, _HUM_HARMONICS + 1):
        before, now = now, twice * now - before
        tone = tone + now / order
    return tone / rms(tone)
