import numpy as np

from partwise_lab.measure.stem_reader import evenly, sounding, window_starts


def test_windows_lie_side_by_side_or_overlap_by_half_at_most():
    assert window_starts(100, 30) == [0, 30, 60]
    assert window_starts(49, 30) == [0, 19]
    assert window_starts(44, 30) == [0]
    assert window_starts(20, 30) == []


def test_hiss_does_not_sound():
    rng = np.random.default_rng(0)
    stem = rng.standard_normal(400)
    stem[:100] *= 0.01  # 40 dB below
    stem[100:200] *= 0.1  # 20 dB below
    stem[300:] = 0.0
    assert sounding(stem, [0, 100, 200, 300], 100) == [100, 200]
    assert sounding(np.zeros(100), [0], 100) == []
    assert sounding(stem, [], 100) == []


def test_evenly():
    assert evenly([1, 2, 3], 4) == [1, 2, 3]
    assert evenly(list(range(10)), 4) == [0, 3, 6, 9]
