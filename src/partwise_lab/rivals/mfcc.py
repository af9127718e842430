"""The baseline of most papers: statistics of mel-frequency cepstral coefficients."""

from __future__ import annotations

import numpy as np

from partwise_lab.rivals.distance import euclidean
from partwise_lab.rivals.needs import checked, need

_COEFFICIENTS = 20
_WINDOW = 2048  # librosa's; a shorter segment would be padding for the most part


class Mfcc:
    """20 MFCCs with librosa's settings, their mean and deviation over time: 40 values.

    The distance is Euclidean after each value has been brought to mean 0 and deviation 1 over the
    segments at hand, so that the first coefficient, which is loudness, does not drown the others.
    Silence gives a finite vector.
    """

    name = "mfcc"
    about = "MFCC statistics: mean and deviation of 20 coefficients (librosa's settings), Euclidean"
    sample_rate_hz = 22050
    bytes_per_segment = 4 * 2 * _COEFFICIENTS

    def __init__(self) -> None:
        need(self.name, "librosa")

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples] to float32 [segments, 40]."""
        samples = checked(samples, self.name, _WINDOW, self.sample_rate_hz)
        return np.stack([self._statistics(segment) for segment in samples])

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, 40] to float64 [segments, segments]."""
        spread = features.std(axis=0)
        scaled = (features - features.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
        return euclidean(scaled)

    def _statistics(self, segment: np.ndarray) -> np.ndarray:
        import librosa

        # One by one: librosa cuts what is 80 dB below the loudest of all that it is given at once.
        coefficients = librosa.feature.mfcc(
            y=segment, sr=self.sample_rate_hz, n_mfcc=_COEFFICIENTS, n_fft=_WINDOW
        )  # [20, frames]
        return np.concatenate([coefficients.mean(axis=1), coefficients.std(axis=1)])
