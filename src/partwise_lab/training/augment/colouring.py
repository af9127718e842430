"""Equaliser and room of many items, drawn once and applied to any of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from partwise_lab.training.augment import equaliser, reverb
from partwise_lab.training.augment.draws import some, uniform, white
from partwise_lab.training.augment.settings import Range
from partwise_lab.training.augment.spectrum import at_level_of, bins_hz, filtered


@dataclass(frozen=True)
class Colouring:
    """Linear effects of `count` items; everything lies on the CPU but the rooms' noise.

    weights : [count, equaliser.ORDERS], zeros where nothing is equalised [dB]
    room : int64 [count], which room an item stands in, -1 for none
    noise, decay_s, delay_s, damping_hz, wet_db : of each room, as in ``reverb.response``
    """

    weights: Tensor
    room: Tensor
    noise: Tensor
    decay_s: Tensor
    delay_s: Tensor
    damping_hz: Tensor
    wet_db: Tensor

    @classmethod
    def draw(
        cls,
        generator: torch.Generator,
        count: int,
        device: torch.device,
        sample_rate_hz: int,
        *,
        eq_db: float,
        room: float,
        wet_db: Range,
        decay_s: Range,
    ) -> Colouring:
        """eq_db : standard deviation of the curves [dB]; room : chance of standing in a room."""
        weights = eq_db * torch.randn(count, equaliser.ORDERS, generator=generator)
        rows = some(generator, room, count)
        rooms = len(rows)
        which = torch.full((count,), -1)
        which[rows] = torch.arange(rooms)
        longest = round(1.1 * decay_s[1] * sample_rate_hz)
        return cls(
            weights=weights,
            room=which,
            noise=white(generator, (rooms, longest), device),
            decay_s=uniform(generator, decay_s, rooms),
            delay_s=uniform(generator, (0.0, 0.03), rooms),
            damping_hz=uniform(generator, (1500.0, 8000.0), rooms),
            wet_db=uniform(generator, wet_db, rooms),
        )

    def apply(self, samples: Tensor, item: Tensor, sample_rate_hz: int) -> Tensor:
        """Colour [batch, n] as `item` [batch] (int64, on the CPU) is; levels stay."""
        n, device = samples.shape[-1], samples.device
        used, item = torch.unique(item, return_inverse=True)
        room = self.room[used]
        if not self.weights.any() and bool((room < 0).all()):
            return samples
        response = equaliser.response(
            self.weights[used].to(device), bins_hz(n, sample_rate_hz, device)
        )
        inside = torch.nonzero(room >= 0)[:, 0]
        if len(inside):
            room = room[inside]
            rooms = reverb.response(
                self.noise[room.to(device), :n],
                self.decay_s[room].to(device),
                self.delay_s[room].to(device),
                self.damping_hz[room].to(device),
                self.wet_db[room].to(device),
                n,
                sample_rate_hz,
            )
            inside, response = inside.to(device), response.to(torch.complex64)
            response = response.index_copy(0, inside, response[inside] * rooms)
        return at_level_of(filtered(samples, response[item.to(device)]), samples)
