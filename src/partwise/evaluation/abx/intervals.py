"""How sure a share is: bootstrap over songs, exact binomial where there are few of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from partwise.errors import PartwiseError

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


def exact_interval(right: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of right / n, n > 0."""
    low, high = _binomial_test(right, n).proportion_ci(0.95, method="exact")
    return float(low), float(high)


def chance_p_value(right: float, n: int) -> float:
    """Two-sided exact binomial: how often guessing is at least as far from one half.

    right : may be a half, where something was neither right nor wrong; then rounded towards chance.
    """
    whole = math.floor(right) if right > n / 2.0 else math.ceil(right)
    return float(_binomial_test(whole, n).pvalue)


def _binomial_test(right: int, n: int) -> Any:
    try:
        from scipy.stats import binomtest
    except ImportError:
        raise PartwiseError(
            "scoring listeners' answers needs SciPy, which comes with scikit-learn: "
            "pip install 'partwise[bench]' -c constraints.txt"
        ) from None
    return binomtest(right, n, 0.5)
