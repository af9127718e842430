import numpy as np
import pytest

from partwise import PartwiseError
from partwise.parts import PARTS
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.songs import songs, songs_of
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.report.tables import report_text
from stem_trees import RATE_HZ, write_tone

PIECES, DIM = 26, 24


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """Each piece has a bass of a pitch of its own; two have a guitar."""
    folder = tmp_path_factory.mktemp("songs")
    for number in range(PIECES):
        write_tone(folder / f"s{number:02}" / "bass.wav", 100.0 + 20 * number, 8.0)
    for number in (0, 1):
        write_tone(folder / f"s{number:02}" / "guitar.wav", 3000.0, 8.0)
    return find_pieces(folder)


def cone(samples):
    """Vectors of the loudest pitch, in a cone as those of a network are."""
    spectrum = np.abs(np.fft.rfft(samples, n=RATE_HZ, axis=1))
    vectors = []
    for pitch in spectrum[:, 60:700].argmax(axis=1) // 20:
        own = np.random.default_rng(pitch).normal(size=(5, DIM))
        own = own / np.linalg.norm(own, axis=1, keepdims=True) + 0.8 * np.eye(5, DIM)
        vectors.append(own / np.linalg.norm(own, axis=1, keepdims=True))
    return np.array(vectors, np.float32), np.ones((len(samples), 5), np.float32)


def trial(pieces, embed):
    return Trial(pieces, StemReader(pieces, RATE_HZ), embed)


def test_songs_loops_and_medleys(pieces):
    made = songs_of(trial(pieces, cone), segment_s=1.0)
    assert made.kinds.count("whole") == 9 and made.kinds.count("loop") == 17
    assert made.kinds.count("medley") == 3 and made.asks.shape == (PIECES, 5, DIM)
    assert made.holds.sum(axis=1).tolist() == [1] * PIECES + [12] * 3
    has = np.any(made.tracks != 0.0, axis=-1)
    assert has[:, 1].all() and not has[:, [0, 2, 4]].any()


def test_medleys_are_hubs_by_their_directions_alone(pieces):
    report = songs(trial(pieces, cone), segment_s=1.0)
    bass = {e["reading"]: e for e in report["songs"] if e["part"] == "bass"}
    before, after = bass["directions"], bass["product"]
    assert before["worst_kind"] == "medley" and before["medleys"] > 0.9
    assert after["medleys"] < 0.5 * before["medleys"] and after["skewness"] < before["skewness"]
    for entry in report["songs"]:
        assert entry["part"] in ("bass", "all equal")  # few have a guitar
        assert entry["first"] == entry["mrr"] == 1.0 and entry["queries"] == PIECES
    text = report_text({"protocol": "songs", "scores": [], **report})
    assert f"{before['worst']:.0%} (medley)" in text and "less what is typical" in text


def test_a_network_that_hears_nothing_finds_by_chance(pieces):
    rng = np.random.default_rng(0)

    def deaf(samples):
        vectors = rng.normal(size=(len(samples), len(PARTS), DIM))
        vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
        return vectors.astype(np.float32), np.ones((len(samples), 5), np.float32)

    for entry in songs(trial(pieces, deaf), segment_s=1.0)["songs"]:
        assert entry["first"] < 0.25 and entry["mrr"] < 0.35


def test_too_few_pieces_is_one_sentence(pieces):
    with pytest.raises(PartwiseError, match="only 3 pieces are as long as two segments of 1 s"):
        songs(trial(pieces[:3], cone), segment_s=1.0)
