import json

import numpy as np
import pytest

from partwise import Part
from partwise_lab.measure.details import flat_map, nearest_of, part_details, wrong_votes
from partwise_lab.measure.knn import Segments
from partwise_lab.rivals.common import squared_distances

NAMES = {label: f"piece {label}" for label in range(6)}


@pytest.fixture
def segments():
    """Six labels of two mixes with two segments each; noise makes some neighbours err."""
    rng = np.random.default_rng(3)
    mix = np.repeat(np.arange(12), 2)
    vectors = np.eye(6)[mix // 2] + 0.6 * rng.normal(size=(24, 6))
    embeddings = np.repeat(vectors[:, None], 5, axis=1).astype(np.float32)
    moment = np.tile(np.arange(2), 12)
    return Segments(embeddings, mix // 2, mix, moment)


def details_of(segments, labels=4, seed=0):
    mixes = [{"bass": f"piece {n // 2}", "drums": f"other {n}"} for n in range(12)]
    return part_details(segments, Part.BASS, labels, NAMES, mixes, segment_s=10.0, seed=seed)


def test_they_can_be_written_and_name_everything(segments):
    found = details_of(segments)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert len(found["labels"]) == 4
    assert len(found["mixes"]) == 8
    assert len(found["x"]) == len(found["y"]) == len(found["label"]) == 16
    for label, mix in zip(found["label"], found["mix"], strict=True):
        assert found["mixes"][mix]["bass"] == found["labels"][label]
    assert set(found["start_s"]) == {0.0, 10.0}


def test_the_label_set_is_the_first_that_the_score_was_drawn_from(segments):
    for seed in range(3):
        chosen = np.random.default_rng(seed).choice(np.arange(6), 4, replace=False)
        assert details_of(segments, seed=seed)["labels"] == [NAMES[i] for i in sorted(chosen)]


def test_ten_of_many_labels_are_shown():
    label = np.repeat(np.arange(20), 2)
    embeddings = np.random.default_rng(0).normal(size=(40, 5, 3)).astype(np.float32)
    many = Segments(embeddings, label, np.arange(40), label)
    names = {number: str(number) for number in range(20)}
    mixes = [{"bass": str(n // 2)} for n in range(40)]
    for labels, shown in ((12, 12), (13, 10), (20, 10)):
        found = part_details(many, Part.BASS, labels, names, mixes, segment_s=1.0)
        assert len(found["labels"]) == len(found["confusion"]) == shown


def test_confusion_and_examples_agree(segments):
    found = details_of(segments, labels=6)
    confusion = np.array(found["confusion"])
    assert confusion.sum() == 24
    assert 0 < np.trace(confusion) < 24
    assert 0 < len(found["examples"]) <= 3
    for example in found["examples"]:
        query, right, wrong = (example[role] for role in ("query", "right", "wrong"))
        assert confusion[query["label"], wrong["label"]] > 0
        assert query["label"] == right["label"] != wrong["label"]
        assert query["mix"] != right["mix"]
        assert query["distance"] == 0.0 < min(right["distance"], wrong["distance"])


def test_examples_are_of_different_confusions_the_surest_first():
    label, said = np.array([0, 0, 1, 2]), np.array([1, 1, 0, 2])
    distance = np.array([[9, 5, 4, 9], [5, 9, 1, 9], [3, 7, 9, 9], [9, 9, 9, 9.0]])
    assert wrong_votes(distance, label, said) == [2, 1]
    assert nearest_of(distance[1], label == 1) == 2
    assert nearest_of(np.full(4, np.inf), label == 1) is None


def test_few_points_get_pca_and_keep_their_distances():
    vectors = np.zeros((5, 8))
    vectors[:, :2] = np.random.default_rng(0).normal(size=(5, 2))
    method, points = flat_map(vectors)
    assert method == "PCA"
    between = [np.linalg.norm(v[:, None] - v[None], axis=2) for v in (vectors, points)]
    np.testing.assert_allclose(*between, atol=1e-9)
    assert flat_map(vectors[:1])[1].shape == (1, 2)


def test_more_points_get_t_sne_and_groups_stay_together():
    pytest.importorskip("sklearn")
    label = np.repeat([0, 1], 10)
    vectors = np.eye(2)[label] * 10 + 0.1 * np.random.default_rng(0).normal(size=(20, 2))
    method, points = flat_map(vectors, seed=1)
    assert method == "t-SNE"
    assert points.shape == (20, 2)
    np.testing.assert_array_equal(points, flat_map(vectors, seed=1)[1])
    distance = squared_distances(points) + np.diag(np.full(20, np.inf))
    assert (label[distance.argmin(axis=1)] == label).all()
