import numpy as np
import pytest

from partwise import Part
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.knn import knn_score
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.measure.whole import halves_segments
from stem_trees import RATE_HZ, write_tone


@pytest.fixture
def pieces(tmp_path):
    """Four songs, one of them short, one too short; the guitar of one is in a half only."""
    for number, seconds in enumerate((8.0, 12.0, 7.0, 4.0)):
        write_tone(tmp_path / f"s{number}" / "bass.wav", 50.0 + 10 * number, seconds)
        write_tone(tmp_path / f"s{number}" / "guitar.wav", 700.0, seconds if number else 3.0)
    return find_pieces(tmp_path)


def embed(samples):
    spectrum = np.abs(np.fft.rfft(samples, n=RATE_HZ, axis=1))
    vectors = np.repeat(spectrum[:, 40:90].argmax(axis=1)[:, None, None], 5, axis=1)
    return vectors.astype(np.float32), np.ones((len(samples), 5))


def test_the_other_half_is_found(pieces):
    found = halves_segments(
        Trial(pieces, StemReader(pieces, RATE_HZ), embed, threads=2), segment_s=4.0
    )
    assert set(found) == {Part.BASS, Part.GUITAR}
    bass, guitar = found[Part.BASS], found[Part.GUITAR]
    assert set(bass.label) == {0, 1, 2}  # the last one has halves below 3 s
    assert set(guitar.label) == {1, 2}
    assert set(bass.mix) == {0, 1}
    assert knn_score(bass, Part.BASS, 3, neighbours=1).accuracy == 1.0


def test_a_half_does_not_find_itself(pieces):
    """Embeddings that know only the half can never be right more often than by chance."""

    def known_half(samples):
        vectors = np.zeros((len(samples), 5, 1), np.float32)
        vectors[len(samples) // 2 :] = 1.0
        vectors += 1e-3 * np.random.default_rng(0).standard_normal(vectors.shape)
        return vectors.astype(np.float32), np.ones((len(samples), 5))

    found = halves_segments(Trial(pieces, StemReader(pieces, RATE_HZ), known_half), segment_s=3.0)
    own = found[Part.BASS].own(np.arange(len(found[Part.BASS].label)), strict=False)
    half = found[Part.BASS].mix
    np.testing.assert_array_equal(own, half[:, None] == half[None, :])


def test_long_songs_are_no_easier(tmp_path):
    for number, seconds in enumerate((8.0, 80.0)):
        write_tone(tmp_path / f"s{number}" / "bass.wav", 50.0 + 10 * number, seconds)
    pieces = find_pieces(tmp_path)
    found = halves_segments(Trial(pieces, StemReader(pieces, RATE_HZ), embed), segment_s=4.0)
    assert np.bincount(found[Part.BASS].label).tolist() == [2, 8]
