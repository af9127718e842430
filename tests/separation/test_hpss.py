import sys

import numpy as np
import pytest

from partwise import Part, PartwiseError
from partwise_lab.separation.separator import load_separator

RATE_HZ = 22050


def _power(samples):
    return float(np.mean(np.square(samples)))


def test_clicks_go_to_the_drums_and_tones_to_the_others():
    pytest.importorskip("librosa")
    time_s = np.arange(2 * RATE_HZ) / RATE_HZ
    clicks = np.zeros(len(time_s), np.float32)
    clicks[:: RATE_HZ // 4] = 1.0
    low = (0.1 * np.sin(2 * np.pi * 80 * time_s)).astype(np.float32)
    high = (0.1 * np.sin(2 * np.pi * 880 * time_s)).astype(np.float32)
    stems = load_separator("hpss", RATE_HZ).separate(clicks + low + high)
    assert set(stems) == set(Part)
    assert all(stem.shape == clicks.shape for stem in stems.values())
    middle = slice(RATE_HZ // 2, -RATE_HZ // 2)
    assert _power(stems[Part.DRUMS][middle] - clicks[middle]) < 0.1 * _power(clicks[middle])
    assert _power(stems[Part.BASS][middle] - low[middle]) < 0.1 * _power(low[middle])
    assert _power(stems[Part.PIANO][middle] - high[middle]) < 0.1 * _power(high[middle])
    assert stems[Part.GUITAR] is stems[Part.OTHER]


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(PartwiseError, match=r"librosa.*partwise-lab\[bench\]"):
        load_separator("hpss", RATE_HZ)


def test_unknown_separators_are_listed():
    with pytest.raises(PartwiseError, match=r"'spleeter'.*hpss.*demucs"):
        load_separator("spleeter", RATE_HZ)
