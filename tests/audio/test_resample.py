"""Sample rate conversion, whole and in blocks."""

from __future__ import annotations

import numpy as np
import pytest

from partwise.audio.resample import Resampler, resample
from partwise.errors import PartwiseError
from sounds import tone


def test_same_rate_changes_nothing():
    samples = tone(1.0)
    np.testing.assert_array_equal(resample(samples, 22050, 22050), samples)


@pytest.mark.parametrize("size", [101, 9999, 44100])
def test_blocks_give_what_the_whole_gives(size: int):
    samples = np.random.default_rng(0).normal(0, 0.1, 44100 * 2 + 7).astype(np.float32)
    whole = resample(samples, 44100, 22050)
    resampler = Resampler(44100, 22050)
    starts = range(0, len(samples), size)
    parts = [resampler.push(samples[start : start + size]) for start in starts]
    parts.append(resampler.finish())
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-6)
    assert whole.dtype == np.float32


def test_what_does_not_fit_the_new_rate_is_gone():
    kept = resample(tone(1.0, 9000.0, 48000), 48000, 22050)
    folded = resample(tone(1.0, 13000.0, 48000), 48000, 22050)  # would come back as 9050 Hz
    assert np.abs(kept[2000:-2000]).max() == pytest.approx(0.3, rel=0.01)
    assert np.abs(folded[2000:-2000]).max() < 1e-5


@pytest.mark.parametrize("rate_hz", [0, -1, 10, 1e9, float("nan")])
def test_impossible_rates(rate_hz: float):
    with pytest.raises(PartwiseError, match="Hz is not usable"):
        resample(tone(0.1), rate_hz, 22050)
