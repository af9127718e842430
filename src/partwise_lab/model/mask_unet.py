"""A small separator: log-mel of a mix in, five soft masks of the same resolution out.

A U-Net (Jansson et al. 2017) whose masks are shared out among the parts by a softmax, so that the
stems add up to the mix. It works on the mel bands of the encoder's front end: ideal masks of that
resolution lose next to nothing for telling parts apart, and it stays as cheap as the encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partwise.parts import PARTS
from partwise_lab.model.encoder import Residual, normalise


@dataclass(frozen=True)
class MaskUNetSettings:
    """Size of the network.

    widths : channels at full resolution and at each halving of it; `2 ** (len(widths) - 1)` must
        divide `bands`.
    """

    bands: int = 96
    widths: tuple[int, ...] = (16, 32, 64, 128)


class MaskUNet(nn.Module):
    """Log-mel of a mix -> logits of five masks; a softmax over the parts gives the masks."""

    kind = "separator"

    def __init__(self, settings: MaskUNetSettings = MaskUNetSettings()) -> None:
        super().__init__()
        self.settings = settings
        widths = settings.widths
        self.enter = _convolution(1, widths[0], 5)
        self.down = nn.ModuleList(
            Residual(inputs, outputs, 2) for inputs, outputs in pairwise(widths)
        )
        self.bottom = Residual(widths[-1], widths[-1])
        self.up = nn.ModuleList(
            _convolution(below + beside, beside, 3)
            for below, beside in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.leave = nn.Conv2d(widths[0], len(PARTS), 1)

    def forward(self, log_mel: Tensor) -> Tensor:
        """[batch, frames, bands] in dB, any gain -> mask logits [batch, parts=5, frames, bands]."""
        frames = log_mel.shape[1]
        step = 2 ** len(self.down)
        x = F.pad(normalise(log_mel)[:, None], (0, 0, 0, -frames % step), value=-1.0)
        x = self.enter(x)
        beside = []
        for layer in self.down:
            beside.append(x)
            x = layer(x)
        x = self.bottom(x)
        for layer, skip in zip(self.up, reversed(beside), strict=True):
            x = layer(torch.cat([F.interpolate(x, scale_factor=2.0), skip], dim=1))
        return self.leave(x)[:, :, :frames]


def _convolution(inputs: int, outputs: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
