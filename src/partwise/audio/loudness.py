"""How loud, and whether there is anything to hear at all."""

from __future__ import annotations

import numpy as np

SILENCE_DBFS = -70.0


def rms_dbfs(samples: np.ndarray) -> float:
    """Root mean square of float32 [n] in dB below full scale (a full-scale square wave is 0).

    -inf for nothing but zeros, and for no samples.
    """
    if samples.size == 0:
        return -np.inf
    power = float(np.einsum("i,i->", samples, samples)) / samples.size  # no copy of the samples
    return 10.0 * np.log10(power) if power > 0.0 else -np.inf


def is_silent(samples: np.ndarray) -> bool:
    """Whether float32 [n] is below -70 dBFS: quieter than the noise of any record."""
    return rms_dbfs(samples) < SILENCE_DBFS
