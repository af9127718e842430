"""Rooms: noise that decays exponentially, darker with distance."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def response(
    noise: Tensor,
    decay_s: Tensor,
    delay_s: Tensor,
    damping_hz: Tensor,
    wet_db: Tensor,
    samples: int,
    sample_rate_hz: int,
) -> Tensor:
    """Frequency responses of dry sound plus room, for signals of `samples` samples.

    noise : white, [batch, length <= samples]: the room's reflections before their decay
    decay_s : [batch], time in which the room's sound falls by 60 dB
    delay_s : [batch], from the sound to its first reflection
    damping_hz : [batch], above this the room swallows treble, 6 dB an octave
    wet_db : [batch], level of the room's sound against the dry, for white noise
    -> complex [batch, samples // 2 + 1]
    """
    length = noise.shape[-1]
    time_s = torch.arange(length, device=noise.device) / sample_rate_hz
    after_s = time_s - delay_s[:, None]  # [batch, length]
    slope = math.log(1000.0) / decay_s[:, None]
    impulse = noise * torch.exp(-slope * after_s.clamp(min=0.0)) * (after_s >= 0)
    room = torch.fft.rfft(impulse, n=samples)
    hz = torch.linspace(0.0, sample_rate_hz / 2.0, room.shape[-1], device=noise.device)
    room = room / torch.sqrt(1.0 + (hz / damping_hz[:, None]).square())
    power = room.abs().square().mean(dim=-1, keepdim=True)
    wet = torch.pow(10.0, wet_db / 20.0)[:, None]
    return 1.0 + room * (wet / power.clamp(min=1e-12).sqrt())
