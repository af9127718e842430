"""Where segments lie in a recording, how they are cut out of a stream, and which are silent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from partwise.errors import PartwiseError

SEGMENT_S = 10.0
HOP_S = 5.0
SHORTEST_S = 1.0


class Segment(NamedTuple):
    """A window of a recording: samples float32 [n], mono."""

    start_s: float
    end_s: float
    samples: np.ndarray


def check_segmentation(segment_s: float, hop_s: float) -> None:
    """Raise PartwiseError unless segments are 1..600 s long and start at least 0.1 s apart."""
    if not SHORTEST_S <= segment_s <= 600.0:
        raise PartwiseError(f"segments of {segment_s:g} s are not possible: choose 1 to 600 s")
    if not (hop_s >= 0.1 and math.isfinite(hop_s)):
        raise PartwiseError(f"a hop of {hop_s:g} s is not possible: choose 0.1 s or more")


def segment_starts(
    total_s: float, segment_s: float = SEGMENT_S, hop_s: float = HOP_S
) -> list[float]:
    """Start of every segment of a recording of ``total_s`` seconds, ascending.

    A recording no longer than a segment has one, the whole of it. Otherwise segments start every
    ``hop_s``, and a last one ends with the recording where more than half a hop would be left over.
    Any unit will do, if all three have the same: counts of samples stay integers.
    """
    if total_s <= segment_s:
        return [total_s * 0]
    starts = [index * hop_s for index in range(int((total_s - segment_s) // hop_s) + 1)]
    left_over = total_s - (starts[-1] + segment_s)
    if left_over > hop_s / 2:
        starts.append(total_s - segment_s)
    return starts


def segments(
    blocks: Iterable[np.ndarray],
    sample_rate_hz: int,
    segment_s: float = SEGMENT_S,
    hop_s: float = HOP_S,
) -> Iterator[Segment]:
    """Cut float32 [n] blocks of one recording into the segments that ``segment_starts`` names.

    Holds one block and one segment, however long the recording. No blocks give no segments.
    Raises PartwiseError for a segment length or hop that is out of range.
    """
    check_segmentation(segment_s, hop_s)
    length = round(segment_s * sample_rate_hz)
    hop = round(hop_s * sample_rate_hz)
    held = np.zeros(0, np.float32)
    held_from = 0  # position of held[0] in the recording
    start = 0  # of the next segment

    def cut(begin: int, end: int) -> Segment:
        samples = held[begin - held_from : end - held_from]
        return Segment(begin / sample_rate_hz, end / sample_rate_hz, samples)

    for block in blocks:
        held = np.concatenate([held, block])
        total = held_from + len(held)
        while start + length <= total:
            yield cut(start, start + length)
            start += hop
        # The last segment is aligned to an end that is not known yet: keep one segment's length.
        keep_from = max(held_from, min(start, total - length))
        held = held[keep_from - held_from :]
        held_from = keep_from

    total = held_from + len(held)
    if start == 0 and total > 0:
        yield cut(0, total)  # the whole of a recording shorter than a segment
    elif total - (start - hop + length) > hop / 2:
        yield cut(total - length, total)


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
