"""How sure a share is: bootstrap over songs, exact binomial where there are few of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

_DRAWS = 2000
FEW_SONGS = 10  # below this many a bootstrap over songs says too little


def over_songs(
    right: np.ndarray, asked: np.ndarray, song: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of sum(right) / sum(asked), songs drawn with replacement.

    right, asked : float [triplets], what was right and what was asked in each
    song : int [triplets], the reference's song
    """
    _, number = np.unique(song, return_inverse=True)
    rights, all_asked = np.bincount(number, right), np.bincount(number, asked)
    drawn = np.random.default_rng(seed).integers(len(rights), size=(_DRAWS, len(rights)))
    total = all_asked[drawn].sum(axis=1)
    shares = rights[drawn].sum(axis=1)[total > 0] / total[total > 0]
    low, high = np.percentile(shares, [2.5, 97.5])
    return float(low), float(high)


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def binomial_tail(right: int, n: int, p: float) -> float:
    """The probability of at least `right` successes of `n`, each with probability 0 < p < 1."""
    logs = (
        _log_choose(n, k) + k * math.log(p) + (n - k) * math.log1p(-p) for k in range(right, n + 1)
    )
    return min(1.0, math.fsum(math.exp(log) for log in logs))


def exact_interval(right: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of right / n, n > 0."""
    low = 0.0 if right == 0 else _root(lambda p: binomial_tail(right, n, p) - 0.025)
    high = 1.0 if right == n else _root(lambda p: binomial_tail(right + 1, n, p) - 0.975)
    return low, high


def _root(rising: Callable[[float], float]) -> float:
    low, high = 1e-12, 1.0 - 1e-12
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rising(middle) < 0.0 else (low, middle)
    return 0.5 * (low + high)


def chance_p_value(right: float, n: int) -> float:
    """Two-sided exact binomial: how often guessing is at least as far from one half.

    right : may be a half, where something was neither right nor wrong; then rounded towards chance.
    """
    distance = math.floor(abs(right - n / 2.0) + n / 2.0 + 1e-9)  # successes on the farther side
    return min(1.0, 2.0 * binomial_tail(distance, n, 0.5)) if 2 * distance > n else 1.0
