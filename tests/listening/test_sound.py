"""What is heard: the right moment, equally loud, and nothing that tells clips apart."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from partwise.audio.decode import DecodeError
from partwise.audio.segment import rms_dbfs
from partwise_lab.survey.sound import (
    LEVEL_DBFS,
    PEAK,
    RATE_HZ,
    equally_loud,
    excerpt,
    level_check,
    to_flac,
    wav_of,
)


@pytest.fixture
def ramp(tmp_path):
    """12 s at another rate, whose value at each moment tells the time: t / 20."""
    path = tmp_path / "ramp.wav"
    soundfile.write(path, np.arange(12 * 22050) / 22050 / 20, 22050, subtype="FLOAT")
    return path


@pytest.mark.parametrize("start_s", [0.0, 3.2, 7.0])
def test_an_excerpt_is_the_moment_asked_for(ramp, start_s):
    heard = excerpt(ramp, start_s, start_s + 5.0)
    assert len(heard) == 5 * RATE_HZ
    middle = heard[1000:-1000]
    assert middle[[0, -1]] * 20 == pytest.approx(
        [start_s + 1000 / RATE_HZ, start_s + 5.0 - 1001 / RATE_HZ], abs=0.01
    )


def test_an_excerpt_that_is_not_there_is_refused(ramp, tmp_path):
    with pytest.raises(DecodeError, match="ends before"):
        excerpt(ramp, 8.0, 13.0)
    soundfile.write(tmp_path / "silence.wav", np.zeros(6 * 22050), 22050)
    with pytest.raises(DecodeError, match="nothing to hear"):
        excerpt(tmp_path / "silence.wav", 0.0, 5.0)


def test_clips_are_equally_loud_whatever_they_were():
    rng = np.random.default_rng(0)
    clips = equally_loud([gain * rng.standard_normal(5 * RATE_HZ) for gain in (0.001, 0.1, 3.0)])
    for clip in clips:
        assert rms_dbfs(clip) == pytest.approx(LEVEL_DBFS, abs=0.01)
        assert clip[0] == 0.0
        assert abs(clip[-1]) < 1e-6


def test_a_peak_lowers_all_three_together():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(5 * RATE_HZ)
    click = 1e-4 * rng.standard_normal(5 * RATE_HZ)
    click[RATE_HZ] = 1.0
    quiet, loud, again = equally_loud([noise, click, noise])
    assert np.abs(loud).max() == pytest.approx(PEAK, abs=1e-6)
    assert rms_dbfs(quiet) == pytest.approx(rms_dbfs(loud), abs=0.01)
    assert rms_dbfs(quiet) < LEVEL_DBFS - 10
    np.testing.assert_array_equal(quiet, again)


def test_sizes_tell_nothing_and_keeping_loses_nothing():
    rng = np.random.default_rng(0)
    kinds = [0.1 * rng.standard_normal(RATE_HZ), np.zeros(RATE_HZ), level_check()[:RATE_HZ]]
    sent = [wav_of(to_flac(kind)) for kind in kinds]
    assert len({len(wav) for wav in sent}) == 1
    for kind, wav in zip(kinds, sent, strict=True):
        heard, rate_hz = soundfile.read(io.BytesIO(wav))
        assert rate_hz == RATE_HZ
        np.testing.assert_allclose(heard, kind, atol=1 / 32768)


def test_the_level_check_is_as_loud_as_a_clip():
    assert rms_dbfs(level_check()) == pytest.approx(LEVEL_DBFS, abs=0.01)
