"""Groups of directions that lie together: spherical k-means, with numpy alone.

A centre is the mean direction of its group, and every direction belongs to the nearest centre by
cosine; the two are repeated until nothing moves. Where that ends depends on where it begins: it
begins ``STARTS`` times, each with directions drawn far from one another (k-means++), and the
closest groups are kept.
"""

from __future__ import annotations

import numpy as np

STARTS = 8
# Centres of more are those of so many, drawn at random.
SAMPLE = 20_000
_MOST_ROUNDS = 100
_BLOCK = 16_384
_SEED = 20


def group(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """At most ``count`` groups; fewer only where fewer directions differ. Deterministic.

    vectors : float32 [n, dim], unit norm, n at least 1.

    Returns which group each belongs to, int64 [n], and the groups' mean directions, float32
    [groups, dim], unit norm (zeros where directions cancel each other out).
    """
    rng = np.random.default_rng(_SEED)
    some = vectors
    if len(vectors) > SAMPLE:
        some = vectors[np.sort(rng.choice(len(vectors), SAMPLE, replace=False))]
    best, closest = _settle(some, _begin(some, count, rng))
    for _ in range(STARTS - 1):
        centres, close = _settle(some, _begin(some, count, rng))
        if close > closest + 1e-6 * len(some):  # else it is the same, but for rounding
            best, closest = centres, close
    labels, _ = _nearest(vectors, best)
    there, labels = np.unique(labels, return_inverse=True)  # a group may have lost its last one
    return labels, _means(vectors, labels, len(there))


def _begin(vectors: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """float32 [k, dim]: directions drawn one after another, the likelier the farther away."""
    chosen = [int(rng.integers(len(vectors)))]
    apart = 1.0 - (vectors @ vectors[chosen[0]]).astype(np.float64)
    while len(chosen) < count:
        apart[apart < 1e-5] = 0.0  # the same direction, but for rounding
        if not apart.any():
            break
        chosen.append(int(rng.choice(len(vectors), p=apart / apart.sum())))
        apart = np.minimum(apart, 1.0 - vectors @ vectors[chosen[-1]])
    return vectors[chosen]


def _settle(vectors: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, float]:
    """Centres that stay where they are, and the sum of all cosines to the nearest of them."""
    labels, cosines = _nearest(vectors, centres)
    for _ in range(_MOST_ROUNDS):
        means = _means(vectors, labels, len(centres))
        centres = np.where(means.any(axis=1, keepdims=True), means, centres)
        before = labels
        labels, cosines = _nearest(vectors, centres)
        if np.array_equal(labels, before):
            break
    return centres, float(cosines.sum())


def _nearest(vectors: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each direction the nearest centre, int64 [n], and its cosine, float32 [n]."""
    labels = np.empty(len(vectors), np.int64)
    cosines = np.empty(len(vectors), np.float32)
    for first in range(0, len(vectors), _BLOCK):
        here = slice(first, first + _BLOCK)
        near = vectors[here] @ centres.T
        labels[here] = near.argmax(axis=1)
        cosines[here] = near.max(axis=1)
    return labels, cosines


def _means(vectors: np.ndarray, labels: np.ndarray, count: int) -> np.ndarray:
    """float32 [count, dim]: the mean direction of each group; zeros for one that is empty."""
    order = np.argsort(labels, kind="stable")
    there, first = np.unique(labels[order], return_index=True)
    sums = np.zeros((count, vectors.shape[1]))
    sums[there] = np.add.reduceat(vectors[order], first, axis=0, dtype=np.float64)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    return np.divide(sums, lengths, out=np.zeros_like(sums), where=lengths > 1e-6).astype(
        np.float32
    )
