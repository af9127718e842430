"""The networks that the one network is compared with: the paper's, one for each part, a separator.

**The paper's** (arXiv 2404.06682): log-mel of a mix in, 5 subspaces of one embedding out. Ten
convolutions shaped like a U-Net's encoder, a mean over time and one linear map to a vector of
5 x dim numbers. What makes it part-wise is only the loss: five FIXED, DISJOINT binary masks cut the
vector into subspaces (Conditional Similarity Networks, Veit et al. 2017), and distances are taken
on masked vectors. What differs from the paper: the front end is the project's own (22.05 kHz, so
that recipes are compared on equal data; the paper has 44.1 kHz and 259 bands, which `MelSettings`
can be set to), and the gain is taken out of the input, which can only help.

**Individual networks** (Hashizume et al. 2022 and 2024) hear stems and not mixes: the clean stem of
their part, or what a separator made of it. Each is the trunk of `PartEncoder` without masks and
with a single subspace, so that a network of the comparison is as large as the one network.

**The separator** is a U-Net (Jansson et al. 2017) whose masks are shared out among the parts by a
softmax, so that the stems add up to the mix. It works on the mel bands of the encoder's front end:
ideal masks of that resolution lose next to nothing for telling parts apart, and it stays as cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partwise.parts import PARTS
from partwise_lab.model.encoder import (
    EncoderSettings,
    PartEncoder,
    Residual,
    convolution,
    normalise,
)

POOL = 5  # the max-pooling's window, at stride 2


@dataclass(frozen=True)
class PaperEncoderSettings:
    """Size of the network; the defaults are the paper's (10.3 M numbers at 259 bands).

    bands : of the log-mel.
    dim : length of one part's subspace; the embedding is [parts=5, dim].
    widths : channels of the five blocks.
    """

    bands: int = 192
    dim: int = 128
    widths: tuple[int, ...] = (32, 64, 128, 256, 512)


# As many numbers as `PartEncoder`'s defaults (1.87 M to 1.86 M at 192 bands) and the same time on a
# CPU core (fp32, segments of 5 s: 7.8 ms to 7.2 ms forward, 22.7 ms to 22.6 ms with the gradient).
EQUAL_SIZE = PaperEncoderSettings(widths=(8, 16, 40, 80, 176))


class PaperEncoded(NamedTuple):
    """What the network hears in a batch.

    embeddings : [batch, parts=5, dim], NOT of unit norm: the paper compares them as they are
    presence_logits : [batch, parts=5], see `presence_from_norms`
    """

    embeddings: Tensor
    presence_logits: Tensor


class UNetEncoder(nn.Module):
    """The trunk: a block per width, each twice conv 3x3 + batch norm + ReLU; pooling between."""

    def __init__(self, bands: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs, rows = 1, bands
        for number, width in enumerate(widths):
            if number:
                layers.append(nn.MaxPool2d(POOL, stride=2, padding=POOL // 2))
                rows = (rows + 1) // 2
            for _ in range(2):
                layers += [
                    nn.Conv2d(inputs, width, 3, padding=1, bias=False),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                ]
                inputs = width
        self.layers = nn.Sequential(*layers)
        self.features = inputs * rows

    def forward(self, log_mel: Tensor) -> Tensor:
        """[batch, frames, bands] in dB -> [batch, features]: mean over time, then flattened."""
        h = self.layers(normalise(log_mel)[:, None])  # [batch, width, frames / 16, bands / 16]
        return h.mean(dim=2).flatten(1)


class PaperEncoder(nn.Module):
    """Log-mel of a mix -> one vector, read in five subspaces."""

    kind = "paper"
    masks: Tensor

    def __init__(self, settings: PaperEncoderSettings = PaperEncoderSettings()) -> None:
        super().__init__()
        self.settings = settings
        self.trunk = UNetEncoder(settings.bands, settings.widths)
        self.project = nn.Linear(self.trunk.features, len(PARTS) * settings.dim)
        self.register_buffer("masks", subspace_masks(settings.dim), persistent=False)

    def vector(self, log_mel: Tensor) -> Tensor:
        """[batch, frames, bands] in dB, any gain -> the whole embedding [batch, parts * dim]."""
        return self.project(self.trunk(log_mel))

    def forward(self, log_mel: Tensor) -> PaperEncoded:
        """Encode a batch of segments: the embedding cut into its subspaces.

        log_mel : [batch, frames, bands] in dB, any gain.
        """
        flat = self.vector(log_mel)  # [batch, parts * dim]
        # The masks are disjoint slices in the order of the parts, so distances between masked
        # vectors and distances between these rows are the same numbers (the tests compare them).
        embeddings = flat.reshape(-1, len(PARTS), self.settings.dim)
        return PaperEncoded(embeddings, presence_from_norms(embeddings.float()))


def subspace_masks(dim: int) -> Tensor:
    """The fixed masks m_c, float [parts=5, parts * dim]: 1 for c * dim <= d < (c + 1) * dim."""
    return torch.eye(len(PARTS)).repeat_interleave(dim, dim=1)


def presence_from_norms(embeddings: Tensor) -> Tensor:
    """Presence logits [batch, parts] from subspace norms; embeddings : [batch, parts, dim].

    The paper has no presence head. Its journal version trains the subspace of an absent part to be
    near zero, so the norm tells: a part whose subspace is half as long as the longest one gets a
    presence of 0.5, at equal length 0.8, at a tenth 0.04.
    """
    norms = torch.sqrt(torch.sum(embeddings * embeddings, dim=2) + 1e-12)  # [batch, parts]
    longest = torch.amax(norms, dim=1, keepdim=True)
    return 2.0 * torch.log(2.0 * norms / longest)


class IndividualNetworks(nn.Module):
    """Stems of every part -> one unit vector each.

    settings : of every network; with a single part its masks are 1 everywhere.
    """

    kind = "individual"

    def __init__(self, settings: EncoderSettings = EncoderSettings()) -> None:
        super().__init__()
        self.settings = settings
        self.networks = nn.ModuleList(PartEncoder(self.settings, parts=1) for _ in PARTS)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Each part's network on its own batch.

        log_mel : [parts=5, batch, frames >= 8, bands] in dB, any gain
        returns : [parts=5, batch, dim], unit norm
        """
        heard = [self.networks[part.index](log_mel[part.index]).embeddings[:, 0] for part in PARTS]
        return torch.stack(heard)


@dataclass(frozen=True)
class MaskUNetSettings:
    """Size of the network.

    widths : channels at full resolution and at each halving of it; `2 ** (len(widths) - 1)` must
        divide `bands`.
    """

    bands: int = 192
    widths: tuple[int, ...] = (16, 32, 64, 128)


class MaskUNet(nn.Module):
    """Log-mel of a mix -> logits of five masks; a softmax over the parts gives the masks."""

    kind = "separator"

    def __init__(self, settings: MaskUNetSettings = MaskUNetSettings()) -> None:
        super().__init__()
        self.settings = settings
        widths = settings.widths
        self.enter = convolution(1, widths[0], 5)
        self.down = nn.ModuleList(
            Residual(inputs, outputs, 2) for inputs, outputs in pairwise(widths)
        )
        self.bottom = Residual(widths[-1], widths[-1])
        self.up = nn.ModuleList(
            convolution(below + beside, beside, 3)
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
