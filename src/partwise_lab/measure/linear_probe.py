"""How much of something a linear model reads out of embeddings of pieces it has not seen.

Logistic regression where the truth is a class, ridge regression where it is a value, on features
brought to zero mean and unit variance, cross-validated so that no piece is trained and tested on.
The ridge's penalty is chosen among three inside of what is trained on, again by pieces, so that
where nothing can be read R2 comes near 0 and not far below it; the logistic regression's is fixed.
Chance is what the same probe finds when the truths are dealt out anew among the pieces.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise_lab.measure.intervals import drawn, middle

_FOLDS = 5
_RESAMPLED = 1000
_INNER_FOLDS = 3
# Penalties for each segment trained on, of the logistic regression and the ridge's.
_LOGISTIC_PER_SEGMENT = 0.5
_RIDGE_PER_SEGMENT = np.array([0.3, 3.0, 30.0])

# truth [n, ...], told [n, ...], times [draws, n] -> how well they agree [draws]
Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class ProbeScore:
    """Balanced accuracy or R2 of a probe, with a 95 % interval over pieces."""

    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Probe:
    """A linear model, and the measure of what it tells.

    name : of the measure; tell : features [segments, dim], truths [segments, truths, ...] and piece
        int [segments] -> what is told, of each of the truths on its own, in their shape
    """

    name: str
    tell: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
    measure: Measure

    def score(self, features: np.ndarray, truth: np.ndarray, piece: np.ndarray) -> ProbeScore:
        """How well the truth is read. features : [segments, dim]; piece : int [segments]

        truth : int [segments] of classes, equal within a piece; float [segments, values] of values
        """
        told = self.tell(features, truth[:, None], piece)[:, 0]
        names, numbers = np.unique(piece, return_inverse=True)
        rows = drawn(len(names), _RESAMPLED)
        times = np.stack([np.bincount(row, minlength=len(names)) for row in rows])[:, numbers]
        low, high = middle(self.measure(truth, told, times))
        return ProbeScore(self._once(truth, told), low, high)

    def chance(
        self,
        features: np.ndarray,
        truth: np.ndarray,
        piece: np.ndarray,
        *,
        shuffles: int = 40,
        seed: int = 0,
    ) -> tuple[float, float]:
        """The middle 95 % of scores of truths that are dealt out anew among the pieces."""
        rng = np.random.default_rng(seed)
        dealt = np.stack([dealt_anew(truth, piece, rng) for _ in range(shuffles)], axis=1)
        told = self.tell(features, dealt, piece)
        return middle([self._once(dealt[:, i], told[:, i]) for i in range(shuffles)])

    def _once(self, truth: np.ndarray, told: np.ndarray) -> float:
        return float(self.measure(truth, told, np.ones((1, len(truth)), dtype=np.int64))[0])


def balanced_accuracy(truth: np.ndarray, told: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Mean over the classes of the share that is told right. int [n] each.

    times : int [draws, n], how often each segment counts in each draw; returns : float [draws]
    """
    classes = truth[:, None] == np.unique(truth)[None, :]
    right = times @ (classes & (told == truth)[:, None])
    there = times @ classes
    share = right / np.maximum(there, 1)
    return share.sum(axis=1) / (there > 0).sum(axis=1)


def r_squared(truth: np.ndarray, told: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Share of the variance that is explained, of all columns together. float [n, values] each.

    times : int [draws, n], how often each segment counts in each draw; returns : float [draws]
    """
    centred = truth - truth.mean(axis=0)
    means = times @ centred / times.sum(axis=1, keepdims=True)
    around = times @ np.sum(centred**2, axis=1) - times.sum(axis=1) * np.sum(means**2, axis=1)
    return 1.0 - times @ np.sum((truth - told) ** 2, axis=1) / np.maximum(around, 1e-12)


def dealt_anew(truth: np.ndarray, piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each piece gets the truths of another one, drawn from its segments."""
    names, numbers = np.unique(piece, return_inverse=True)
    rows = [np.flatnonzero(numbers == number) for number in rng.permutation(len(names))]
    return np.stack([truth[rng.choice(rows[number])] for number in numbers])


def _told_classes(features: np.ndarray, truths: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """truths : int [segments, truths]"""
    linear_model, selection = _sklearn()
    fold = selection.StratifiedGroupKFold(_folds(piece), shuffle=True, random_state=0)
    told = np.empty_like(truths)
    for column, truth in enumerate(truths.T):
        for train, test in fold.split(features, truth, piece):
            inverse = 1.0 / (_LOGISTIC_PER_SEGMENT * len(train))
            model = linear_model.LogisticRegression(C=inverse, class_weight="balanced")
            seen, unseen = _standardised(features[train], features[test])
            told[test, column] = model.fit(seen, truth[train]).predict(unseen)
    return told


def _told_values(features: np.ndarray, truths: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """truths : float [segments, truths, values], each with a penalty of its own."""
    _, selection = _sklearn()
    each = np.arange(truths.shape[1])
    told = np.empty(truths.shape)
    for train, test in selection.GroupKFold(_folds(piece)).split(features, groups=piece):
        errors = np.zeros((len(_RIDGE_PER_SEGMENT), truths.shape[1]))
        inner = selection.GroupKFold(_INNER_FOLDS)
        for some, rest in inner.split(train, groups=piece[train]):
            seen, unseen = train[some], train[rest]
            found = _ridges(features[seen], truths[seen], features[unseen])
            errors += np.sum((found - truths[unseen]) ** 2, axis=(1, 3))
        found = _ridges(features[train], truths[train], features[test])
        told[test] = found[errors.argmin(axis=0), :, each].swapaxes(0, 1)
    return told


def _ridges(seen: np.ndarray, truths: np.ndarray, unseen: np.ndarray) -> np.ndarray:
    """What ridge regressions of each penalty tell: [penalties, segments, truths, values].

    As scikit-learn's `Ridge`, but for all penalties from one decomposition.
    """
    seen, unseen = _standardised(seen.astype(np.float64), unseen.astype(np.float64))
    flat = truths.reshape(len(truths), -1)
    mean = flat.mean(axis=0)
    powers, axes = np.linalg.eigh(seen.T @ seen)
    along = axes.T @ (seen.T @ (flat - mean))
    told = [
        unseen @ (axes @ (along / (powers + penalty * len(seen))[:, None])) + mean
        for penalty in _RIDGE_PER_SEGMENT
    ]
    return np.stack(told).reshape(len(told), len(unseen), *truths.shape[1:])


def _standardised(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean, scale = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    return (train - mean) / scale, (test - mean) / scale


def _folds(piece: np.ndarray) -> int:
    pieces = len(np.unique(piece))
    if pieces < 4:
        raise PartwiseError(f"a probe needs 4 pieces, to train on some and try on others: {pieces}")
    return min(_FOLDS, pieces)


def _sklearn() -> tuple[Any, Any]:
    try:
        from sklearn import linear_model, model_selection
    except ImportError:
        raise PartwiseError(
            "probes need scikit-learn: pip install 'partwise-lab[bench]' -c constraints.txt"
        ) from None
    return linear_model, model_selection


CLASSES = Probe("balanced accuracy", _told_classes, balanced_accuracy)
# R2 is below 0 where the mean of the truths tells more.
VALUES = Probe("R2", _told_values, r_squared)
