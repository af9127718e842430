"""Separation without learning: harmonic-percussive, then a split in frequency.

The percussive part is taken for the drums, the harmonic part below 250 Hz for the bass, and the
rest of the harmonic part for piano, guitar and other alike, which it cannot tell apart. It costs
nothing to install and already makes frozen embeddings of drums much better; so it is what any
claim about drums must beat.
"""

from __future__ import annotations

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import Part

_BASS_HZ = 250.0


class HarmonicPercussive:
    """Median-filter separation (Fitzgerald 2010) by librosa and a fourth-order split at 250 Hz."""

    name = "hpss"
    digest = "hpss 250"

    def __init__(self, sample_rate_hz: int) -> None:
        try:
            import librosa
            from scipy import signal
        except ImportError as error:
            raise PartwiseError(
                f"the separator hpss needs the package {error.name}: "
                "pip install 'partwise-lab[bench]' -c constraints.txt"
            ) from None
        self.sample_rate_hz = sample_rate_hz
        self._hpss = librosa.effects.hpss
        self._filter = signal.sosfiltfilt
        self._low = signal.butter(4, _BASS_HZ, "low", fs=sample_rate_hz, output="sos")

    def separate(self, samples: np.ndarray) -> dict[Part, np.ndarray]:
        """float32 [samples] -> five stems; piano, guitar and other are the same one."""
        harmonic, percussive = self._hpss(samples)
        low = self._filter(self._low, harmonic).astype(np.float32)
        rest = harmonic - low
        return {
            Part.DRUMS: percussive,
            Part.BASS: low,
            Part.PIANO: rest,
            Part.GUITAR: rest,
            Part.OTHER: rest,
        }
