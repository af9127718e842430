"""The one network: log-mel of a mix in, five subspaces and five presences out; and the front end.

A residual trunk hears the mix. From its maps mask heads say, cell by cell, how the mix's power is
shared among the five parts; the maps are then pooled over time once per part under that part's
mask, frequency kept apart, and projected into the part's own subspace. The masks are supervised in
training by the known stems (ideal ratio masks at the trunk's resolution), which is the cheap form
of "separate, then embed": one pass through the trunk serves all five parts.

Masks and pooling act at two scales: cells of 8 frames and 16 bands, which know what goes on around
them, and cells of 4 frames and 8 bands, which tell a bass from the kick below it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partwise.embedding.logmel import MelSettings, mel_filterbank
from partwise.parts import PARTS

STRIDE = 8  # of the trunk, in frames; a segment has a multiple of it
CELL = (4, 8)  # frames and bands that one cell of the masks covers
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

    bands : of the log-mel, a multiple of 16.
    dim : length of one part's subspace; the embedding is [parts=5, dim].
    widths : channels of the trunk's three stages (cells of 2 x 4, 4 x 8 and 8 x 16 frames x bands);
        16 or more: the gradient of a strided shortcut of fewer, in bfloat16, crashes oneDNN.
    blocks : residual blocks of the last stage.
    pooled : channels that are pooled under the masks of the last stage, and
    pooled_fine : of the one before.
    """

    bands: int = 192
    dim: int = 64
    widths: tuple[int, int, int] = (32, 64, 128)
    blocks: int = 2
    pooled: int = 64
    pooled_fine: int = 32


class Encoded(NamedTuple):
    """What the network hears in a batch.

    embeddings : [batch, parts=5, dim], unit norm
    presence_logits : [batch, parts=5]
    mask_logits : [batch, parts=5, frames / 4, bands / 8]; softmax over parts gives the masks
    """

    embeddings: Tensor
    presence_logits: Tensor
    mask_logits: Tensor


