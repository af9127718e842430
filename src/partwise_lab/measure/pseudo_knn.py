"""Pseudo-mix kNN, the paper's objective measure of part-wise similarity (arXiv 2404.06682).

For each part, `labels` pieces are drawn; the part's stem of each is put into `mixes` pseudo-mixes
whose other stems come from other pieces. Segments of 10 s are classified by their k = 5 nearest
neighbours inside the part's subspace; the label is the piece that the stem comes from, and segments
of the same pseudo-mix are left out. Chance is 1 / labels. Mixing is done on the waveform.

The same passage of a stem occurs in all of its pseudo-mixes, as in the paper. The stricter reading,
`strict=True`, also leaves out what sounds at the same moment of the same stem, so that a segment
must be told by who plays it and not by the notes of the passage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure.embed import EmbedSegments
from partwise_lab.measure.stem_reader import StemReader, is_silent_stem
from partwise_lab.measure.threads import in_order


@dataclass(frozen=True)
class PseudoMix:
    """One test mix: which piece gives each stem. `label` indexes the pieces drawn for `part`."""

    part: Part
    label: int
    sources: dict[Part, int]


@dataclass(frozen=True)
class Whose:
    """Where the test segments of one part come from.

    label, mix, moment : int [segments]; `moment` is the segment's number within its mix
    """

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


@dataclass(frozen=True)
class Segments:
    """Embedded test segments of one part.

    embeddings : float32 [segments, parts, dim]; presence : [segments, parts]
    label, mix, moment : int [segments], see `Whose`
    """

    embeddings: np.ndarray
    presence: np.ndarray
    label: np.ndarray
    mix: np.ndarray
    moment: np.ndarray

    @property
    def whose(self) -> Whose:
        """The segments without their embeddings."""
        return Whose(self.label, self.mix, self.moment)

    def own(self, rows: np.ndarray, strict: bool) -> np.ndarray:
        """See `Whose.own`."""
        return self.whose.own(rows, strict)


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

    def resampled(self, rng: np.random.Generator, times: int = 2000) -> np.ndarray:
        """Accuracies over labels drawn with replacement: [times]. Equal tallies, equal draws."""
        tested = np.flatnonzero(self.tested)
        rows = rng.choice(tested, (times, len(tested)))
        return self.right[rows].sum(axis=1) / self.tested[rows].sum(axis=1)


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


def parts_to_test(pieces: Sequence[StemPiece], labels: int, pool: int) -> dict[Part, int]:
    """How many pieces of the pool each part has; parts of which there is no stem are left out.

    Raises PartwiseError where a part has some, but fewer than labels.
    """
    counts = {part: sum(part in piece.stems for piece in pieces) for part in PARTS}
    for part, count in counts.items():
        if count > 0 and min(count, pool) < labels:
            raise PartwiseError(
                f"{labels} labels were asked for, but the data has {count} pieces with {part} "
                f"and --pool is {pool}: ask for --labels {max(2, min(count, pool))} or fewer, or "
                "measure with `partwise-lab evaluate --protocol few-pieces`"
            )
    return {part: min(count, pool) for part, count in counts.items() if count}


def draw_pseudo_mixes(
    pieces: Sequence[StemPiece], part: Part, labels: int, mixes: int, rng: np.random.Generator
) -> list[PseudoMix]:
    """Draw labels * mixes pseudo-mixes for one part.

    Every accompanying stem comes from a piece of its own, none of it the label's piece, and from
    none in which the part may sound unnamed.
    Raises PartwiseError when too few pieces have the part.
    """
    having = {p: [i for i, piece in enumerate(pieces) if p in piece.stems] for p in PARTS}
    if len(having[part]) < labels:
        raise PartwiseError(
            f"{labels} labels need as many pieces with {part}: there are {len(having[part])}"
        )
    drawn = []
    for label, target in enumerate(rng.permutation(having[part])[:labels]):
        for _ in range(mixes):
            sources = {part: int(target)}
            for other in PARTS:
                free = [
                    i
                    for i in having[other]
                    if i not in sources.values() and part not in pieces[i].unknown
                ]
                if other is not part and free:
                    sources[other] = int(free[rng.integers(len(free))])
            drawn.append(PseudoMix(part, label, sources))
    return drawn


def embed_pseudo_mixes(
    mixes: Sequence[PseudoMix],
    reader: StemReader,
    embed: EmbedSegments,
    *,
    segment_s: float = 10.0,
    oracle: bool = False,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Segments:
    """Mix, cut into segments without overlap, embed. Segments in which the part is silent go.

    oracle : embed the part's clean stem instead of the mix (the upper bound).
    threads : mixes worked on at a time; the numbers do not depend on it.
    """
    length = round(segment_s * reader.sample_rate_hz)

    def work(mix: PseudoMix) -> tuple[np.ndarray, np.ndarray, list[int]] | None:
        samples, stems = reader.mix(mix.sources)
        target = stems[mix.part]
        starts = range(0, len(samples) - length + 1, length)
        heard = [s for s in starts if not is_silent_stem(target[s : s + length])]
        if not heard:
            return None
        source = target if oracle else samples
        found, surely = embed(np.stack([source[s : s + length] for s in heard]))
        return found, surely, [s // length for s in heard]

    embeddings, presence, label, mix_of, moment = [], [], [], [], []
    for number, result in enumerate(in_order(work, mixes, threads)):
        if result:
            embeddings.append(result[0])
            presence.append(result[1])
            label += [mixes[number].label] * len(result[2])
            mix_of += [number] * len(result[2])
            moment += result[2]
        if progress:
            progress(number + 1, len(mixes))
    if not embeddings:
        raise PartwiseError("no test segment in which the part sounds: are the stems long enough?")
    return Segments(
        np.concatenate(embeddings),
        np.concatenate(presence),
        np.array(label),
        np.array(mix_of),
        np.array(moment),
    )


def knn_correct(
    vectors: np.ndarray, label: np.ndarray, own: np.ndarray, neighbours: int = 5
) -> np.ndarray:
    """Which segments their neighbours in Euclidean distance classify correctly: bool [segments].

    vectors : [segments, dim]; own : bool [segments, segments], True where the column may not vote
    for the row; see `voted` for the rest.
    """
    return vote_correct(squared_distances(vectors), label, own, neighbours)


def squared_distances(vectors: np.ndarray) -> np.ndarray:
    """Squares of the Euclidean distances, [segments, dim] -> [segments, segments]."""
    squares = np.sum(vectors * vectors, axis=1)
    return squares[:, None] + squares[None, :] - 2.0 * (vectors @ vectors.T)


def vote_correct(
    distance: np.ndarray, label: np.ndarray, own: np.ndarray, neighbours: int = 5
) -> np.ndarray:
    """Which segments their neighbours classify correctly: bool [segments]; see `voted`."""
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
    whose: Whose,
    labels: int,
    rng: np.random.Generator,
    *,
    strict: bool = False,
    draws: int = 20,
    neighbours: int = 5,
) -> Tally:
    """kNN at `labels` labels, for `draws` label sets drawn from all that are there (one, if all).

    distance : [segments, segments]; strict : see the module's text.
    """
    available = np.unique(whose.label)
    draws = 1 if labels == len(available) else draws
    right = np.zeros(int(available.max()) + 1)
    tested = np.zeros_like(right)
    accuracies = []
    for _ in range(draws):
        chosen = rng.choice(available, labels, replace=False)
        rows = np.flatnonzero(np.isin(whose.label, chosen))
        label = whose.label[rows]
        correct = vote_correct(
            distance[np.ix_(rows, rows)], label, whose.own(rows, strict), neighbours
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
    strict : see the module's text.
    The interval is a bootstrap over pieces (labels).
    """
    available = np.unique(segments.label)
    if len(available) < labels:
        raise PartwiseError(f"{labels} labels were asked for, {len(available)} are there ({part})")
    rng = np.random.default_rng(seed)
    vectors = segments.embeddings[:, (read or part).index]
    tally = knn_tally(
        squared_distances(vectors),
        segments.whose,
        labels,
        rng,
        strict=strict,
        draws=draws,
        neighbours=neighbours,
    )
    low, high = np.percentile(tally.resampled(rng), [2.5, 97.5])
    return KnnScore(
        part, labels, tally.accuracy, float(low), float(high), 1.0 / labels, len(vectors)
    )
