"""Sample rate conversion with soxr, whole or block by block."""

from __future__ import annotations

import numpy as np
import soxr

from partwise.errors import PartwiseError

# soxr's "HQ": 0.913 of the band kept, images below -120 dB. It costs about 0.15 ms per second of
# audio, a tenth of what decoding does, so a lower quality would save nothing worth having.
QUALITY = "HQ"

LOWEST_HZ, HIGHEST_HZ = 1_000, 6_144_000


def check_rate(sample_rate_hz: float) -> None:
    """Raise PartwiseError unless ``sample_rate_hz`` is a rate that music can have."""
    if not LOWEST_HZ <= sample_rate_hz <= HIGHEST_HZ:
        raise PartwiseError(
            f"a sample rate of {sample_rate_hz:g} Hz is not usable: "
            f"it must lie between {LOWEST_HZ} and {HIGHEST_HZ} Hz"
        )


class Resampler:
    """Convert a signal that arrives in blocks; its memory does not grow with the signal.

    from_hz, to_hz : sample rates in Hz. Raises PartwiseError for one that no music can have.
    """

    def __init__(self, from_hz: float, to_hz: float) -> None:
        check_rate(from_hz)
        check_rate(to_hz)
        self.from_hz = from_hz
        self._stream = (
            None
            if from_hz == to_hz
            else soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality=QUALITY)
        )

    def push(self, block: np.ndarray) -> np.ndarray:
        """float32 [n] in, float32 [m] out: what can be told so far."""
        return block if self._stream is None else self._stream.resample_chunk(block)

    def finish(self) -> np.ndarray:
        """The rest, float32 [m]; the resampler is used up afterwards."""
        nothing = np.zeros(0, np.float32)
        return nothing if self._stream is None else self._stream.resample_chunk(nothing, last=True)


def resample(samples: np.ndarray, from_hz: float, to_hz: float) -> np.ndarray:
    """float32 [n] at ``from_hz`` to float32 [m] at ``to_hz``."""
    resampler = Resampler(from_hz, to_hz)
    return np.concatenate([resampler.push(samples), resampler.finish()])
