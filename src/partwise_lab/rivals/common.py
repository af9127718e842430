"""What the rivals share: their packages, segments that they can take, distances between features.

Distances are between all pairs of feature vectors: float64 [segments, segments], symmetric.
"""

from __future__ import annotations

import importlib.util

import numpy as np

from partwise.errors import PartwiseError

BENCH = "pip install 'partwise-lab[bench]' -c constraints.txt"


def squared_distances(vectors: np.ndarray) -> np.ndarray:
    """Squares of the Euclidean distances, [segments, dim] -> [segments, segments]."""
    squares = np.sum(vectors * vectors, axis=1)
    return squares[:, None] + squares[None, :] - 2.0 * (vectors @ vectors.T)


def unit(vectors: np.ndarray) -> np.ndarray:
    """[..., dim] of length 1; zeros stay zeros."""
    norm = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, norm, out=np.zeros_like(vectors), where=norm > 0.0)


def euclidean(features: np.ndarray) -> np.ndarray:
    """features [segments, width]; the diagonal is exactly 0."""
    squared = squared_distances(features.astype(np.float64))
    return symmetric(np.sqrt(np.maximum(squared, 0.0)))


def cosine(features: np.ndarray) -> np.ndarray:
    """1 - cosine, 0..2, of features [segments, width]; zeros are at 1 from all others."""
    return symmetric(1.0 - _cosines(features))


def angular(features: np.ndarray) -> np.ndarray:
    """The angle over pi, 0..1, of features [segments, width]; in the same order as `cosine`."""
    return symmetric(np.arccos(_cosines(features)) / np.pi)


def symmetric(distance: np.ndarray) -> np.ndarray:
    """Without what rounding makes of the diagonal and of the difference between i, j and j, i."""
    distance = 0.5 * (distance + distance.T)
    np.fill_diagonal(distance, 0.0)
    return distance


def _cosines(features: np.ndarray) -> np.ndarray:
    vectors = unit(features.astype(np.float64))
    return np.clip(vectors @ vectors.T, -1.0, 1.0)


def need(rival: str, package: str, install: str = BENCH) -> None:
    """Raises PartwiseError that says how to install it, unless the package is there."""
    if importlib.util.find_spec(package) is None:
        raise PartwiseError(f"the rival {rival} needs the package {package}: {install}")


def checked(samples: np.ndarray, rival: str, shortest: int, sample_rate_hz: int) -> np.ndarray:
    """The segments as float32 [segments, samples].

    Raises PartwiseError for segments shorter than `shortest` samples, in which the rival finds
    nothing, and for samples of another shape.
    """
    if samples.ndim != 2:
        raise PartwiseError(
            f"the rival {rival} takes segments [segments, samples], not {list(samples.shape)}"
        )
    if samples.shape[1] < shortest:
        raise PartwiseError(
            f"the rival {rival} needs segments of at least {shortest / sample_rate_hz:.2f} s: "
            f"these have {samples.shape[1] / sample_rate_hz:.2f} s"
        )
    return np.ascontiguousarray(samples, dtype=np.float32)
