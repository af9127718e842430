import numpy as np
import pytest

from partwise import Part
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.knn import Segments
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.measure.whole import findable, unmixed_score, unmixed_segments
from stem_trees import write_tone


def segments_of(label, vectors) -> Segments:
    """Segments with the same vector in every subspace."""
    label = np.asarray(label)
    embeddings = np.repeat(np.asarray(vectors, np.float32)[:, None], 5, axis=1)
    # All of one mix: what may vote must not depend on it here.
    same = np.zeros(len(label), int)
    return Segments(embeddings, label, same, np.arange(len(label)))


def test_a_perfect_embedder_is_always_right_in_every_subspace():
    label = np.repeat(np.arange(6), 4)
    segments = segments_of(label, np.eye(6)[label])
    for read in (None, Part.OTHER):
        score = unmixed_score(segments, Part.DRUMS, read=read)
        assert (score.accuracy, score.low, score.high) == (1.0, 1.0, 1.0)
        assert (score.labels, score.chance, score.segments) == (6, 1 / 6, 24)


def test_shuffled_labels_give_chance():
    rng = np.random.default_rng(1)
    label = np.repeat(np.arange(10), 12)
    vectors = np.eye(10)[label] + 0.1 * rng.normal(size=(120, 10))
    score = unmixed_score(segments_of(rng.permutation(label), vectors), Part.BASS)
    assert score.low <= 0.1 <= score.high
    assert unmixed_score(segments_of(label, vectors), Part.BASS).accuracy == 1.0


def test_it_is_leave_one_segment_out_as_scikit_learn_does_it():
    neighbors = pytest.importorskip("sklearn.neighbors")
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(5), 8)
    vectors = np.eye(5)[label] + 0.5 * rng.normal(size=(40, 5))
    right = 0
    for row in range(40):
        others = np.arange(40) != row
        voters = neighbors.KNeighborsClassifier(5).fit(vectors[others], label[others])
        right += int(voters.predict(vectors[row : row + 1])[0] == label[row])
    assert unmixed_score(segments_of(label, vectors), Part.PIANO).accuracy == right / 40


def test_a_label_with_one_segment_is_left_out():
    kept = findable(segments_of([0, 0, 1, 2, 2, 2], np.eye(6)))
    assert kept.label.tolist() == [0, 0, 2, 2, 2]
    assert kept.moment.tolist() == [0, 1, 3, 4, 5]


def test_segments_are_of_the_whole_mix_where_the_part_sounds(tmp_path):
    write_tone(tmp_path / "s0" / "bass.wav", 60.0, 3.5)
    write_tone(tmp_path / "s0" / "drums.wav", 3000.0, 2.0)  # then it is silent
    write_tone(tmp_path / "s1" / "bass.wav", 80.0, 0.5)  # no whole segment
    pieces = find_pieces(tmp_path)
    reader = StemReader(pieces, 22050)
    heard = []

    def embed(samples):
        heard.append(samples)
        return np.zeros((len(samples), 5, 3), np.float32), np.ones((len(samples), 5))

    found = unmixed_segments(Trial(pieces, reader, embed), segment_s=1.0)
    assert set(found) == {Part.BASS, Part.DRUMS}
    assert found[Part.BASS].moment.tolist() == [0, 1, 2]
    assert found[Part.DRUMS].moment.tolist() == [0, 1]
    assert found[Part.BASS].label.tolist() == [0, 0, 0]
    np.testing.assert_array_equal(heard[0].ravel(), reader.whole(0)[: 3 * 22050])
