"""What a listening test found: do listeners agree with the model, and with each other?

Its report, in dictionaries that JSON can hold. A share is {right, n, share, low, high}, with
Clopper and Pearson's exact 95 % interval, or None where n is 0. Listeners that missed too many
catch trials are left out of everything but their number.

    listeners   agreed, answered (anything), finished, left_out (for catch trials), counted
    catch       asked, right, least (share that a listener must have right)
    left_side   share of answers for the candidate on the left: near one half without a habit
    parts       for each part, and for "all": part, trials (answered), answers, and
        agreement   share of answers that choose what the model finds more alike; p_value against
                    guessing (exact binomial, two-sided)
        sure, perhaps   the same of answers with a plus and with a minus sign
        majority    share of trials in which most listeners choose what the model does
        margins     the same as agreement for thirds of the trials by the model's margin: from, to
        aspects     timbre, rhythm, melody -> the same as agreement, as far as asked
        between     of the listeners alone: pairs (of answers to one trial), pairs_agree,
                    alpha, split_half, one_vs_rest, perfect_majority (see ``between``)

The interval takes answers for independent. Answers of one listener, or to one trial, are not quite
that, so it is a little too narrow; ``majority`` counts each trial once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.parts import Part
from partwise_lab.measure.abx.answers import Triplet
from partwise_lab.measure.abx.scoring import ceilings
from partwise_lab.measure.intervals import chance_p_value, exact_interval
from partwise_lab.survey.export import StoredAnswer, stored_answers, triplets_of
from partwise_lab.survey.testfile import TestFile
from partwise_lab.survey.trials import Place

SCHEMA = 1
LEAST_CATCH = 0.7
ALL = "all"
_THIRDS = ("close", "middle", "clear")
_SPLITS = 200
_FEWEST_SPLIT = 4  # listeners; two a side


def listening_report(
    test: TestFile,
    *,
    least_catch: float = LEAST_CATCH,
    margins: Sequence[float | None] | None = None,
    model: str | None = None,
) -> dict[str, Any]:
    """All numbers of a test (see the module).

    margins : for each trial what another model thinks of it, None where that cannot be told; by
        default those of the model that the test was made with. model : that model's digest.
    Raises PartwiseError for a share that is none.
    """
    if not 0.0 <= least_catch <= 1.0:
        raise PartwiseError(f"the share of catch trials must be 0 to 1, not {least_catch:g}")
    answers = stored_answers(test)
    asked, right = catch_trials(test, answers)
    left_out = {who for who, n in asked.items() if right[who] < least_catch * n}
    given = Counter(answer.listener for answer in answers)
    counted = set(given) - left_out
    used = margins if margins is not None else [trial.margin for trial in test.trials]
    triplets = triplets_of(test, answers, counted)
    sides = [a for a in answers if a.listener in counted and not test.trials[a.trial].catch]
    left = sum((a.said["total"][0] == "A") != a.swapped for a in sides)
    with test.connect() as connection:
        agreed = connection.execute("SELECT COUNT(*) FROM listeners").fetchone()[0]
    groups = {str(part): part for part in test.about.parts} | {ALL: None}
    return {
        "schema": SCHEMA,
        "test": test.about.test_id,
        "made_at": test.about.made_at,
        "model": model or test.about.model,
        "seed": test.about.seed,
        "clip_s": test.about.clip_s,
        "trials": {
            "questions": sum(not trial.catch for trial in test.trials),
            "catch": sum(trial.catch for trial in test.trials),
            "without_score": sum(margin is None for margin in used),
        },
        "listeners": {
            "agreed": agreed,
            "answered": len(given),
            "finished": sum(n == len(test.trials) for n in given.values()),
            "left_out": len(left_out),
            "counted": len(counted),
        },
        "catch": {
            "asked": sum(asked.values()),
            "right": sum(right.values()),
            "least": least_catch,
        },
        "left_side": share(left, len(sides)),
        "parts": [
            _of_part(
                name,
                {n: t for n, t in triplets.items() if part is None or t.part is part},
                used,
                [a for a in sides if part is None or test.trials[a.trial].part is part],
            )
            for name, part in groups.items()
        ],
    }


def catch_trials(
    test: TestFile, answers: Sequence[StoredAnswer]
) -> tuple[Counter[str], Counter[str]]:
    """Listener -> catch trials answered, and how many of them by choosing X itself."""
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for answer in answers:
        trial = test.trials[answer.trial]
        if trial.catch:
            asked[answer.listener] += 1
            right[answer.listener] += (answer.said["total"][0] == "A") == (trial.a == trial.x)
    return asked, right


def share(right: int, n: int) -> dict[str, Any] | None:
    """right of n with its exact 95 % interval; None of nothing."""
    if n == 0:
        return None
    low, high = exact_interval(right, n)
    return {"right": right, "n": n, "share": right / n, "low": low, "high": high}


def _of_part(
    name: str,
    triplets: dict[int, Triplet],
    margins: Sequence[float | None],
    answers: Sequence[StoredAnswer],
) -> dict[str, Any]:
    # A margin of exactly 0 is no opinion either.
    opinions = {n: m for n in triplets if (m := margins[n])}
    agreement = _agreement(triplets, opinions, "overall")
    if agreement:
        agreement["p_value"] = chance_p_value(agreement["right"], agreement["n"])
    sure = _agreement(triplets, opinions, "overall", sure=True)
    perhaps = None
    if agreement:
        taken = sure or {"right": 0, "n": 0}
        perhaps = share(agreement["right"] - taken["right"], agreement["n"] - taken["n"])
    aspects = {a: _agreement(triplets, opinions, a) for a in ("timbre", "rhythm", "melody")}
    return {
        "part": name,
        "trials": len(triplets),
        "answers": len(answers),
        "agreement": agreement,
        "sure": sure,
        "perhaps": perhaps,
        "majority": _majority(triplets, opinions),
        "margins": _by_margin(triplets, opinions),
        "aspects": {aspect: found for aspect, found in aspects.items() if found},
        "between": between(triplets, answers),
    }


def _agreement(
    triplets: dict[int, Triplet], margins: dict[int, float], aspect: str, *, sure: bool = False
) -> dict[str, Any] | None:
    right = n = 0
    for number, margin in margins.items():
        first, votes = triplets[number].counts(aspect, sure=sure)
        right += first if margin > 0 else votes - first
        n += votes
    return share(right, n)


def _majority(triplets: dict[int, Triplet], margins: dict[int, float]) -> dict[str, Any] | None:
    """Over the trials in which listeners are not divided equally."""
    found = [(margins[n] > 0, *triplets[n].counts("overall")) for n in margins]
    decided = [(says, 2 * first > votes) for says, first, votes in found if 2 * first != votes]
    return share(sum(says == most for says, most in decided), len(decided))


def _by_margin(triplets: dict[int, Triplet], margins: dict[int, float]) -> list[dict[str, Any]]:
    """Thirds of the trials, closest first; fewer than three trials are not divided."""
    if len(margins) < len(_THIRDS):
        return []
    ordered = sorted(margins, key=lambda number: abs(margins[number]))
    thirds = [third.tolist() for third in np.array_split(np.array(ordered), len(_THIRDS))]
    return [
        {
            "third": name,
            "from": abs(margins[third[0]]),
            "to": abs(margins[third[-1]]),
            "trials": len(third),
            "agreement": _agreement(triplets, {n: margins[n] for n in third}, "overall"),
        }
        for name, third in zip(_THIRDS, thirds, strict=True)
    ]


def between(triplets: dict[int, Triplet], answers: Sequence[StoredAnswer]) -> dict[str, Any]:
    """How far listeners agree with each other; None where that cannot be told.

    pairs, pairs_agree : pairs of answers to one trial, and the share of them that agree
    alpha : Krippendorff's, nominal: 1 for perfect agreement, 0 for that of guesses. Which candidate
        is called A is chance, so each trial is counted under both names
    split_half : how well one half of the listeners tells the other half's shares, corrected for
        the length by Spearman and Brown; mean over 200 random halves
    one_vs_rest, perfect_majority : the human ceilings of ``measure.abx.agreement``
    """
    counts = np.array([t.counts("overall") for t in triplets.values()], float).reshape(-1, 2)
    first, votes = counts[:, 0], counts[:, 1]
    pairs = float((votes * (votes - 1)).sum() / 2)
    apart = float((first * (votes - first)).sum())
    several = votes > 1
    alpha = None
    if pairs:
        n = float(votes[several].sum())
        differ = (2 * first * (votes - first))[several] / (votes[several] - 1)
        alpha = 1.0 - (float(differ.sum()) / n) / (n / (2 * n - 1))
    human = ceilings(list(triplets.values()), "overall")
    return {
        "pairs": int(pairs),
        "pairs_agree": 1.0 - apart / pairs if pairs else None,
        "alpha": alpha,
        "split_half": _split_half(answers),
        "one_vs_rest": human["one_vs_rest"],
        "perfect_majority": human["perfect_majority"],
    }


def _split_half(answers: Sequence[StoredAnswer]) -> float | None:
    people = sorted({answer.listener for answer in answers})
    if len(people) < _FEWEST_SPLIT:
        return None
    trials = sorted({answer.trial for answer in answers})
    said = np.full((len(people), len(trials)), np.nan)  # half for A, minus half for B
    for answer in answers:
        at = people.index(answer.listener), trials.index(answer.trial)
        said[at] = 0.5 if answer.said["total"][0] == "A" else -0.5
    rng = np.random.default_rng(0)
    found = []
    for _ in range(_SPLITS):
        order = rng.permutation(len(people))
        halves = [said[half] for half in np.array_split(order, 2)]
        both = np.all([(~np.isnan(half)).any(axis=0) for half in halves], axis=0)
        one, other = (np.nanmean(half[:, both], axis=0) for half in halves)
        size = float(np.sqrt((one**2).sum() * (other**2).sum()))
        if size > 0:
            found.append(float((one * other).sum()) / size)
    if not found:
        return None
    r = float(np.mean(found))
    return 2 * r / (1 + r) if r > -1 else None


def margins_of(test: TestFile, library: Library) -> list[float | None]:
    """score(X, A) - score(X, B) of each trial by the library's model of now.

    None where a track is not in the library any more, or the model does not hear the part there.
    Raises PartwiseError where that is so of all trials.
    """
    places = {place for trial in test.trials for place in (trial.x, trial.a, trial.b)}
    found = library.store.segments_of({place.track_id for place in places})
    margins: list[float | None] = []
    for trial in test.trials:
        x, a, b = (_vector(found, place, trial.part) for place in (trial.x, trial.a, trial.b))
        if x is None or a is None or b is None:
            margins.append(None)
        else:
            margins.append(float(x @ a - x @ b))
    if all(margin is None for margin in margins):
        raise PartwiseError(
            f"the library at {library.path} has none of the songs of the test {test.path}"
        )
    return margins


def _vector(found: dict[str, PartEmbeddings], place: Place, part: Part) -> np.ndarray | None:
    """float32 [dim] of the segment that overlaps most with what was heard, if the part is there."""
    segments = found.get(place.track_id)
    if segments is None or not len(segments):
        return None
    starts = np.maximum(segments.start_s, place.start_s)
    at = int(np.argmax(np.minimum(segments.end_s, place.end_s) - starts))
    vector = segments.embeddings[at, part.index]
    return vector if vector.any() else None
