"""Where segments lie, and that a stream is cut there."""

from __future__ import annotations

import numpy as np
import pytest

from partwise.audio.segment import segment_starts, segments
from partwise.errors import PartwiseError


@pytest.mark.parametrize(
    ("total_s", "starts"),
    [
        (3.0, [0.0]),
        (10.0, [0.0]),
        (12.0, [0.0]),  # 2 s are left over: less than half a hop
        (12.5, [0.0]),
        (13.0, [0.0, 3.0]),  # 3 s would be: a last segment ends with the piece
        (15.0, [0.0, 5.0]),
        (17.0, [0.0, 5.0]),
        (18.0, [0.0, 5.0, 8.0]),
        (30.0, [0.0, 5.0, 10.0, 15.0, 20.0]),
    ],
)
def test_starts(total_s: float, starts: list[float]):
    assert segment_starts(total_s) == starts


def test_hops_longer_than_segments_leave_gaps():
    assert segment_starts(100.0, 10.0, 30.0) == [0.0, 30.0, 60.0, 90.0]
    assert segment_starts(95.0, 10.0, 30.0) == [0.0, 30.0, 60.0, 85.0]


@pytest.mark.parametrize("total_s", [0.5, 9.99, 10.0, 12.5, 12.51, 13.0, 61.7])
@pytest.mark.parametrize(("segment_s", "hop_s"), [(10.0, 5.0), (3.0, 3.0), (2.0, 7.0), (4.0, 0.5)])
@pytest.mark.parametrize("block", [37, 1000, 100_000])
def test_a_stream_is_cut_at_the_starts(total_s: float, segment_s: float, hop_s: float, block: int):
    rate_hz = 100
    samples = np.arange(round(total_s * rate_hz), dtype=np.float32)
    blocks = [samples[i : i + block] for i in range(0, len(samples), block)]
    cut = list(segments(blocks, rate_hz, segment_s, hop_s))
    starts = segment_starts(len(samples), round(segment_s * rate_hz), round(hop_s * rate_hz))
    assert [segment.start_s for segment in cut] == [start / rate_hz for start in starts]
    for start, segment in zip(starts, cut, strict=True):
        expected = samples[int(start) : int(start) + round(segment_s * rate_hz)]
        np.testing.assert_array_equal(segment.samples, expected)
        assert segment.end_s == (int(start) + len(expected)) / rate_hz


def test_nothing_gives_nothing():
    assert list(segments([], 100)) == []


def test_a_long_stream_is_not_kept():
    held = 0

    def blocks():
        for _ in range(50):
            yield np.zeros(10_000, np.float32)

    for segment in segments(blocks(), 1000):
        base = segment.samples.base
        held = max(held, len(base) if base is not None else len(segment.samples))
    assert held <= 3 * 10_000


@pytest.mark.parametrize(("segment_s", "hop_s"), [(0.5, 5), (1e4, 5), (float("nan"), 5)])
def test_impossible_segments(segment_s: float, hop_s: float):
    with pytest.raises(PartwiseError, match="choose 1 to 600 s"):
        list(segments([], 100, segment_s, hop_s))


@pytest.mark.parametrize("hop_s", [0, -1, float("nan"), float("inf")])
def test_impossible_hops(hop_s: float):
    with pytest.raises(PartwiseError, match=r"choose 0\.1 s or more"):
        list(segments([], 100, 10.0, hop_s))
