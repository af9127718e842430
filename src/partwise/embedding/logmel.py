"""The log-mel front end in NumPy. `audio/mel.py` defines it, this executes it fast."""

from __future__ import annotations

import numpy as np

from partwise.audio.decode import Audio
from partwise.audio.mel import MelSettings, mel_filterbank
from partwise.errors import PartwiseError

# Frames transformed at once. Measured on one core: 8 / 24 / 32 / 128 give 2500 / 3200 / 2200 / 1000
# times real time, because larger temporary arrays leave the cache and cost fresh memory pages.
_FRAMES_AT_ONCE = 24

# Neighbouring bands are summed by one small matrix product over the bins that they cover, which
# skips most of the filterbank's zeros. It also stays below the size from which OpenBLAS would
# start threads: those would contend with the other files that are being embedded.
_BANDS_AT_ONCE = 16


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
            if covered.size:  # a band may be narrower than the bins are apart: it stays at zero
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
