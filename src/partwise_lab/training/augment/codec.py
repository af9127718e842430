"""A lossy coder in miniature: MDCT, steps that follow each band's energy, low-pass.

mp3 and AAC transform blocks of some 10-25 ms, give every band of every block a step size by what
the ear masks there, round, and cut the treble. So does this, without the bit packing: what is lost
is lost in the same places (weak lines beside strong ones, treble first, smeared over a block).
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional as F

_LINES = 288  # a block's spectral lines: mp3's 576 at half its rate
_BANDS = 22


def code(samples: Tensor, snr_db: Tensor, cutoff_hz: Tensor, sample_rate_hz: int) -> Tensor:
    """Code and decode.

    samples : [batch, n]
    snr_db : [batch], distance of the rounding noise below each band's energy where hearing is
        best; it shrinks to a third of that in the highest band
    cutoff_hz : [batch], nothing is left above this
    """
    n = samples.shape[-1]
    basis, band_of_line = _tables(samples.device)
    lines_hz = (torch.arange(_LINES, device=samples.device) + 0.5) * (0.5 * sample_rate_hz / _LINES)
    blocks = math.ceil(n / _LINES) + 1
    padded = F.pad(samples, (_LINES, blocks * _LINES - n))
    spectrum = padded.unfold(1, 2 * _LINES, _LINES) @ basis  # [batch, blocks, lines]
    # Energy of each band, back on its lines.
    energy = spectrum.square() @ band_of_line.T / band_of_line.sum(dim=1)
    # A block has little to spend on a band that its strongest band masks: 60 dB down it is gone.
    energy = energy + 1e-6 * energy.amax(dim=2, keepdim=True) + 1e-18
    fall = torch.linspace(1.0, 1.0 / 3.0, len(band_of_line), device=samples.device)
    # Uniform rounding by a step s adds noise of power s^2 / 12.
    step = torch.sqrt(12.0 * energy * torch.pow(10.0, -0.1 * snr_db[:, None, None] * fall))
    step = step @ band_of_line  # [batch, blocks, lines]
    coded = torch.round(spectrum / step) * step
    coded = coded * (lines_hz < cutoff_hz[:, None])[:, None]
    decoded = coded @ basis.T  # [batch, blocks, 2 * lines]
    # Neighbours overlap by half: the aliases of one cancel those of the other.
    halves = decoded[:, :-1, _LINES:] + decoded[:, 1:, :_LINES]
    return halves.reshape(len(samples), -1)[:, :n]


@functools.cache
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    """Windowed MDCT basis [2 * lines, lines], orthonormal over blocks; bands [bands, lines]."""
    n = torch.arange(2 * _LINES, dtype=torch.float64)
    k = torch.arange(_LINES, dtype=torch.float64)
    window = torch.sin(math.pi / (2 * _LINES) * (n + 0.5))
    phase = math.pi / _LINES * (n[:, None] + 0.5 + _LINES / 2) * (k[None, :] + 0.5)
    basis = window[:, None] * torch.cos(phase) * math.sqrt(2.0 / _LINES)
    # Bands about as wide as the ear's: even steps of asinh(f / 650 Hz), as in the Bark scale.
    edge = torch.asinh((k + 0.5) / 17.0)
    band = (edge / edge[-1] * (_BANDS - 1e-6)).long()
    _, band = torch.unique(band, return_inverse=True)  # the narrowest bands may hold no line
    belongs = F.one_hot(band).T
    return basis.float().to(device), belongs.float().to(device)
