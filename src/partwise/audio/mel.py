"""The one definition of the log-mel front end's constants, shared by NumPy and PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MelSettings:
    """Constants of the log-mel front end.

    The spectrogram is centred (reflected padding of ``n_fft // 2``), windowed with a periodic Hann
    window of ``n_fft`` samples, squared to power, summed into Slaney mel bands and written in dB:
    ``10 * log10(max(power, floor))``, float32 [frames, bands], frames = 1 + samples // hop_length.
    """

    sample_rate_hz: int = 22050
    n_fft: int = 2048
    hop_length: int = 512
    bands: int = 96
    f_min_hz: float = 30.0
    f_max_hz: float = 11025.0
    floor: float = 1e-10

    @property
    def frames_per_s(self) -> float:
        return self.sample_rate_hz / self.hop_length


def _hz_to_mel(hz: np.ndarray) -> np.ndarray:
    """Slaney's Auditory Toolbox scale: linear below 1 kHz, logarithmic above."""
    return np.where(
        hz < 1000.0,
        hz * 3.0 / 200.0,
        15.0 + 27.0 * np.log(np.maximum(hz, 1e-9) / 1000.0) / np.log(6.4),
    )


def _mel_to_hz(mel: np.ndarray) -> np.ndarray:
    return np.where(
        mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp(np.log(6.4) * (mel - 15.0) / 27.0)
    )


def mel_filterbank(settings: MelSettings) -> np.ndarray:
    """Triangular mel filters, float32 [bands, n_fft // 2 + 1], each of unit area (Slaney).

    Same as ``librosa.filters.mel`` with its defaults; the tests compare the two.
    """
    bins_hz = np.fft.rfftfreq(settings.n_fft, 1.0 / settings.sample_rate_hz)
    limits = _hz_to_mel(np.array([settings.f_min_hz, settings.f_max_hz]))
    edges_hz = _mel_to_hz(np.linspace(limits[0], limits[1], settings.bands + 2))
    width_hz = np.diff(edges_hz)
    ramps = edges_hz[:, None] - bins_hz[None, :]  # [bands + 2, bins]
    rising = -ramps[:-2] / width_hz[:-1, None]
    falling = ramps[2:] / width_hz[1:, None]
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters *= (2.0 / (edges_hz[2:] - edges_hz[:-2]))[:, None]
    return filters.astype(np.float32)
