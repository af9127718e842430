"""The log-mel front end in PyTorch, for training on any device; agrees with the NumPy one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from partwise.embedding.logmel import MelSettings, mel_filterbank


class LogMelFrontend(nn.Module):
    """Waveform to log-mel in dB, as ``MelSettings`` defines it."""

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
