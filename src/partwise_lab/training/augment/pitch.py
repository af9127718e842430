"""Tuning and tempo."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_N_FFT = 2048
_HOP = 512


def varispeed(samples: Tensor, rate: Tensor, length: int) -> Tensor:
    """Play faster and so higher, as a tape does: cubic interpolation.

    samples : [batch, n], n > length * the largest rate + 2
    rate : [batch], above 1 is faster and higher
    -> [batch, length]
    """
    # Block by block from float64 starts: float32 alone would jitter by 0.01 samples after 5 s.
    blocks = torch.arange(-(-length // _HOP), device=samples.device, dtype=torch.float64)
    start = blocks * _HOP * rate[:, None].double()  # [batch, blocks]
    within = torch.arange(_HOP, device=samples.device) * rate[:, None].float()  # [batch, hop]
    position = (start - start.floor()).float()[:, :, None] + within[:, None]
    whole = position.floor()
    x = (position - whole).flatten(1)[:, :length]
    at = (whole.long() + start.long()[:, :, None]).flatten(1)[:, :length]
    # Catmull-Rom through b and c with the slopes of their neighbours; the first sample is b.
    padded = F.pad(samples, (1, 0))
    a, b, c, d = (padded.gather(1, at + tap) for tap in range(4))
    slope, fall = 0.5 * (c - a), b - c
    cubic = slope + 0.5 * (d - b) + 2.0 * fall
    return b + x * (slope + x * (x * cubic - (cubic + fall + slope)))


def stretch(samples: Tensor, rate: Tensor, length: int) -> Tensor:
    """Play faster at the same pitch: a phase vocoder; time 0 stays time 0.

    samples : [batch, n], n >= length * the largest rate
    rate : [batch], above 1 is faster
    -> [batch, length]
    """
    window = torch.hann_window(_N_FFT, device=samples.device)
    frames = length // _HOP + 1
    padded = F.pad(samples, (0, 2 * _HOP))
    spectrum = torch.stft(padded, _N_FFT, _HOP, window=window, return_complex=True)
    spectrum = spectrum.transpose(1, 2)  # [batch, source frames, bins]
    position = torch.arange(frames, device=samples.device) * rate[:, None]  # [batch, frames]
    whole = position.long()
    at = whole[:, :, None].expand(-1, -1, spectrum.shape[-1])
    here, after = spectrum.gather(1, at), spectrum.gather(1, at + 1)
    x = (position - whole)[:, :, None]
    magnitude = (1.0 - x) * here.abs() + x * after.abs()
    # One hop out is one hop in: the phase goes on by what it did from this frame to the next.
    turn = torch.angle(after * here.conj())
    phase = torch.cumsum(turn, dim=1) - turn + torch.angle(here[:, :1])
    played = torch.polar(magnitude, phase).transpose(1, 2)
    return torch.istft(played, _N_FFT, _HOP, window=window, length=length)
