import numpy as np
import pytest
import soundfile

from partwise import Part
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.stem_reader import StemReader, is_silent_stem
from stem_folder import RATE_HZ, write_stem_folder
from stem_trees import tone, write_tone


@pytest.fixture
def pieces(tmp_path):
    return find_pieces(write_stem_folder(tmp_path / "stems", pieces=4, seconds=1.0))


def test_a_piece_is_brought_to_minus_20_dbfs(pieces):
    stems = StemReader(pieces, RATE_HZ).stems(0)
    mix = np.sum(list(stems.values()), axis=0)
    assert np.sqrt(np.mean(mix**2)) == pytest.approx(0.1, rel=1e-5)
    raw = pieces[0].read(Part.BASS, RATE_HZ)
    gain = stems[Part.BASS][100] / raw[100]
    np.testing.assert_allclose(stems[Part.BASS], raw * gain, rtol=1e-6)
    assert stems[Part.BASS].dtype == np.float32


def test_memory_is_bounded_and_does_not_change_what_is_read(pieces):
    one_stem = RATE_HZ * 2  # 16-bit files are kept as 16 bit
    small, large = (
        StemReader(pieces, RATE_HZ, cache_bytes=3 * one_stem),
        StemReader(pieces, RATE_HZ),
    )
    for index in (0, 1, 2, 3, 1, 0):
        for part, stem in large.stems(index).items():
            np.testing.assert_array_equal(small.stem(index, part), stem)
    assert small._held <= 3 * one_stem
    assert small._held == sum(stem.nbytes for stem in small._cache.values())
    assert large._held == one_stem * sum(len(piece.stems) for piece in pieces)


def test_reading_again_costs_no_decoding(pieces, monkeypatch):
    reader = StemReader(pieces, RATE_HZ)
    reader.stems(0)
    monkeypatch.setattr(type(pieces[0]), "read", lambda *_: pytest.fail("it was read again"))
    reader.mix({Part.DRUMS: 0, Part.BASS: 0})


def test_lengths_are_those_of_the_longest(tmp_path):
    write_tone(tmp_path / "a" / "drums.wav", 1000.0, seconds=1.0)
    write_tone(tmp_path / "a" / "bass.wav", 100.0, seconds=0.5, rate_hz=44100)
    reader = StemReader(find_pieces(tmp_path), RATE_HZ)
    stems = reader.stems(0)
    assert len(stems[Part.BASS]) == len(stems[Part.DRUMS]) == RATE_HZ
    assert not stems[Part.BASS][RATE_HZ // 2 + 100 :].any()


def test_what_is_in_no_stem_counts_for_the_whole(tmp_path):
    write_tone(tmp_path / "a" / "guitar.wav", 1000.0)
    write_tone(tmp_path / "a" / "BassDrums.wav", 100.0)
    reader = StemReader(find_pieces(tmp_path), RATE_HZ)
    whole = reader.whole(0)
    assert np.sqrt(np.mean(whole**2)) == pytest.approx(0.1, rel=1e-4)
    guitar = reader.stem(0, Part.GUITAR)
    assert np.sqrt(np.mean(guitar**2)) == pytest.approx(0.1 / np.sqrt(2), rel=1e-2)


def test_silent_and_broken_stems_are_noted(tmp_path):
    write_tone(tmp_path / "a" / "drums.wav", 1000.0)
    soundfile.write(tmp_path / "a" / "bass.wav", np.zeros(RATE_HZ), RATE_HZ)
    write_tone(tmp_path / "a" / "piano.wav", 300.0)
    pieces = find_pieces(tmp_path)
    (tmp_path / "a" / "piano.wav").unlink()
    reader = StemReader(pieces, RATE_HZ)
    samples, stems = reader.mix({Part.DRUMS: 0, Part.BASS: 0, Part.PIANO: 0})
    assert len(samples) == RATE_HZ
    assert not stems[Part.BASS].any()
    assert not stems[Part.PIANO].any()
    assert reader.faults["a: bass"] == "it is silent"
    assert "piano.wav" in reader.faults["a: piano"]
    assert set(reader.faults) == {"a: bass", "a: piano"}


def test_silence_rule():
    loud = tone(100.0)
    assert not is_silent_stem(loud)
    assert is_silent_stem(np.concatenate([loud[:12000], np.zeros(4000)]))
