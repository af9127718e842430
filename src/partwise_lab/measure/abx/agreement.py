"""How far choices agree with those of listeners, and how far listeners agree with each other.

One listener's vote is the truth of a coin with a bias: whoever answers each question as most
listeners do is still contradicted by the others. So a model's share of agreeing votes is read
beside two human ceilings, both from the answers alone:

- `one_vs_rest`: a listener against the majority of the others who answered the question; where
  these are divided, half right.
- `perfect_majority`: whoever always says what most listeners said. Known only afterwards, and the
  more flattering the fewer votes a question has (a single vote always agrees with itself).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from partwise_lab.measure.abx.answers import Kind, Triplet
from partwise_lab.measure.abx.intervals import FEW_SONGS, chance_p_value, exact_interval, over_songs

CONSENSUS = 0.75
_FEWEST_VOTES = 3  # of a consensus: two can hardly disagree by three quarters
MEASURES = ("votes", "sure_votes", "majority", "consensus")


def agreement(
    triplets: Sequence[Triplet], says_first: np.ndarray, aspect: str, *, seed: int = 0
) -> dict[str, Any] | None:
    """The measures of one part, kind and aspect; None where nobody said anything.

    says_first : float [triplets], 1 where the model finds the first more alike, 0 the second, 0.5
        where it cannot tell
    votes, sure_votes : share of listeners' votes (with a plus sign) that the model agrees with
    majority, consensus : share of triplets in which it agrees with most listeners; in which at
        least 75 % of three or more listeners agree
    """
    first, votes = _counts(triplets, aspect)
    if not votes.any():
        return None
    song = np.unique([t.reference.song for t in triplets], return_inverse=True)[1]
    sure_first, sure = _counts(triplets, aspect, sure=True)
    most = np.maximum(first, votes - first)
    decided = (2 * first != votes).astype(float)
    agreed = decided * (votes >= _FEWEST_VOTES) * (most >= CONSENSUS * votes)
    with_majority = np.where(2 * first > votes, says_first, 1.0 - says_first)
    of: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "votes": (says_first * first + (1.0 - says_first) * (votes - first), votes),
        "sure_votes": (says_first * sure_first + (1.0 - says_first) * (sure - sure_first), sure),
        "majority": (with_majority * decided, decided),
        "consensus": (with_majority * agreed, agreed),
    }
    return {
        "triplets": int((votes > 0).sum()),
        "songs": len(np.unique(song[votes > 0])),
        "chance": 0.5,
        **{name: _share(of[name][0], of[name][1], song, seed) for name in MEASURES},
        "human": ceilings(triplets, aspect),
    }


def ceilings(triplets: Sequence[Triplet], aspect: str) -> dict[str, float | None]:
    """one_vs_rest, perfect_majority (None where they cannot be told); of XYC also chose_same_song.

    perfect_sure : the same as `perfect_majority` among the votes with a plus sign alone.
    """
    first, votes = _counts(triplets, aspect)
    sure_first, sure = _counts(triplets, aspect, sure=True)
    found = {
        "one_vs_rest": _one_vs_rest(first, votes),
        "perfect_majority": _ratio(np.maximum(first, votes - first), votes),
        "perfect_sure": _ratio(np.maximum(sure_first, sure - sure_first), sure),
    }
    if triplets and all(t.kind is Kind.XYC for t in triplets):
        found["chose_same_song"] = _ratio(first, votes)
    return found


def _counts(
    triplets: Sequence[Triplet], aspect: str, *, sure: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Votes for the first and all votes, float [triplets] each."""
    counts = np.array([t.counts(aspect, sure=sure) for t in triplets], dtype=float).reshape(-1, 2)
    return counts[:, 0], counts[:, 1]


def _one_vs_rest(first: np.ndarray, votes: np.ndarray) -> float | None:
    """Each vote against the majority of the question's other votes, if there are any."""
    right = np.zeros_like(first)
    for side in (first, votes - first):  # every voter of the side sees one vote fewer on it
        others_for, others_against = side - 1.0, votes - side
        right += side * (np.sign(others_for - others_against) + 1.0) / 2.0
    asked = votes > 1
    return _ratio(right[asked], votes[asked])


def _ratio(right: np.ndarray, asked: np.ndarray) -> float | None:
    return float(right.sum() / asked.sum()) if asked.sum() else None


def _share(right: np.ndarray, asked: np.ndarray, song: np.ndarray, seed: int) -> dict | None:
    """value, low and high (95 %), n, and for triplets how likely chance is at least as far off."""
    if not asked.any():
        return None
    n = int(asked.sum())
    counted = asked > 0
    by_triplet = bool(np.all(asked[counted] == 1.0))
    if len(np.unique(song[counted])) < FEW_SONGS:
        # Votes on one triplet are no independent trials, so the triplets are what counts.
        trials = int(counted.sum())
        low, high = exact_interval(round(right.sum() / asked.sum() * trials), trials)
        interval = "exact binomial over triplets"
    else:
        low, high = over_songs(right, asked, song, seed)
        interval = "bootstrap over songs"
    share = {"value": right.sum() / asked.sum(), "low": low, "high": high, "n": n}
    share = {key: float(value) if key != "n" else value for key, value in share.items()}
    if by_triplet:
        share["p_value"] = chance_p_value(float(right.sum()), n)
    return share | {"interval": interval}
