from dataclasses import replace

import numpy as np
import pytest

from partwise import Part, PartwiseError
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.knn import Segments, knn_score, vote_correct
from partwise_lab.measure.pseudo_knn import draw_pseudo_mixes, embed_pseudo_mixes
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.rivals.common import squared_distances
from stem_folder import RATE_HZ, write_stem_folder


def clusters(labels, per_label, mixes, spread, seed=0):
    """Segments around one point per label, in each of five subspaces alike."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((labels, 5, 16))
    label = np.repeat(np.arange(labels), per_label)
    noise = spread * rng.standard_normal((len(label), 5, 16))
    mix = np.concatenate(
        [np.arange(per_label) * mixes // per_label + n * mixes for n in range(labels)]
    )
    moment = np.tile(np.arange(per_label) % (per_label // mixes), labels)
    return Segments((centres[label] + noise).astype(np.float32), label, mix, moment)


def test_knn_is_scikit_learns():
    neighbors = pytest.importorskip("sklearn.neighbors")
    segments = clusters(6, 12, 4, spread=1.5)
    x, label, mix = segments.embeddings[:, 0], segments.label, segments.mix
    expected = []
    for i in range(len(label)):
        others = mix != mix[i]
        model = neighbors.KNeighborsClassifier(5).fit(x[others], label[others])
        expected.append(model.predict(x[i : i + 1])[0] == label[i])
    np.testing.assert_array_equal(
        vote_correct(squared_distances(x), label, mix[:, None] == mix[None, :]), expected
    )
    assert 0.3 < np.mean(expected) < 1.0  # neither trivial nor hopeless


def test_perfect_embeddings_score_100_and_shuffled_labels_chance():
    segments = clusters(20, 12, 4, spread=0.01)
    assert knn_score(segments, Part.BASS, 10).accuracy == 1.0
    rng = np.random.default_rng(0)
    shuffled = Segments(
        segments.embeddings,
        rng.permutation(segments.label),
        segments.mix,
        segments.moment,
    )
    score = knn_score(shuffled, Part.BASS, 10, draws=40)
    assert score.chance == 0.1
    assert abs(score.accuracy - 0.1) < 0.05


def test_segments_of_one_mix_do_not_vote_for_each_other():
    """Embeddings that know only the mix must not win."""
    rng = np.random.default_rng(0)
    mix = np.repeat(np.arange(40), 4)
    vectors = rng.standard_normal((40, 16))[mix] + 0.01 * rng.standard_normal((160, 16))
    correct = vote_correct(squared_distances(vectors), mix // 4, mix[:, None] == mix[None, :])
    assert correct.mean() < 0.3


def test_mixes_hold_the_label_and_strangers(tmp_path):
    pieces = find_pieces(write_stem_folder(tmp_path / "stems", pieces=8, seconds=2.0))
    drawn = draw_pseudo_mixes(pieces, Part.DRUMS, 5, 4, np.random.default_rng(0))
    assert len(drawn) == 20
    for mix in drawn:
        assert len(set(mix.sources.values())) == len(mix.sources) == 5
        assert all(part in pieces[index].stems for part, index in mix.sources.items())
    targets = {mix.label: mix.sources[Part.DRUMS] for mix in drawn}
    assert len(set(targets.values())) == 5
    with pytest.raises(PartwiseError, match="8 labels need as many pieces with guitar"):
        draw_pseudo_mixes(pieces, Part.GUITAR, 8, 4, np.random.default_rng(0))


def test_accompaniment_may_not_hold_the_part_unnamed(tmp_path):
    pieces = find_pieces(write_stem_folder(tmp_path / "stems", pieces=8, seconds=0.2))
    pieces[3] = replace(pieces[3], unknown=frozenset({Part.PIANO}))
    for part, expected in ((Part.PIANO, False), (Part.BASS, True)):
        drawn = draw_pseudo_mixes(pieces, part, 7, 8, np.random.default_rng(0))
        used = {index for mix in drawn for p, index in mix.sources.items() if p is not part}
        assert (3 in used) == expected


def test_the_whole_protocol_on_tones(tmp_path):
    """An 'encoder' that reads the loudest frequency of the part's register finds the piece."""
    pieces = find_pieces(write_stem_folder(tmp_path / "stems", pieces=6, seconds=4.0))
    drawn = draw_pseudo_mixes(pieces, Part.BASS, 5, 4, np.random.default_rng(0))

    def embed(samples):
        spectrum = np.abs(np.fft.rfft(samples, axis=1))[:, : samples.shape[1] // 150]
        vectors = np.zeros((len(samples), 5, 1), dtype=np.float32)
        vectors[:, Part.BASS.index, 0] = spectrum.argmax(axis=1)
        return vectors, np.ones((len(samples), 5))

    trial = Trial(pieces, StemReader(pieces, RATE_HZ), embed)
    segments = embed_pseudo_mixes(trial, drawn, segment_s=1.0)
    assert len(segments.label) == 5 * 4 * 4
    assert knn_score(segments, Part.BASS, 5).accuracy > 0.95
    assert knn_score(segments, Part.BASS, 5, read=Part.DRUMS).accuracy < 0.5
    with pytest.raises(PartwiseError, match="9 labels were asked for, 5 are there"):
        knn_score(segments, Part.BASS, 9)


def test_strict_forbids_the_same_passage():
    """Embeddings that know only the passage win the paper's reading and must not win the strict."""
    segments = clusters(10, 12, 4, spread=0.01)
    passage = segments.label * 3 + segments.moment
    centres = np.random.default_rng(5).standard_normal((30, 5, 16)).astype(np.float32)
    noise = 0.01 * np.random.default_rng(6).standard_normal((len(passage), 5, 16))
    known = Segments(
        (centres[passage] + noise).astype(np.float32),
        segments.label,
        segments.mix,
        segments.moment,
    )
    assert knn_score(known, Part.PIANO, 10).accuracy > 0.9
    assert knn_score(known, Part.PIANO, 10, strict=True).accuracy < 0.35
    assert knn_score(segments, Part.PIANO, 10, strict=True).accuracy == 1.0


def test_who_may_not_vote_does_not_even_where_there_are_few_voters():
    label = np.array([0, 0, 1, 2])
    distance = np.abs(np.arange(4)[:, None] - np.arange(4)[None, :]).astype(float)
    own = np.eye(4, dtype=bool)
    # The first may ask only the last two, one vote each: the smallest of these labels wins.
    own[0, 1] = True
    assert not vote_correct(distance, label, own, neighbours=3)[0]
    own[0, 1], own[0, 2:] = False, True  # only its like is left
    assert vote_correct(distance, label, own, neighbours=3)[0]
    own[0] = True  # nobody is: not right by default
    assert not vote_correct(distance, label, own, neighbours=3)[0]
