"""The one network: log-mel of a mix in, five subspaces and five presences out; and the front end.

A residual trunk hears the mix. From its map a mask head says, cell by cell, how the mix's power is
shared among the five parts; the map is then pooled over time once per part under that part's mask,
frequency kept apart, and projected into the part's own subspace. The masks are supervised in
training by the known stems (ideal ratio masks, coarse: the trunk's resolution), which is the cheap
form of "separate, then embed": one pass through the trunk serves all five parts.

``masks`` says where the masks act: ``pool``, as above; ``feature``, also on the trunk's finer map
(stride 4), from which a small shared part encoder then adds what it hears, once per part; ``none``,
nowhere: every part pools the same map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partwise.embedding.logmel import MelSettings, mel_filterbank
from partwise.parts import PARTS

STRIDE = 8  # of the trunk, in frames and in bands
_RANGE_DB = 80.0  # what lies deeper below the segment's loudest cell counts as silence


class LogMelFrontend(nn.Module):
    """Waveform to log-mel in dB, as ``MelSettings`` defines it; agrees with the NumPy one."""

    window: Tensor
    filters: Tensor

    def __init__(self, settings: MelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.register_buffer("window", torch.hann_window(settings.n_fft), persistent=False)
        filters = torch.from_numpy(mel_filterbank(settings))
        self.register_buffer("filters", filters, persistent=False)

    def power(self, samples: Tensor) -> Tensor:
        """[batch, samples] -> mel power [batch, frames, bands]. Powers of stems nearly add up."""
        s = self.settings
        mode = "reflect" if samples.shape[-1] > s.n_fft // 2 else "constant"
        spectrum = torch.stft(
            samples,
            s.n_fft,
            s.hop_length,
            window=self.window,
            center=True,
            pad_mode=mode,
            return_complex=True,
        )  # [batch, bins, frames]
        power = spectrum.real.square() + spectrum.imag.square()
        return (self.filters @ power).transpose(1, 2)

    def forward(self, samples: Tensor) -> Tensor:
        """[batch, samples] -> log-mel in dB [batch, frames, bands]."""
        return power_to_db(self.power(samples), self.settings.floor)


def power_to_db(power: Tensor, floor: float) -> Tensor:
    """10 log10 of the power, floored; any shape."""
    return 10.0 * torch.log10(torch.clamp(power, min=floor))


@dataclass(frozen=True)
class EncoderSettings:
    """Size of the network.

    dim : length of one part's subspace; the embedding is [parts=5, dim].
    widths : channels of the trunk's three stages (strides 2, 4, 8).
    blocks : residual blocks in each stage.
    pooled : channels that are pooled under the masks.
    masks : where the part masks act: "none", "pool" or "feature".
    overview : width of the attention over time, which lets every cell know the whole segment; 0
        leaves it out.
    """

    bands: int = 96
    dim: int = 64
    widths: tuple[int, int, int] = (32, 64, 128)
    blocks: tuple[int, int, int] = (1, 1, 2)
    pooled: int = 64
    masks: str = "pool"
    overview: int = 0

    @property
    def cell(self) -> int:
        """Frames and bands that one cell of the masks covers."""
        return STRIDE // 2 if self.masks == "feature" else STRIDE


class Encoded(NamedTuple):
    """What the network hears in a batch.

    embeddings : [batch, parts=5, dim], unit norm
    presence_logits : [batch, parts=5]
    mask_logits : [batch, parts=5, frames / cell, bands / cell]; softmax over parts gives the masks;
        None without masks
    """

    embeddings: Tensor
    presence_logits: Tensor
    mask_logits: Tensor | None


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


class Overview(nn.Module):
    """Self-attention over time: one moment of all bands is one token. Begins as zero."""

    def __init__(self, channels: int, rows: int, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.enter = nn.Linear(channels * rows, width)
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.think = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.leave = nn.Linear(width, channels * rows)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, h: Tensor) -> Tensor:
        """[batch, channels, time, rows] -> the same shape."""
        batch, channels, time, rows = h.shape
        x = self.enter(h.transpose(1, 2).reshape(batch, time, channels * rows))
        # [batch, time, width], cut into heads: [3, batch, heads, time, width / heads]
        parted = self.query_key_value(self.norm(x)).reshape(batch, time, 3, self.heads, -1)
        q, k, v = parted.permute(2, 0, 3, 1, 4)
        attention = torch.softmax((q @ k.transpose(2, 3)).float() * q.shape[3] ** -0.5, dim=3)
        heard = (attention.to(v.dtype) @ v).transpose(1, 2).reshape(batch, time, -1)
        x = x + self.mix(heard)
        x = x + self.think(x)
        return self.leave(x).reshape(batch, time, channels, rows).transpose(1, 2)


class PartEncoder(nn.Module):
    """Log-mel of a mix -> one unit vector and one presence per part.

    The five subspaces are the fixed, disjoint slices of ``parts * dim`` (Conditional Similarity
    Network masks, Veit et al. 2017, as Hashizume et al. 2024 use them); here they are rows.

    parts : how many subspaces; 1 is a network for the stems of a single part.
    """

    kind = "part"

    def __init__(
        self, settings: EncoderSettings = EncoderSettings(), parts: int = len(PARTS)
    ) -> None:
        super().__init__()
        self.settings = settings
        self.parts = parts
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
        last_stage = sum(settings.blocks[:2])
        self.trunk = nn.Sequential(*stages[:last_stage])  # to stride 4
        self.deep = nn.Sequential(*stages[last_stage:])  # to stride 8
        middle = settings.widths[1]
        if settings.masks != "none":
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
        # What refines an earlier design begins at zero, so that its weights can be trained on.
        if settings.masks == "feature":
            self.mask_detail = nn.Conv2d(middle, parts, 3, padding=1)
            nn.init.zeros_(self.mask_detail.weight)
            self.part_bias = nn.Parameter(torch.zeros(parts, middle, 1, 1))
            self.part_encoder = Residual(middle, settings.pooled, 2)
            self.part_gate = nn.Parameter(torch.zeros(settings.pooled, 1, 1))
        if settings.overview:
            self.overview = Overview(last, settings.bands // STRIDE, settings.overview)
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
        parts, dim = self.parts, self.settings.dim
        x = normalise(log_mel)[:, None]  # [batch, 1, frames, bands]
        middle = self.trunk(self.stem(x))  # [batch, middle, frames / 4, bands / 4]
        h = self.deep(middle)  # [batch, last, frames / 8, bands / 8]
        if self.settings.overview:
            h = h + self.overview(h)
        batch = h.shape[0]  # not len(h): the ONNX tracer would take it for a constant
        c = self.content(h).float()  # [batch, pooled, frames / 8, bands / 8]
        mask_logits = None
        if self.settings.masks == "none":  # every part pools the same map
            masks = torch.full_like(c[:, :1], 1.0 / parts).expand(-1, parts, -1, -1)
        elif self.settings.masks == "pool":
            mask_logits = self.mask_head(h)  # [batch, parts, frames / 8, bands / 8]
            masks = torch.softmax(mask_logits.float(), dim=1)
        else:
            coarse = F.interpolate(self.mask_head(h), middle.shape[2:])
            mask_logits = coarse + self.mask_detail(middle)  # [batch, parts, frames / 4, ...]
            masks = torch.softmax(mask_logits.float(), dim=1)
            c = c[:, None] + self.part_gate * self._hear_parts(middle, masks).float()
            masks = F.avg_pool2d(masks, 2, ceil_mode=True)
        embeddings, presence = self._pool(c, masks)
        return Encoded(
            F.normalize(embeddings.reshape(batch, parts, dim), dim=2, eps=1e-6),
            presence.reshape(batch, parts),
            mask_logits,
        )

    def _hear_parts(self, middle: Tensor, masks: Tensor) -> Tensor:
        """The shared part encoder on the masked map, once per part, told which part it is.

        middle : [batch, middle, frames / 4, bands / 4]
        masks : [batch, parts, frames / 4, bands / 4]
        returns : [batch, parts, pooled, frames / 8, bands / 8]
        """
        masks, bias = masks.to(middle.dtype), self.part_bias.to(middle.dtype)
        # Side by side along the batch, which keeps the memory layout of the map.
        masked = [middle * masks[:, p : p + 1] + bias[p] for p in range(self.parts)]
        each = self.part_encoder(torch.cat(masked))
        return each.unflatten(0, (self.parts, -1)).transpose(0, 1)

    def _pool(self, c: Tensor, masks: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation over time under each part's mask, row by row, then the projections.

        c : [batch, channels, frames / 8, bands / 8] for all parts, or [batch, parts, channels, ...]
        masks : [batch, parts, frames / 8, bands / 8]
        returns : embeddings [batch, parts * dim, 1], presence logits [batch, parts, 1]
        """
        mass = masks.mean(dim=2)  # [batch, parts, rows]: how much of each row is the part's
        weights = masks / (masks.sum(dim=2, keepdim=True) + 1e-3)
        if c.dim() == 4:  # one matmul a row serves all parts
            w, v = weights.permute(0, 3, 1, 2), c.permute(0, 3, 2, 1)
            mean, square = (w @ v).transpose(1, 2), (w @ (v * v)).transpose(1, 2)
        else:
            w, v = weights.transpose(2, 3)[:, :, :, None], c.permute(0, 1, 4, 3, 2)
            mean, square = (w @ v)[:, :, :, 0], (w @ (v * v))[:, :, :, 0]
        # mean, square : [batch, parts, rows, channels]
        deviation = torch.sqrt(torch.clamp(square - mean * mean, min=0.0) + 1e-4)
        features = torch.cat([mean, deviation, torch.log(mass[..., None] + 1e-3)], dim=3)
        # [batch, parts, rows, 2 * channels + 1]
        flat = self.feature_norm(features.flatten(1)[..., None])
        return self.project(flat), self.presence(flat)


def normalise(log_mel: Tensor) -> Tensor:
    """Take the gain out: dB below the segment's loudest cell, cut at -80, scaled to about -1..1.

    log_mel : [batch, frames, bands] in dB -> same shape.
    """
    loudest = torch.amax(log_mel, dim=(1, 2), keepdim=True)
    x = torch.clamp(log_mel - loudest, min=-_RANGE_DB)
    return (x + _RANGE_DB / 2) / (_RANGE_DB / 2)
