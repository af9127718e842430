"""Windows of recorded stems: where a part sounds, in pieces of a few seconds or a few minutes."""

from __future__ import annotations

import numpy as np

from partwise_lab.measure.stem_reader import is_silent_stem

# Recorded stems are never quite silent: what lies this far below the loudest window is hiss, or
# the neighbours heard through the microphone.
_QUIETEST_DB = -30.0


def window_starts(samples: int, length: int) -> list[int]:
    """Where windows of `length` begin: side by side, or two that overlap by at most half."""
    starts = list(range(0, samples - length + 1, length))
    if len(starts) == 1 and samples >= 1.5 * length:
        starts.append(samples - length)
    return starts


def sounding(stem: np.ndarray, starts: list[int], length: int) -> list[int]:
    """Those of the windows in which the stem, float32 [samples], sounds."""
    if not starts:
        return []
    powers = np.array([np.mean(stem[s : s + length] ** 2) for s in starts])
    floor = powers.max() * 10.0 ** (_QUIETEST_DB / 10.0)
    return [
        s
        for s, power in zip(starts, powers, strict=True)
        if power > floor and not is_silent_stem(stem[s : s + length])
    ]


def evenly(items: list[int], most: int) -> list[int]:
    """At most `most` of the items, spread over all of them."""
    if len(items) <= most:
        return items
    return [items[i] for i in np.linspace(0, len(items) - 1, most).round().astype(int)]
