"""Compression, limiting and saturation.

The envelopes are taken block by block and the gains interpolated between blocks, so that there is
no recursion over samples.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from partwise_lab.training.augment.spectrum import at_level_of, rms

_LEVEL_BLOCK = 256  # samples, 12 ms at 22.05 kHz
_PEAK_BLOCK = 64


def compress(
    samples: Tensor, threshold_db: Tensor, ratio: Tensor, release_s: Tensor, sample_rate_hz: int
) -> Tensor:
    """Turn loud moments down; the level of the whole stays.

    samples : [batch, n]
    threshold_db : [batch], relative to each item's own level
    ratio : [batch], above 1
    release_s : [batch], time constant with which the gain comes back
    """
    batch, n = samples.shape
    power = F.avg_pool1d(samples.square()[:, None], _LEVEL_BLOCK, ceil_mode=True)[:, 0]
    mean = samples.square().mean(dim=1, keepdim=True)
    level_db = 10.0 * torch.log10((power + 1e-18) / (mean + 1e-18))  # [batch, blocks]
    over_db = F.relu(level_db - threshold_db[:, None])
    reduction_db = over_db * (1.0 - 1.0 / ratio)[:, None]
    # An exponential memory of the last blocks, one kernel an item.
    block_s = _LEVEL_BLOCK / sample_rate_hz
    past = torch.arange(40, device=samples.device).flip(0)
    kernel = torch.exp(-past * block_s / release_s[:, None])  # [batch, 40]
    kernel = kernel / kernel.sum(dim=1, keepdim=True)
    padded = F.pad(reduction_db, (39, 0), mode="replicate")[None]
    smooth_db = F.conv1d(padded, kernel[:, None], groups=batch)[0]  # [batch, blocks]
    gain = torch.pow(10.0, -smooth_db / 20.0)
    return at_level_of(samples * _between(gain, n), samples)


def limit(samples: Tensor, drive_db: Tensor) -> Tensor:
    """Push each item by `drive_db` [batch] against its own highest peak, as loud masters are."""
    n = samples.shape[-1]
    magnitude = samples.abs()
    drive = torch.pow(10.0, drive_db / 20.0)[:, None]
    ceiling = magnitude.amax(dim=1, keepdim=True)
    envelope = F.max_pool1d(magnitude[:, None] * drive[:, None], _PEAK_BLOCK, ceil_mode=True)
    # The neighbouring blocks too: the gain is down before a peak comes.
    envelope = F.max_pool1d(envelope, 5, stride=1, padding=2)[:, 0]
    gain = (ceiling / (envelope + 1e-12)).clamp(max=1.0)
    gain = F.avg_pool1d(gain[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]
    pushed = samples * drive * _between(gain, n)
    return torch.minimum(torch.maximum(pushed, -ceiling), ceiling)


def saturate(samples: Tensor, drive_db: Tensor, bias: Tensor) -> Tensor:
    """A soft, slightly lopsided valve; the level stays.

    drive_db : [batch], level of the signal against the valve's knee
    bias : [batch], 0 for odd harmonics only
    """
    scale = torch.pow(10.0, drive_db / 20.0)[:, None] / rms(samples)
    bent = torch.tanh(samples * scale + bias[:, None])
    return at_level_of(bent - bent.mean(dim=1, keepdim=True), samples)


def _between(gain: Tensor, samples: int) -> Tensor:
    """Gains of blocks [batch, blocks] -> gains of samples [batch, samples]."""
    return F.interpolate(gain[:, None], size=samples, mode="linear")[:, 0]
