"""The protocol `abx`: does a model find alike what listeners find alike?

Its report, in dictionaries that JSON can hold:

    answers        rows, malformed (reason -> rows), listeners, dummies (asked, passed; left out)
    triplets       asked (XAB, XYC), heard, trained_on (tuned on these very answers), trained_songs
                   (holds a song that the model was tuned on), songs (of the references heard)
    hears          mix, stem or cut: what the model was given
    pooled         whether the votes of several experiments on the same clips are put together
    only_test_songs    whether only triplets of pieces were scored that a tuned model has not seen
    missing        clips and triplets that could not be heard, and reasons (reason -> clips)
    undecided      triplets in which both clips are equally near
    agreement      one entry for each kind (XAB, XYC), part (or mix) and aspect (overall, timbre,
                   rhythm, melody), as far as there are votes: triplets, songs, chance, and
        votes, sure_votes, majority, consensus     value, low, high (95 %, by `interval`), n; of
                                                   triplets also p_value (exact binomial, two-sided)
        human      one_vs_rest, perfect_majority, perfect_sure; of XYC chose_same_song
    mean           kind -> aspect -> measure -> mean over the five parts (not the mix), if measured

What the measures and the human ceilings mean is told at `agreement` and `ceilings`.
p_value takes triplets for independent, which those that several experiments asked are only when
pooled. The model has one opinion of a triplet, so the aspects tell which of them its subspace
listens to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.measure.abx.answers import ASPECTS, Answers, Kind, Triplet, triplets
from partwise_lab.measure.abx.clips import Clips, complete, hear_clips, says_first
from partwise_lab.measure.abx.split import PieceSplit
from partwise_lab.measure.heard import EmbedSegments
from partwise_lab.measure.intervals import (
    FEW_PIECES,
    chance_p_value,
    exact_interval,
    share_over_pieces,
)

MIX = "mix"
CONSENSUS = 0.75
_FEWEST_VOTES = 3  # of a consensus: two can hardly disagree by three quarters
MEASURES = ("votes", "sure_votes", "majority", "consensus")


def abx(
    answers: Answers,
    clips: Clips,
    embed: EmbedSegments,
    *,
    tuned_on: PieceSplit | None = None,
    songs_of: PieceSplit | None = None,
    pooled: bool = False,
    presence_threshold: float | np.ndarray = 0.5,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """The report (see the module's text) on one model.

    tuned_on : the split of the model itself, if it was tuned on answers (`split.split_in`)
    songs_of : score only triplets of the test pieces of this split, for instance to compare a
        tuned model with the one it began as
    Raises PartwiseError where no triplet can be heard, or none is left by `songs_of`.
    """
    every = triplets(answers.answers, pooled=pooled)
    asked = every
    if songs_of:
        asked = [t for t in every if songs_of.place(t) == "test"]
        if not asked:
            raise PartwiseError(
                f"no triplet of {answers.place} has only test songs of the model's split"
            )
    there, reasons = complete(clips, asked)
    heard = hear_clips(clips, there, embed, threads=threads, progress=progress)
    entries: list[dict[str, Any]] = []
    undecided = 0
    for kind in (Kind.XAB, Kind.XYC):
        for part in (*PARTS, None):
            some = [t for t in there if t.kind is kind and t.part is part]
            if not some:
                continue
            choices = says_first(heard, some, part, presence_threshold)
            undecided += int((choices == 0.5).sum())
            entries += _entries(some, choices, kind, part, seed)
    dummies, passed = answers.dummies()
    return {
        "answers": {
            "rows": answers.rows,
            "malformed": dict(answers.malformed),
            "listeners": answers.listeners,
            "dummies": {"asked": dummies, "passed": passed},
        },
        "triplets": {
            "asked": {str(k): sum(t.kind is k for t in every) for k in (Kind.XAB, Kind.XYC)},
            "heard": len(there),
            **_trained(there, tuned_on),
            "songs": len({t.reference.piece for t in there}),
        },
        "hears": clips.hears,
        "pooled": pooled,
        "only_test_songs": songs_of is not None,
        "missing": {
            "triplets": len(asked) - len(there),
            "clips": sum(reasons.values()),
            "reasons": reasons,
        },
        "undecided": undecided,
        "agreement": entries,
        "mean": _means(entries),
    }


def _entries(
    some: Sequence[Triplet], choices: np.ndarray, kind: Kind, part: Part | None, seed: int
) -> list[dict[str, Any]]:
    named = {"kind": str(kind), "part": str(part or MIX)}
    found = {aspect: agreement(some, choices, aspect, seed=seed) for aspect in ASPECTS}
    return [named | {"aspect": aspect} | each for aspect, each in found.items() if each]


def _trained(there: Sequence[Triplet], tuned_on: PieceSplit | None) -> dict[str, int]:
    """How many of the triplets the model was tuned on, whole or by one of their pieces."""
    if tuned_on is None:
        return {"trained_on": 0, "trained_songs": 0}
    return {
        "trained_on": sum(t.kind is Kind.XAB and t.pieces <= tuned_on.train for t in there),
        "trained_songs": sum(bool(t.pieces & tuned_on.train) for t in there),
    }


def _means(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    means: dict[str, Any] = {}
    for entry in entries:
        of_aspect = means.setdefault(entry["kind"], {}).setdefault(entry["aspect"], {})
        for measure in MEASURES:
            if entry["part"] != MIX and entry[measure]:
                of_aspect.setdefault(measure, []).append(entry[measure]["value"])
    return {
        kind: {
            aspect: {measure: float(np.mean(values)) for measure, values in of_aspect.items()}
            for aspect, of_aspect in aspects.items()
        }
        for kind, aspects in means.items()
    }


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
    piece = np.unique([t.reference.piece for t in triplets], return_inverse=True)[1]
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
        "songs": len(np.unique(piece[votes > 0])),
        "chance": 0.5,
        **{name: _share(of[name][0], of[name][1], piece, seed) for name in MEASURES},
        "human": ceilings(triplets, aspect),
    }


def ceilings(triplets: Sequence[Triplet], aspect: str) -> dict[str, float | None]:
    """What a model's share of agreeing votes is read beside; None where it cannot be told.

    One listener's vote is the truth of a coin with a bias: whoever answers each question as most
    listeners do is still contradicted by the others. From the answers alone:

    one_vs_rest : a listener against the majority of the others who answered the question; where
        these are divided, half right
    perfect_majority : whoever always says what most listeners said. Known only afterwards, and the
        more flattering the fewer votes a question has (a single vote agrees with itself)
    perfect_sure : the same among the votes with a plus sign alone
    chose_same_song : of XYC, the share of votes for the clip of the reference's own piece
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


def _share(right: np.ndarray, asked: np.ndarray, piece: np.ndarray, seed: int) -> dict | None:
    """value, low and high (95 %), n, and for triplets how likely chance is at least as far off."""
    if not asked.any():
        return None
    n = int(asked.sum())
    counted = asked > 0
    by_triplet = bool(np.all(asked[counted] == 1.0))
    if len(np.unique(piece[counted])) < FEW_PIECES:
        # Votes on one triplet are no independent trials, so the triplets are what counts.
        trials = int(counted.sum())
        low, high = exact_interval(round(right.sum() / asked.sum() * trials), trials)
        interval = "exact binomial over triplets"
    else:
        low, high = share_over_pieces(right, asked, piece, seed)
        interval = "bootstrap over songs"
    share = {"value": right.sum() / asked.sum(), "low": low, "high": high, "n": n}
    share = {key: float(value) if key != "n" else value for key, value in share.items()}
    if by_triplet:
        share["p_value"] = chance_p_value(float(right.sum()), n)
    return share | {"interval": interval}
