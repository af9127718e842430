"""Our nearest neighbours and average precision against scikit-learn's, segment by segment."""

import numpy as np
import pytest

from partwise import PARTS, Part
from partwise_lab.measure.knn import Segments, knn_score, vote_correct
from partwise_lab.measure.presence import average_precision
from partwise_lab.rivals.common import squared_distances

neighbors = pytest.importorskip("sklearn.neighbors")
metrics = pytest.importorskip("sklearn.metrics")

LABELS, MIXES, MOMENTS = 7, 3, 3


def segments(spread, seed=0):
    """Every label in as many mixes at as many moments; the order of the rows tells nothing."""
    rng = np.random.default_rng(seed)
    label, mix, moment = (
        axis.ravel() for axis in np.mgrid[:LABELS, :MIXES, :MOMENTS].astype(np.int64)
    )
    mix = label * MIXES + mix
    order = rng.permutation(len(label))
    label, mix, moment = label[order], mix[order], moment[order]
    centres = rng.standard_normal((LABELS, len(PARTS), 6))
    noise = spread * rng.standard_normal((len(label), len(PARTS), 6))
    return Segments(
        (centres[label] + noise).astype(np.float32),
        label,
        mix,
        moment,
    )


def votes_of(vectors, label, own, neighbours):
    """What scikit-learn tells of each row, by models without what may not vote, and the votes."""
    told, votes = np.empty_like(label), np.zeros((len(label), label.max() + 1))
    for left_out in np.unique(own, axis=0):
        rows = np.flatnonzero((own == left_out).all(axis=1))
        model = neighbors.KNeighborsClassifier(neighbours, algorithm="brute")
        model.fit(vectors[~left_out], label[~left_out])
        told[rows] = model.predict(vectors[rows])
        votes[np.ix_(rows, model.classes_)] = model.predict_proba(vectors[rows])
    return told, votes


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("neighbours", [1, 4, 5])
@pytest.mark.parametrize("spread", [1.0, 20.0])
def test_every_segment_is_told_alike(strict, neighbours, spread):
    data = segments(spread)
    own = data.own(np.arange(len(data.label)), strict)
    vectors = data.embeddings[:, Part.GUITAR.index]
    told, _ = votes_of(vectors, data.label, own, neighbours)
    ours = vote_correct(squared_distances(vectors), data.label, own, neighbours)
    np.testing.assert_array_equal(ours, told == data.label)


def test_a_tie_goes_to_the_smallest_label():
    data = segments(3.0)
    own = data.own(np.arange(len(data.label)), strict=False)
    vectors = data.embeddings[:, Part.GUITAR.index]
    _, votes = votes_of(vectors, data.label, own, 5)
    best = votes == votes.max(axis=1, keepdims=True)
    rows = np.arange(len(data.label))
    tied = (best.sum(axis=1) > 1) & best[rows, data.label]
    smallest = best.argmax(axis=1) == data.label
    assert (tied & smallest).sum() >= 3 and (tied & ~smallest).sum() >= 3
    correct = vote_correct(squared_distances(vectors), data.label, own, 5)
    assert correct[tied & smallest].all()
    assert not correct[tied & ~smallest].any()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("read", [None, Part.BASS])
def test_a_score_is_the_mean_over_the_same_label_sets(strict, read):
    data = segments(1.5, seed=4)
    rng = np.random.default_rng(7)
    vectors = data.embeddings[:, (read or Part.PIANO).index]
    accuracies = []
    for _ in range(3):
        rows = np.flatnonzero(np.isin(data.label, rng.choice(LABELS, 5, replace=False)))
        own = data.own(rows, strict)
        told, _ = votes_of(vectors[rows], data.label[rows], own, 5)
        accuracies.append(np.mean(told == data.label[rows]))
    score = knn_score(data, Part.PIANO, 5, read=read, strict=strict, draws=3, seed=7)
    assert score.accuracy == pytest.approx(np.mean(accuracies), abs=1e-12)
    assert 0.25 < score.accuracy < 0.95


@pytest.mark.parametrize("levels", [2, 5, 1000])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_average_precision_with_equals(levels, share):
    """Presence that is told in few levels, down to yes and no, whatever the order of the rows."""
    rng = np.random.default_rng(levels)
    truth = rng.random(300) < share
    told = np.round((rng.random(300) + 0.3 * truth) * levels) / levels
    expected = metrics.average_precision_score(truth, told)
    assert average_precision(told, truth) == pytest.approx(expected, abs=1e-12)
    order = rng.permutation(300)
    assert average_precision(told[order], truth[order]) == pytest.approx(expected, abs=1e-12)
