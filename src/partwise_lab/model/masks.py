"""Masks as fine as the spectrogram: a small decoder on the maps of the one network, to listen with.

The network's own masks have cells of 4 frames and 8 bands: enough to pool under, too coarse to hear
through. The decoder brings the maps of the trunk back to every frame and band, stage by stage, and
hears the log-mel itself beside them. The trunk stays as it is, so masks cost an encoder nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partwise.parts import PARTS
from partwise_lab.model.encoder import CELL, EncoderSettings, Maps, PartEncoder, convolution


@dataclass(frozen=True)
class MaskSettings(EncoderSettings):
    """The encoder's, and `decoder`: channels at a quarter, a half and all of the frames."""

    decoder: tuple[int, int, int] = (48, 32, 16)


class MaskDecoder(nn.Module):
    """The trunk's maps -> logits of five masks for every frame and band."""

    def __init__(self, settings: MaskSettings) -> None:
        super().__init__()
        first, middle, last = settings.widths
        quarter, half, whole = settings.decoder
        self.from_coarse = convolution(last, quarter, 1)
        self.at_quarter = convolution(quarter + middle + len(PARTS), quarter, 3)
        self.at_half = convolution(quarter + first, half, 3)
        self.narrow = convolution(half, whole, 1)
        self.from_level = convolution(1, whole, 5)
        self.at_whole = nn.Sequential(
            convolution(2 * whole, whole, 3),
            convolution(whole, whole, 3),
            nn.Conv2d(whole, len(PARTS), 1),
        )

    def forward(self, maps: Maps) -> Tensor:
        """Mask logits [batch, parts=5, frames, bands], corrections of the coarse ones."""
        x = F.interpolate(self.from_coarse(maps.coarse), scale_factor=2.0)
        x = self.at_quarter(torch.cat([x, maps.fine, maps.mask_logits], dim=1))
        x = self.at_half(torch.cat([F.interpolate(x, scale_factor=2.0), maps.first], dim=1))
        x = F.interpolate(self.narrow(x), scale_factor=(2.0, 4.0))
        x = self.at_whole(torch.cat([x, self.from_level(maps.level)], dim=1))
        return x + F.interpolate(maps.mask_logits, scale_factor=tuple(map(float, CELL)))


class MaskNetwork(nn.Module):
    """Log-mel of a mix -> mask logits; a softmax over the parts gives each one's share of power."""

    kind = "masks"

    def __init__(self, settings: MaskSettings = MaskSettings()) -> None:
        super().__init__()
        self.settings = settings
        self.encoder = PartEncoder(settings)
        self.decoder = MaskDecoder(settings)

    @classmethod
    def on(cls, encoder: PartEncoder) -> MaskNetwork:
        """A decoder that has learnt nothing, on a trained encoder."""
        network = cls(MaskSettings(**asdict(encoder.settings)))
        network.encoder.load_state_dict(encoder.state_dict())
        return network

    def forward(self, log_mel: Tensor) -> Tensor:
        """[batch, frames, bands] in dB, any gain -> [batch, parts=5, frames, bands].

        frames >= 8, cut to a multiple of 8.
        """
        return self.decoder(self.encoder.maps(log_mel))
