import numpy as np
import pytest

pytest.importorskip("demucs", reason="the extra `separate` is not installed")

from partwise import Part, PartwiseError
from partwise_lab.separation.separator import load_separator

RATE_HZ = 22050


def test_stems_of_the_model_that_demucs_tests_with():
    """Its weights are random and come with the package: the whole path but what it sounds like."""
    separator = load_separator("demucs:demucs_unittest", RATE_HZ)
    mix = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    stems = separator.separate(mix)
    # Four sources: drums, bass, other and vocals, the last two of which are one part.
    assert set(stems) == {Part.DRUMS, Part.BASS, Part.OTHER}
    for stem in stems.values():
        assert stem.shape == mix.shape
        assert stem.dtype == np.float32
        assert np.isfinite(stem).all()
    again = separator.separate(mix)
    assert np.array_equal(again[Part.DRUMS], stems[Part.DRUMS])


def test_stems_follow_the_level_of_the_mix():
    separator = load_separator("demucs:demucs_unittest", RATE_HZ)
    mix = np.random.default_rng(0).normal(0, 0.1, RATE_HZ).astype(np.float32)
    once, half = separator.separate(mix), separator.separate(0.5 * mix)
    assert half[Part.BASS] == pytest.approx(0.5 * once[Part.BASS], abs=1e-5)


def test_missing_weights_get_a_sentence(tmp_path):
    with pytest.raises(PartwiseError, match=r"htdemucs_6s.*demucs:MODEL@FOLDER"):
        load_separator(f"demucs:htdemucs_6s@{tmp_path}", RATE_HZ)
    with pytest.raises(PartwiseError, match="cannot be had"):
        load_separator(f"demucs:htdemucs_6s@{tmp_path / 'nowhere'}", RATE_HZ)
