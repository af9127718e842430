"""How well pieces are told apart in a subspace: the nearest neighbours' votes, and their score.

Segments are classified by their k = 5 nearest neighbours in Euclidean distance; the label is the
piece that the part's stem comes from. Chance is 1 / labels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.measure.intervals import drawn, middle
from partwise_lab.rivals.common import squared_distances

# reading -> the key of its mean over the measured parts
MEANS = {
    "paper": "mean",
    "nearest": "mean",
    "unmixed": "mean",
    "strict": "mean_strict",
    "all": "mean_all",
}


@dataclass(frozen=True)
class Segments:
    """Test segments of one part.

    embeddings : float32 [segments, parts, dim]
    label, mix, moment : int [segments], where each is from; `moment` is its number within its mix
    """

    embeddings: np.ndarray
    label: np.ndarray
    mix: np.ndarray
    moment: np.ndarray

    def own(self, rows: np.ndarray, strict: bool) -> np.ndarray:
        """Which segments may not vote for which: bool [rows, rows], over the chosen rows."""
        mix, label, moment = self.mix[rows], self.label[rows], self.moment[rows]
        own = mix[:, None] == mix[None, :]
        if strict:
            own |= (label[:, None] == label[None, :]) & (moment[:, None] == moment[None, :])
        return own

    def only(self, rows: np.ndarray) -> Segments:
        """Those of the rows, bool or int."""
        columns = self.embeddings, self.label, self.mix, self.moment
        return Segments(*(column[rows] for column in columns))


@dataclass(frozen=True)
class KnnScore:
    """Accuracy of one part, 0..1, with a 95 % interval over pieces, and the chance level."""

    part: Part
    labels: int
    accuracy: float
    low: float
    high: float
    chance: float
    segments: int

    def entry(self, reading: str) -> dict[str, Any]:
        """As a report has it (see `protocols`)."""
        return asdict(self) | {"part": str(self.part), "reading": reading}


@dataclass(frozen=True)
class Tally:
    """What kNN got right, by draw and by label.

    labels : how many there were to tell apart
    accuracies : [draws], 0..1; right, tested : [labels], summed over the draws
    """

    labels: int
    accuracies: list[float]
    right: np.ndarray
    tested: np.ndarray

    @property
    def accuracy(self) -> float:
        return float(np.mean(self.accuracies))

    def resampled(self, rng: np.random.Generator) -> np.ndarray:
        """Accuracies over labels drawn with replacement: [times]. Equal tallies, equal draws."""
        tested = np.flatnonzero(self.tested)
        rows = tested[drawn(len(tested), seed=rng)]
        return self.right[rows].sum(axis=1) / self.tested[rows].sum(axis=1)

    def score(self, part: Part, segments: int, rng: np.random.Generator) -> KnnScore:
        """The accuracy with its interval, a bootstrap over pieces (labels)."""
        low, high = middle(self.resampled(rng))
        chance = 1.0 / self.labels
        return KnnScore(part, self.labels, self.accuracy, low, high, chance, segments)


def vote_correct(
    distance: np.ndarray, label: np.ndarray, own: np.ndarray, neighbours: int = 5
) -> np.ndarray:
    """Which segments their neighbours classify correctly: bool [segments]; see `voted`.

    own : bool [segments, segments], True where the column may not vote for the row
    """
    return voted(np.where(own, np.inf, distance), label, neighbours) == label


def voted(distance: np.ndarray, label: np.ndarray, neighbours: int = 5) -> np.ndarray:
    """The label that each segment's neighbours vote for, int [segments]; -1 where none may vote.

    distance : [segments, segments], of any kind, infinite where the column may not vote for the
    row; the `neighbours` nearest vote with equal weight, a tie goes to the smallest label (as
    scikit-learn does it).
    """
    nearest = np.argpartition(distance, min(neighbours, len(label) - 1) - 1, axis=1)
    nearest = nearest[:, :neighbours]  # [segments, neighbours]
    # With fewer voters than neighbours, those that may not vote are among the nearest.
    counts = np.isfinite(np.take_along_axis(distance, nearest, axis=1)).astype(np.int64)
    votes = np.zeros((len(label), int(label.max()) + 1), dtype=np.int64)
    np.add.at(votes, (np.arange(len(label))[:, None], label[nearest]), counts)
    return np.where(counts.any(axis=1), votes.argmax(axis=1), -1)


def knn_tally(
    distance: np.ndarray,
    segments: Segments,
    labels: int,
    rng: np.random.Generator,
    *,
    strict: bool = False,
    draws: int = 20,
    neighbours: int = 5,
) -> Tally:
    """kNN at `labels` labels, for `draws` label sets drawn from all that are there (one, if all).

    distance : [segments, segments], whatever their embeddings are; strict : see `knn_score`.
    """
    available = np.unique(segments.label)
    draws = 1 if labels == len(available) else draws
    right = np.zeros(int(available.max()) + 1)
    tested = np.zeros_like(right)
    accuracies = []
    for _ in range(draws):
        chosen = rng.choice(available, labels, replace=False)
        rows = np.flatnonzero(np.isin(segments.label, chosen))
        label = segments.label[rows]
        correct = vote_correct(
            distance[np.ix_(rows, rows)], label, segments.own(rows, strict), neighbours
        )
        accuracies.append(float(correct.mean()))
        np.add.at(right, label, correct)
        np.add.at(tested, label, 1)
    return Tally(labels, accuracies, right, tested)


def knn_score(
    segments: Segments,
    part: Part,
    labels: int,
    *,
    read: Part | None = None,
    strict: bool = False,
    draws: int = 20,
    neighbours: int = 5,
    seed: int = 0,
) -> KnnScore:
    """Accuracy at `labels` labels, averaged over `draws` label sets drawn from all that are there.

    read : the subspace to look in; the part's own by default, another one for the leakage table.
    strict : what sounds at the same moment of the same stem may not vote either.
    The interval is a bootstrap over pieces (labels).
    """
    available = np.unique(segments.label)
    if len(available) < labels:
        raise PartwiseError(f"{labels} labels were asked for, {len(available)} are there ({part})")
    rng = np.random.default_rng(seed)
    vectors = segments.embeddings[:, (read or part).index]
    tally = knn_tally(
        squared_distances(vectors),
        segments,
        labels,
        rng,
        strict=strict,
        draws=draws,
        neighbours=neighbours,
    )
    return tally.score(part, len(vectors), rng)


def readings(segments: Segments, part: Part, labels: int, draws: int, seed: int) -> list[dict]:
    """The entries of both readings."""
    return [
        knn_score(segments, part, labels, strict=strict, draws=draws, seed=seed).entry(reading)
        for reading, strict in (("paper", False), ("strict", True))
    ]


def leakage(
    segments: Segments, part: Part, labels: int, draws: int, seed: int
) -> list[float | None]:
    """The accuracies of one part, its labels read in each subspace."""
    scores = [
        knn_score(segments, part, labels, read=read, draws=draws, seed=seed) for read in PARTS
    ]
    return [score.accuracy for score in scores]


def with_means(entries: list[dict]) -> dict[str, Any]:
    """The entries of a report, and their means over the parts."""
    accuracy = {
        reading: [entry["accuracy"] for entry in entries if entry["reading"] == reading]
        for reading in MEANS
    }
    return {"scores": entries} | {
        MEANS[reading]: float(np.mean(values)) for reading, values in accuracy.items() if values
    }
