"""The log-mel front end: its one definition, which PyTorch shares, and its execution in NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from partwise.audio.decode import Audio
from partwise.errors import PartwiseError

# Frames transformed at once: larger temporary arrays leave the cache.
_FRAMES_AT_ONCE = 24

# Neighbouring bands are summed by one small matrix product over the bins that they cover, which
# skips most of the filterbank's zeros. It also stays below the size from which OpenBLAS would
# start threads: those would contend with the other files that are being embedded.
_BANDS_AT_ONCE = 16

# A triangle narrower than the bins are apart would miss them all: each bin counts as this many
# points, spread evenly over its width.
_POINTS_A_BIN = 16

# Of power, so that music lies well above the floor. A stretch of full scale has about +20 dB.
_GAIN = 1000.0


@dataclass(frozen=True)
class MelSettings:
    """Constants of the log-mel front end.

    The spectrogram is centred (reflected padding of ``n_fft // 2``), windowed with a periodic Hann
    window of ``n_fft`` samples, squared to power, averaged in mel bands and written in dB:
    ``10 * log10(max(power, floor))``, float32 [frames, bands], frames = 1 + samples // hop_length.

    break_hz : the mel scale is linear well below it and logarithmic well above. The usual 700 Hz
        leaves an octave of a bass in five bands; with 360 Hz and a window of 4,096 samples
        neighbouring strings fall into bands of their own.
    """

    sample_rate_hz: int = 22050
    n_fft: int = 4096
    hop_length: int = 512
    bands: int = 192
    f_min_hz: float = 30.0
    f_max_hz: float = 11025.0
    break_hz: float = 360.0
    floor: float = 1e-10

    @property
    def frames_per_s(self) -> float:
        return self.sample_rate_hz / self.hop_length


def band_edges_hz(settings: MelSettings) -> np.ndarray:
    """float64 [bands + 2]: each band rises from one to the next and falls to the one after.

    The scale is ``log(1 + f / break_hz)`` (Stevens and Volkmann 1940, as O'Shaughnessy wrote it).
    """
    low, high = np.log1p(np.array([settings.f_min_hz, settings.f_max_hz]) / settings.break_hz)
    return settings.break_hz * np.expm1(np.linspace(low, high, settings.bands + 2))


def mel_filterbank(settings: MelSettings) -> np.ndarray:
    """Triangular mel filters, float32 [bands, n_fft // 2 + 1]: of power, each a weighted mean."""
    bins_hz = np.fft.rfftfreq(settings.n_fft, 1.0 / settings.sample_rate_hz)
    edges_hz = band_edges_hz(settings)
    width_hz = np.diff(edges_hz)[:, None]
    spread_hz = ((np.arange(_POINTS_A_BIN) + 0.5) / _POINTS_A_BIN - 0.5) * bins_hz[1]
    filters = np.zeros((settings.bands, len(bins_hz)))
    for offset_hz in spread_hz:
        ramps = bins_hz + offset_hz - edges_hz[:, None]  # [bands + 2, bins]
        filters += np.maximum(
            0.0, np.minimum(ramps[:-2] / width_hz[:-1], -ramps[2:] / width_hz[1:])
        )
    filters *= _GAIN / (settings.n_fft / 2) ** 2 / filters.sum(axis=1, keepdims=True)
    return filters.astype(np.float32)


class LogMel:
    """Turn mono samples into a log-mel spectrogram: ``LogMel()(samples)``.

    settings : the constants; the default ones are those of the shipped model.
    """

    def __init__(self, settings: MelSettings | None = None) -> None:
        self.settings = settings or MelSettings()
        n_fft = self.settings.n_fft
        window = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n_fft) / n_fft)  # periodic Hann
        self._window = window.astype(np.float32)
        filters = mel_filterbank(self.settings)  # [bands, bins]
        self._groups: list[tuple[slice, slice, np.ndarray]] = []
        for first in range(0, len(filters), _BANDS_AT_ONCE):
            bands = slice(first, min(first + _BANDS_AT_ONCE, len(filters)))
            covered = np.flatnonzero(filters[bands].any(axis=0))
            bins = slice(int(covered[0]), int(covered[-1]) + 1)
            self._groups.append((bands, bins, np.ascontiguousarray(filters[bands, bins].T)))

    def frames(self, samples: int) -> int:
        """How many frames that many samples make."""
        return 1 + samples // self.settings.hop_length

    def __call__(self, samples: np.ndarray | Audio) -> np.ndarray:
        """float32 [n] at ``settings.sample_rate_hz``, or Audio, to dB, float32 [frames, bands].

        frames = 1 + n // hop_length. Raises PartwiseError for Audio of another sample rate.
        """
        settings = self.settings
        if isinstance(samples, Audio):
            if samples.sample_rate_hz != settings.sample_rate_hz:
                raise PartwiseError(
                    f"the audio has {samples.sample_rate_hz} Hz where the log-mel needs "
                    f"{settings.sample_rate_hz} Hz: decode it with that rate"
                )
            samples = samples.samples
        if samples.ndim != 1:
            raise PartwiseError(f"the log-mel needs mono samples [n], not {list(samples.shape)}")
        half = settings.n_fft // 2
        # A signal too short to be reflected is padded with zeros.
        mode = "reflect" if len(samples) > half else "constant"
        padded = np.pad(samples.astype(np.float32, copy=False), half, mode=mode)
        windows = np.lib.stride_tricks.sliding_window_view(padded, settings.n_fft)
        framed = windows[:: settings.hop_length]  # [frames, n_fft], nothing copied yet
        mel = np.zeros((len(framed), settings.bands), np.float32)
        for start in range(0, len(framed), _FRAMES_AT_ONCE):
            some = slice(start, start + _FRAMES_AT_ONCE)
            spectrum = np.fft.rfft(framed[some] * self._window)  # [frames, bins] complex64
            power = np.square(spectrum.real)
            power += np.square(spectrum.imag)
            for bands, bins, weights in self._groups:
                np.matmul(power[:, bins], weights, out=mel[some, bands])
        np.maximum(mel, settings.floor, out=mel)
        np.log10(mel, out=mel)
        mel *= 10.0
        return mel
