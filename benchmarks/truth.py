"""The true best rows of a query among any number of made-up rows, none of which need be stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from made_up import THRESHOLD, Source, rows
from partwise.library.stores.accuracy import WEIGHTINGS
from partwise.parts import PARTS


@dataclass(frozen=True)
class Best:
    """Of each query the best rows, best first; -inf and -1 where there are no more.

    scores : float32 [queries, keep]. numbers : int64 [queries, keep], which rows these are.
    """

    scores: np.ndarray
    numbers: np.ndarray


def true_best(
    pieces: Iterable[tuple[np.ndarray, np.ndarray]],
    queries: np.ndarray,
    weights: np.ndarray,
    keep: int,
) -> Best:
    """Exact search, in one pass over rows that come piece by piece (``made_up.rows``).

    queries float32 [q, parts=5, dim], weights float32 [q, parts=5]. Rows in which a wanted part is
    absent do not count.
    """
    scaled = queries * (weights / weights.sum(axis=1, keepdims=True))[:, :, None]
    scaled = np.ascontiguousarray(scaled.reshape(len(queries), -1).T)  # [parts * dim, q]
    bits = 1 << np.arange(len(PARTS))
    wanted = (weights > 0) @ bits  # [q]
    patterns = np.arange(1 << len(PARTS))[:, None]
    answers = (patterns & wanted) == wanted  # [patterns, q]
    scores = np.full((len(queries), keep), -np.inf, np.float32)
    numbers = np.full((len(queries), keep), -1, np.int64)
    before = 0
    for vectors, presence in pieces:
        here = vectors.reshape(len(vectors), -1) @ scaled  # [n, q]
        pattern = (presence >= THRESHOLD) @ bits
        better = (here > scores[:, -1]) & answers[pattern]
        for query in range(len(queries)):
            at = np.flatnonzero(better[:, query])
            if not len(at):
                continue
            joined = np.concatenate([scores[query], here[at, query]])
            known = np.concatenate([numbers[query], before + at])
            order = np.argsort(-joined, kind="stable")[:keep]
            scores[query], numbers[query] = joined[order], known[order]
        before += len(vectors)
    return Best(scores, numbers)


def best_by_weights(
    source: Source, count: int, asked: Mapping[str, np.ndarray], keep: int
) -> dict[str, Best]:
    """The best of ``count`` rows for each kind of weights of ``made_up.draw_queries``."""
    queries = np.concatenate([asked["queries"]] * len(WEIGHTINGS))
    weights = np.concatenate([asked[name] for name in WEIGHTINGS])
    best = true_best(rows(source, count), queries, weights, keep)
    split = [np.split(values, len(WEIGHTINGS)) for values in (best.scores, best.numbers)]
    return {name: Best(*found) for name, *found in zip(WEIGHTINGS, *split, strict=True)}
