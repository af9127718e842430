"""How sure a number is: bootstrap over pieces, exact binomial where there are few of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

_TAIL = 0.025  # on either side of a 95 % interval
FEW_PIECES = 10  # below this many a bootstrap over pieces says too little


def drawn(n: int, times: int = 2000, seed: int | np.random.Generator = 0) -> np.ndarray:
    """Numbers of n pieces, drawn with replacement as often as there are: int [times, n]."""
    return np.random.default_rng(seed).integers(n, size=(times, n))


def middle(values: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The middle 95 % of values [times]: low, high."""
    low, high = np.percentile(values, [100.0 * _TAIL, 100.0 * (1.0 - _TAIL)])
    return float(low), float(high)


def share_over_pieces(
    right: np.ndarray, asked: np.ndarray, piece: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of sum(right) / sum(asked), pieces drawn with replacement.

    right, asked : float [n], what was right and what was asked; piece : int [n], of which piece
    """
    _, number = np.unique(piece, return_inverse=True)
    rights, all_asked = np.bincount(number, right), np.bincount(number, asked)
    rows = drawn(len(rights), seed=seed)
    total = all_asked[rows].sum(axis=1)
    return middle(rights[rows].sum(axis=1)[total > 0] / total[total > 0])


def mean_over_pieces(
    values: np.ndarray, piece: np.ndarray, seed: int = 0
) -> tuple[float, float, float]:
    """Mean of the pieces' means and its 95 % interval, pieces drawn with replacement.

    values : float [n], nan is left out; piece : int [n], of which piece
    """
    there = ~np.isnan(values)
    names = np.unique(piece[there])
    means = np.array([values[there & (piece == name)].mean() for name in names])
    rows = drawn(len(means), seed=seed)
    return float(means.mean()), *middle(means[rows].mean(axis=1))


def exact_interval(right: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of right / n, n > 0."""
    if not 0 <= right <= n or n < 1:
        raise ValueError(f"{right} of {n} is no share")
    low = 0.0 if right == 0 else _where(lambda p: 1.0 - _at_most(right - 1, n, p) >= _TAIL)
    high = 1.0 if right == n else _where(lambda p: _at_most(right, n, p) <= _TAIL)
    return low, high


def chance_p_value(right: float, n: int) -> float:
    """Two-sided exact binomial: how often guessing is at least as far from one half.

    right : may be a half, where something was neither right nor wrong; then rounded towards chance.
    """
    whole = math.floor(right) if right > n / 2.0 else math.ceil(right)
    # Guessing is symmetrical, so both tails weigh the same.
    return min(1.0, 2.0 * _at_most(min(whole, n - whole), n, 0.5))


def _at_most(k: int, n: int, p: float) -> float:
    """How often n trials of chance p, 0 < p < 1, succeed k times or fewer."""
    whole, yes, no = math.lgamma(n + 1), math.log(p), math.log1p(-p)
    return math.fsum(
        math.exp(whole - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * yes + (n - i) * no)
        for i in range(k + 1)
    )


def _where(holds: Callable[[float], bool]) -> float:
    """The chance from which on a condition holds, by halving the interval 0..1."""
    below, above = 0.0, 1.0
    for _ in range(60):
        middle = (below + above) / 2.0
        below, above = (below, middle) if holds(middle) else (middle, above)
    return (below + above) / 2.0
