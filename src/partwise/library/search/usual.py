"""What scores are usual in a library: those of pairs of its tracks, drawn at random.

A score has no meaning of its own: it depends on the model, on the library and on the weights. The
share of random pairs that score less says how uncommon a likeness is, and the score of the pair in
the middle is where likeness ends: two songs drawn at random are that much alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from partwise.library.search.typical import beyond
from partwise.parts import PARTS, PartWeights

if TYPE_CHECKING:
    from partwise.embedding.embeddings import PartEmbeddings

PAIRS = 50_000
# Of fewer pairs that have all wanted parts nothing is said.
LEAST_PAIRS = 100
# A share is given where at least this many pairs lie above it.
LEAST_ABOVE = 5
SHARES = (
    *(round(0.05 * step, 2) for step in range(20)),
    *(0.96, 0.97, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999),
)
# Passages: a track counts by its best segment, so each pair holds some segments of the other.
PASSAGE_TRACKS = 200
PASSAGE_PAIRS = 2_000
PASSAGE_SEGMENTS = 32

_BLOCK = 4096


@dataclass(frozen=True)
class Usual:
    """Random pairs, ready to be weighed.

    similarities : float32 [pairs, n, parts=5]; a pair scores what the best of its n scores.
    there : bool [pairs, n, parts=5], where the part is heard on both sides.
    """

    similarities: np.ndarray
    there: np.ndarray

    def scores(self, weights: PartWeights) -> np.ndarray:
        """float32 [m], ascending: of the pairs that have all wanted parts on both sides."""
        shares = weights.as_array() / weights.as_array().sum()
        complete = np.asarray(self.there[:, :, shares > 0].all(axis=-1))  # [pairs, n]
        scores = np.where(complete, self.similarities @ shares, -np.inf).max(axis=1, initial=-2.0)
        return np.sort(scores[np.any(complete, axis=1)])

    def levels(self, weights: PartWeights) -> tuple[int, list[float], list[float]]:
        """The number of pairs, shares of them (0 to 1) and the scores that these lie below.

        Without shares where the library has too few pairs for any.
        """
        scores = self.scores(weights)
        count = len(scores)
        if count < LEAST_PAIRS:
            return count, [], []
        shares = [share for share in SHARES if (1.0 - share) * count >= LEAST_ABOVE]
        return count, shares, np.quantile(scores, shares).tolist()


def usual_tracks(vectors: np.ndarray, typical: np.ndarray) -> Usual:
    """Pairs of whole songs, asked as a search asks them (``typical.beyond``).

    vectors : float32 [tracks, parts=5, dim]. typical : float32 [parts=5, dim].
    """
    asked = np.stack([beyond(vector, typical) for vector in vectors]) if len(vectors) else vectors
    one, other = _pairs(len(vectors))
    similarities = np.zeros((len(one), 1, len(PARTS)), np.float32)
    for start in range(0, len(one), _BLOCK):
        here = slice(start, start + _BLOCK)
        similarities[here, 0] = np.einsum("npd,npd->np", asked[one[here]], vectors[other[here]])
    heard = np.asarray(vectors.any(axis=-1))
    return Usual(similarities.clip(-1.0, 1.0), (heard[one] & heard[other])[:, None])


def usual_passages(tracks: Mapping[str, PartEmbeddings]) -> Usual:
    """Pairs of a passage and a whole song, of which the best segment counts."""
    rng = np.random.default_rng(0)
    songs = [song.embeddings for song in tracks.values() if len(song)]
    one, other = _pairs(len(songs), PASSAGE_PAIRS)
    shape = (len(one), PASSAGE_SEGMENTS, len(PARTS))
    similarities, there = np.zeros(shape, np.float32), np.zeros(shape, bool)
    for pair, (a, b) in enumerate(zip(one, other, strict=True)):
        passage = songs[a][rng.integers(len(songs[a]))]  # [parts, dim]
        many = min(len(songs[b]), PASSAGE_SEGMENTS)
        segments = songs[b][np.linspace(0, len(songs[b]) - 1, many).round().astype(int)]
        similarities[pair, :many] = np.einsum("pd,spd->sp", passage, segments)
        there[pair, :many] = passage.any(axis=-1) & segments.any(axis=-1)
    return Usual(similarities.clip(-1.0, 1.0), there)


def _pairs(count: int, most: int = PAIRS) -> tuple[np.ndarray, np.ndarray]:
    """Two different ones each, int [pairs] twice: all pairs of few, of many ``most`` at random."""
    if count * (count - 1) <= most:
        one, other = np.nonzero(~np.eye(count, dtype=bool))
        return one, other
    rng = np.random.default_rng(0)
    one = rng.integers(count, size=most)
    return one, (one + rng.integers(1, count, size=most)) % count
