"""How much of something a linear model reads out of embeddings of pieces it has not seen.

Logistic regression where the truth is a class, ridge regression where it is a value, on features
brought to zero mean and unit variance, cross-validated so that no piece is trained and tested on.
One strength of the penalty for all, weak evidence being worth little: what a probe finds is then
comparable between subspaces. Chance is what the same probe finds when the truths are dealt out anew
among the pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from partwise.errors import PartwiseError

_FOLDS = 5
_RESAMPLED = 500
# Of the logistic regression's inverse penalty, and the ridge's penalty for each segment trained on.
_LOGISTIC_C = 0.01
_RIDGE_PER_SEGMENT = 0.3

# truth [n, ...], told [n, ...] -> how well they agree
Measure = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class ProbeScore:
    """Balanced accuracy or R2 of a probe, with a 95 % interval over pieces."""

    score: float
    low: float
    high: float


def probe_classes(features: np.ndarray, truth: np.ndarray, piece: np.ndarray) -> ProbeScore:
    """Balanced accuracy of a logistic regression.

    features : [segments, dim]; truth : int [segments], equal within a piece; piece : int [segments]
    """
    return _scored(_told_classes(features, truth, piece), truth, piece, balanced_accuracy)


def probe_values(features: np.ndarray, truth: np.ndarray, piece: np.ndarray) -> ProbeScore:
    """R2 of a ridge regression; below 0 where the mean of the truths tells more.

    features : [segments, dim]; truth : float [segments, values]; piece : int [segments]
    """
    return _scored(_told_values(features, truth, piece), truth, piece, r_squared)


def chance_of_classes(
    features: np.ndarray, truth: np.ndarray, piece: np.ndarray, *, shuffles: int = 20, seed: int = 0
) -> list[float]:
    """[low, high]: the middle 95 % of `probe_classes` on truths dealt out anew."""
    return _chance(_told_classes, balanced_accuracy, features, truth, piece, shuffles, seed)


def chance_of_values(
    features: np.ndarray, truth: np.ndarray, piece: np.ndarray, *, shuffles: int = 20, seed: int = 0
) -> list[float]:
    """[low, high]: the middle 95 % of `probe_values` on truths dealt out anew."""
    return _chance(_told_values, r_squared, features, truth, piece, shuffles, seed)


def balanced_accuracy(truth: np.ndarray, told: np.ndarray) -> float:
    """Mean over the classes of the share that is told right. int [n] each."""
    return float(np.mean([np.mean(told[truth == name] == name) for name in np.unique(truth)]))


def r_squared(truth: np.ndarray, told: np.ndarray) -> float:
    """Share of the variance that is explained, of all columns together. float [n, values] each."""
    around = float(np.sum((truth - truth.mean(axis=0)) ** 2))
    return 1.0 - float(np.sum((truth - told) ** 2)) / max(around, 1e-12)


def dealt_anew(truth: np.ndarray, piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each piece gets the truths of another one, drawn from its segments."""
    names, numbers = np.unique(piece, return_inverse=True)
    rows = [np.flatnonzero(numbers == number) for number in rng.permutation(len(names))]
    return np.stack([truth[rng.choice(rows[number])] for number in numbers])


def _told_classes(features: np.ndarray, truth: np.ndarray, piece: np.ndarray) -> np.ndarray:
    linear_model, selection = _sklearn()
    fold = selection.StratifiedGroupKFold(_folds(piece), shuffle=True, random_state=0)
    told = np.empty_like(truth)
    for train, test in fold.split(features, truth, piece):
        model = linear_model.LogisticRegression(C=_LOGISTIC_C, class_weight="balanced")
        seen, unseen = _standardised(features[train], features[test])
        told[test] = model.fit(seen, truth[train]).predict(unseen)
    return told


def _told_values(features: np.ndarray, truth: np.ndarray, piece: np.ndarray) -> np.ndarray:
    linear_model, selection = _sklearn()
    fold = selection.GroupKFold(_folds(piece))
    told = np.empty(truth.shape)
    for train, test in fold.split(features, truth, piece):
        model = linear_model.Ridge(_RIDGE_PER_SEGMENT * len(train))
        seen, unseen = _standardised(features[train], features[test])
        told[test] = model.fit(seen, truth[train]).predict(unseen).reshape(len(test), -1)
    return told


def _standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, scale = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    return (train - mean) / scale, (test - mean) / scale


def _folds(piece: np.ndarray) -> int:
    pieces = len(np.unique(piece))
    if pieces < 2:
        raise PartwiseError(f"a probe is trained on some pieces and tried on others: {pieces} here")
    return min(_FOLDS, pieces)


def _scored(
    told: np.ndarray, truth: np.ndarray, piece: np.ndarray, measure: Measure
) -> ProbeScore:
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(piece == name) for name in np.unique(piece)]
    again = []
    for _ in range(_RESAMPLED):
        drawn = np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])
        again.append(measure(truth[drawn], told[drawn]))
    low, high = np.percentile(again, [2.5, 97.5])
    return ProbeScore(measure(truth, told), float(low), float(high))


def _chance(
    tell: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    measure: Measure,
    features: np.ndarray,
    truth: np.ndarray,
    piece: np.ndarray,
    shuffles: int,
    seed: int,
) -> list[float]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(shuffles):
        dealt = dealt_anew(truth, piece, rng)
        found.append(measure(dealt, tell(features, dealt, piece)))
    return [float(edge) for edge in np.percentile(found, [2.5, 97.5])]


def _sklearn() -> tuple[Any, Any]:
    try:
        from sklearn import linear_model, model_selection
    except ImportError:
        raise PartwiseError(
            "probes need scikit-learn: pip install 'partwise[bench]' -c constraints.txt"
        ) from None
    return linear_model, model_selection
