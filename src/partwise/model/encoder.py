"""The one network: log-mel of a mix in, five subspaces and five presences out.

A residual trunk hears the mix. From its map a mask head says, cell by cell, how the mix's power is
shared among the five parts; the map is then pooled over time once per part under that part's mask,
frequency kept apart, and projected into the part's own subspace. The masks are supervised in
training by the known stems (ideal ratio masks, coarse: the trunk's resolution), which is the cheap
form of "separate, then embed": one pass through the trunk serves all five parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partwise.parts import PARTS

STRIDE = 8  # of the trunk, in frames and in bands
_RANGE_DB = 80.0  # what lies deeper below the segment's loudest cell counts as silence


@dataclass(frozen=True)
class EncoderSettings:
    """Size of the network.

    dim : length of one part's subspace; the embedding is [parts=5, dim].
    widths : channels of the trunk's three stages (strides 2, 4, 8).
    blocks : residual blocks in each stage.
    pooled : channels that are pooled under the masks.
    """

    bands: int = 96
    dim: int = 64
    widths: tuple[int, int, int] = (32, 64, 128)
    blocks: tuple[int, int, int] = (1, 1, 2)
    pooled: int = 64


class Encoded(NamedTuple):
    """What the network hears in a batch.

    embeddings : [batch, parts=5, dim], unit norm
    presence_logits : [batch, parts=5]
    mask_logits : [batch, parts=5, frames / 8, bands / 8]; softmax over parts gives the masks
    """

    embeddings: Tensor
    presence_logits: Tensor
    mask_logits: Tensor


class Residual(nn.Module):
    """Two 3 x 3 convolutions around a shortcut; the first may reduce the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Sequential(
                nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False),
                nn.Conv2d(inputs, outputs, 1, bias=False),
                nn.BatchNorm2d(outputs),
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """[batch, inputs, frames, bands] -> [batch, outputs, frames / stride, bands / stride]."""
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class PartEncoder(nn.Module):
    """Log-mel of a mix -> one unit vector and one presence per part.

    The five subspaces are the fixed, disjoint slices of ``parts * dim`` (Conditional Similarity
    Network masks, Veit et al. 2017, as Hashizume et al. 2024 use them); here they are rows.
    """

    def __init__(self, settings: EncoderSettings = EncoderSettings()) -> None:
        super().__init__()
        self.settings = settings
        parts = len(PARTS)
        stem, _, last = settings.widths
        self.stem = nn.Sequential(
            nn.Conv2d(1, stem, 5, 2, 2, bias=False), nn.BatchNorm2d(stem), nn.ReLU()
        )
        stages: list[nn.Module] = []
        inputs = stem
        for width, blocks, stride in zip(settings.widths, settings.blocks, (1, 2, 2), strict=True):
            for block in range(blocks):
                stages.append(Residual(inputs, width, 1 if block else stride))
                inputs = width
        self.trunk = nn.Sequential(*stages)
        self.mask_head = nn.Sequential(
            nn.Conv2d(last, last // 2, (9, 3), padding=(4, 1), bias=False),
            nn.BatchNorm2d(last // 2),
            nn.ReLU(),
            nn.Conv2d(last // 2, parts, 1),
        )
        self.content = nn.Sequential(
            nn.Conv2d(last, settings.pooled, 1, bias=False),
            nn.BatchNorm2d(settings.pooled),
        )
        rows = settings.bands // STRIDE
        features = rows * (2 * settings.pooled + 1)
        # One linear map per part: a grouped convolution keeps them side by side.
        self.project = nn.Conv1d(parts * features, parts * settings.dim, 1, groups=parts)
        self.presence = nn.Conv1d(parts * features, parts, 1, groups=parts)
        self.feature_norm = nn.BatchNorm1d(parts * features)

    def forward(self, log_mel: Tensor) -> Encoded:
        """Encode a batch of segments.

        log_mel : [batch, frames >= 8, bands] in dB, any gain.
        """
        parts, dim = len(PARTS), self.settings.dim
        x = normalise(log_mel)[:, None]  # [batch, 1, frames, bands]
        h = self.trunk(self.stem(x))  # [batch, last, frames / 8, bands / 8]
        mask_logits = self.mask_head(h)  # [batch, parts, frames / 8, bands / 8]
        masks = torch.softmax(mask_logits.float(), dim=1)
        c = self.content(h).float()  # [batch, pooled, frames / 8, bands / 8]
        batch = c.shape[0]  # not len(c): the ONNX tracer would take it for a constant
        mass = masks.mean(dim=2)  # [batch, parts, rows]: how much of each row is the part's
        weights = masks / (masks.sum(dim=2, keepdim=True) + 1e-3)
        # Pool over time under each part's mask; a matmul per row: [rows, parts, t] x [rows, t, c].
        w = weights.permute(0, 3, 1, 2)  # [batch, rows, parts, time]
        v = c.permute(0, 3, 2, 1)  # [batch, rows, time, pooled]
        mean = w @ v  # [batch, rows, parts, pooled]
        square = w @ (v * v)
        deviation = torch.sqrt(torch.clamp(square - mean * mean, min=0.0) + 1e-4)
        features = torch.cat(
            [mean, deviation, torch.log(mass.transpose(1, 2)[..., None] + 1e-3)], dim=3
        )  # [batch, rows, parts, 2 * pooled + 1]
        flat = features.permute(0, 2, 1, 3).reshape(batch, -1, 1)  # [batch, parts * features, 1]
        flat = self.feature_norm(flat)
        embeddings = self.project(flat).reshape(batch, parts, dim)
        return Encoded(
            F.normalize(embeddings, dim=2, eps=1e-6),
            self.presence(flat).reshape(batch, parts),
            mask_logits,
        )


def normalise(log_mel: Tensor) -> Tensor:
    """Take the gain out: dB below the segment's loudest cell, cut at -80, scaled to about -1..1.

    log_mel : [batch, frames, bands] in dB -> same shape.
    """
    loudest = torch.amax(log_mel, dim=(1, 2), keepdim=True)
    x = torch.clamp(log_mel - loudest, min=-_RANGE_DB)
    return (x + _RANGE_DB / 2) / (_RANGE_DB / 2)
