import numpy as np
import pytest

from partwise import PARTS, Part, PartwiseError
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.few_pieces import FewPieces, few_piece_presence, few_piece_segments
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.knn import knn_score
from partwise_lab.measure.stem_reader import StemReader
from stem_trees import RATE_HZ, write_tone

BASS = {"a": 50.0, "b": 70.0, "c": 90.0}
DRUMS = {"a": 3000.0, "b": 4000.0, "c": 5000.0}


@pytest.fixture
def folder(tmp_path):
    """Three songs of 2.6, 6 and 9 s with a bass and drums; one has a guitar."""
    for (name, hz), seconds in zip(BASS.items(), (2.6, 6.0, 9.0), strict=True):
        write_tone(tmp_path / name / "bass.wav", hz, seconds)
        write_tone(tmp_path / name / "drums.wav", DRUMS[name], seconds)
    write_tone(tmp_path / "c" / "guitar.wav", 700.0, 9.0)
    return tmp_path


def few(folder, embed=lambda samples: pytest.fail("nothing to embed"), seed=0, threads=1):
    pieces = find_pieces(folder)
    trial = Trial(pieces, StemReader(pieces, RATE_HZ), embed, seed, threads)
    return FewPieces(trial, segment_s=1.5)


def hearing(low_hz, high_hz):
    """An 'encoder' that tells the loudest frequency of a range, in every subspace."""

    def embed(samples):
        spectrum = np.abs(np.fft.rfft(samples, axis=1))
        hz = np.fft.rfftfreq(samples.shape[1], 1 / RATE_HZ)
        spectrum[:, (hz < low_hz) | (hz > high_hz)] = 0.0
        vectors = np.repeat(hz[spectrum.argmax(axis=1)][:, None, None], 5, axis=1)
        return vectors.astype(np.float32), np.ones((len(samples), 5))

    return embed


def test_windows_of_short_and_long_pieces(folder):
    windows = few(folder).windows
    assert [len(starts) for starts in windows[Part.BASS].values()] == [2, 4, 6]
    assert list(windows[Part.GUITAR]) == [2]
    assert windows[Part.PIANO] == {}


def test_every_label_has_as_many_mixes(folder):
    segments = few_piece_segments(few(folder, hearing(30, 100), threads=2), Part.BASS, mixes=12)
    assert np.bincount(segments.label).tolist() == [12, 12, 12]
    assert knn_score(segments, Part.BASS, 3).accuracy == 1.0
    assert knn_score(segments, Part.BASS, 3, strict=True).accuracy == 1.0
    assert knn_score(segments, Part.BASS, 3).chance == pytest.approx(1 / 3)


def test_who_hears_only_the_accompaniment_is_at_chance(folder):
    """Not below or above it, though there are three pieces only."""
    right = [
        knn_score(
            few_piece_segments(few(folder, hearing(2000, 6000), seed), Part.BASS, mixes=40),
            Part.BASS,
            3,
        ).accuracy
        for seed in range(6)
    ]
    assert np.mean(right) == pytest.approx(1 / 3, abs=0.06)


def test_the_oracle_hears_no_accompaniment(folder):
    segments = few_piece_segments(few(folder, hearing(2000, 6000)), Part.BASS, oracle=True)
    assert len(np.unique(segments.embeddings)) > 0
    assert not np.isin(segments.embeddings, list(DRUMS.values())).any()


def test_the_number_of_threads_changes_nothing(folder):
    one, two = (
        few_piece_segments(few(folder, hearing(30, 6000), threads=n), Part.DRUMS) for n in (1, 2)
    )
    np.testing.assert_array_equal(one.embeddings, two.embeddings)


def test_one_piece_is_too_few(folder):
    with pytest.raises(PartwiseError, match="fewer than two pieces have a stem of guitar"):
        few_piece_segments(few(folder), Part.GUITAR)


def test_presence_is_unknown_where_a_stem_may_hold_more(folder):
    def embed(samples):
        return np.zeros((len(samples), 5, 1)), np.full((len(samples), 5), 0.5)

    samples = few_piece_presence(few(folder, embed), mixes=80)
    assert samples.known.all()
    assert samples.truth[:, Part.BASS.index].any()
    assert not samples.truth[:, Part.PIANO.index].any()
    write_tone(folder / "d" / "other.wav", 1000.0, 3.0)
    write_tone(folder / "d" / "vocals.wav", 1200.0, 3.0)
    samples = few_piece_presence(few(folder, embed), mixes=80)
    known = samples.known.mean(axis=0)
    assert known[Part.PIANO.index] < 0.7
    assert (
        known[[part.index for part in PARTS if part not in (Part.PIANO, Part.GUITAR)]] == 1
    ).all()


def test_a_part_is_not_accompanied_by_what_may_hold_it(folder):
    write_tone(folder / "d" / "other.wav", 1000.0, 3.0)
    write_tone(folder / "d" / "vocals.wav", 1200.0, 3.0)
    small = few(folder)
    rng = np.random.default_rng(0)
    assert small.draw([Part.OTHER], None, rng)
    assert small.draw([Part.OTHER], Part.GUITAR, rng) == {}
