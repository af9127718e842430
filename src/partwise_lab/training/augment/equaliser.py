"""Equalisation: smooth random frequency responses."""

from __future__ import annotations

import math

import torch
from torch import Tensor

ORDERS = 5  # the first is a tilt, the fifth bends five times between 30 Hz and Nyquist
_LOWEST_HZ = 30.0


def response(weights: Tensor, frequencies_hz: Tensor) -> Tensor:
    """Amplitude responses made of a few cosines over log frequency.

    weights : [batch, ORDERS]; standard normal weights give a standard deviation of 1 dB over
        draws and frequencies. Multiply by the deviation wanted.
    frequencies_hz : [bins] -> real [batch, bins]
    """
    orders = torch.arange(1, ORDERS + 1, device=weights.device, dtype=weights.dtype)
    share = 1.0 / orders.sqrt()  # broad shapes are larger than narrow ones
    share = share / (0.5 * share.square().sum()).sqrt()
    octave = torch.log2(frequencies_hz.clamp(min=_LOWEST_HZ) / _LOWEST_HZ)
    basis = torch.cos(math.pi * orders[:, None] * (octave / octave[-1]))  # [orders, bins]
    curves_db = (weights * share) @ basis
    return torch.exp(curves_db * (math.log(10.0) / 20.0))