class Maps(NamedTuple):
    """What the trunk makes of a batch.

    level : the log-mel without its gain, about -1 to 1 [batch, 1, frames, bands]
    first, fine, coarse : of its three stages, [batch, width, frames / 2, bands / 4] and so on
    mask_logits : see `Encoded`
    """

    level: Tensor
    first: Tensor
    fine: Tensor
    coarse: Tensor
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
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
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

    parts : how many subspaces; 1 is a network for the stems of a single part, whose mask is 1.
    """

    kind = "part"

    def __init__(
        self, settings: EncoderSettings = EncoderSettings(), parts: int = len(PARTS)
    ) -> None:
        super().__init__()
        self.settings = settings
        self.parts = parts
        first, middle, last = settings.widths
        self.stem = nn.Sequential(
            nn.Conv2d(1, first, (5, 9), (2, 4), (2, 4), bias=False),
            nn.BatchNorm2d(first),
            nn.ReLU(),
        )
        self.middle = Residual(first, middle, 2)
        more = (Residual(last, last) for _ in range(settings.blocks - 1))
        self.deep = nn.Sequential(Residual(middle, last, 2), *more)
        # What the wide view says of a coarse cell's four fine ones; what lies in each corrects it.
        self.mask_head = nn.Sequential(
            nn.Conv2d(last, last // 2, (9, 3), padding=(4, 1), bias=False),
            nn.BatchNorm2d(last // 2),
            nn.ReLU(),
            nn.Conv2d(last // 2, 4 * parts, 1),
        )
        self.mask_detail = nn.Conv2d(middle, parts, 1)
        self.content = _content(last, settings.pooled)
        self.content_fine = _content(middle, settings.pooled_fine)
        rows = settings.bands // 16
        features = rows * (2 * settings.pooled + 1) + 2 * rows * (2 * settings.pooled_fine + 1)
        self.feature_norm = nn.BatchNorm1d(parts * features)
        # One linear map per part: a grouped convolution keeps them side by side.
        self.project = nn.Conv1d(parts * features, parts * settings.dim, 1, groups=parts)
        self.presence = nn.Conv1d(parts * features, parts, 1, groups=parts)

    def forward(self, log_mel: Tensor) -> Encoded:
        """Encode a batch of segments.

        log_mel : [batch, frames, bands] in dB, any gain; frames >= 8, cut to a multiple of 8.
        """
        flat, mask_logits = self.features(log_mel)
        batch = log_mel.shape[0]  # not len(log_mel): the ONNX tracer would take it for a constant
        embeddings = self.project(flat).view(batch, self.parts, self.settings.dim)
        return Encoded(
            F.normalize(embeddings.float(), dim=2, eps=1e-6),
            self.presence(flat).view(batch, self.parts),
            mask_logits,
        )

    def features(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """What embeddings and presence are read from, and the mask logits.

        log_mel : as in `forward`
        returns : [batch, parts * features, 1], part by part; [batch, parts, frames / 4, bands / 8]
        """
        _, _, fine, coarse, mask_logits = self.maps(log_mel)
        masks = torch.softmax(mask_logits.float(), dim=1)  # [batch, parts, frames / 4, bands / 8]
        features = [
            pooled_under(F.avg_pool2d(masks, 2), self.content(coarse).float()).flatten(2),
            pooled_under(masks, self.content_fine(fine).float()).flatten(2),
        ]
        return self.feature_norm(torch.cat(features, dim=2).flatten(1)[..., None]), mask_logits

    def maps(self, log_mel: Tensor) -> Maps:
        """The trunk alone; log_mel : as in `forward`."""
        level = normalise(log_mel[:, : log_mel.shape[1] // STRIDE * STRIDE])[:, None]
        first = self.stem(level)
        fine = self.middle(first)
        coarse = self.deep(fine)
        mask_logits = F.pixel_shuffle(self.mask_head(coarse), 2) + self.mask_detail(fine)
        return Maps(level, first, fine, coarse, mask_logits)

    def trunk_digest(self) -> str:
        """What the weights that `maps` needs are called, 16 hexadecimal digits.

        Of their values in 16 bits, in which weights may be kept.
        """
        trunk = (self.stem, self.middle, self.deep, self.mask_head, self.mask_detail)
        digest = hashlib.sha256()
        for module in trunk:
            for value in module.state_dict().values():
                if value.is_floating_point():
                    digest.update(value.detach().cpu().half().numpy().tobytes())
        return digest.hexdigest()[:16]


def _content(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


def convolution(inputs: int, outputs: int, size: int) -> nn.Sequential:
    """A convolution with normalisation and ReLU that leaves the resolution as it is."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def pooled_under(masks: Tensor, content: Tensor) -> Tensor:
    """Mean and deviation over time under each part's mask, row by row, and how much there is.

    masks : [batch, parts, time, rows]; content : [batch, channels, time, rows]
    returns : [batch, parts, rows, 2 * channels + 1]
    """
    weights = masks / (masks.sum(dim=2, keepdim=True) + 1e-3)
    w, v = (
        weights.permute(0, 3, 1, 2),
        content.permute(0, 3, 2, 1),
    )  # one matmul a row for all parts
    mean, square = (w @ v).transpose(1, 2), (w @ (v * v)).transpose(1, 2)
    deviation = torch.sqrt(torch.clamp(square - mean * mean, min=0.0) + 1e-4)
    mass = torch.log(masks.mean(dim=2)[..., None] + 1e-3)
    return torch.cat([mean, deviation, mass], dim=3)


def normalise(log_mel: Tensor) -> Tensor:
    """Take the gain out: dB below the segment's loudest cell, cut at -80, scaled to about -1..1.

    log_mel : [batch, frames, bands] in dB -> same shape.
    """
    loudest = torch.amax(log_mel, dim=(1, 2), keepdim=True)
    x = torch.clamp(log_mel - loudest, min=-_RANGE_DB)
    return (x + _RANGE_DB / 2) / (_RANGE_DB / 2)
