import json

import numpy as np
import pytest
import soundfile

from partwise import PARTS, Part, PartwiseError
from partwise_lab.data.stems import data_digest, find_pieces
from stem_folder import write_stem_folder
from stem_trees import RATE_HZ, loudest_hz, tone, write_tone


class Skips(list):
    def __call__(self, what, reason):
        self.append((what, reason))


def test_what_render_writes(tmp_path):
    folder = write_stem_folder(tmp_path, pieces=3, seconds=1.0)
    record = folder / "piece01" / "metadata.json"
    record.write_text(json.dumps({"title": "same", "tempo_bpm": 96.5}))
    write_tone(folder / "piece01" / "mix.flac", 440.0)
    skips = Skips()
    pieces = find_pieces(folder, on_skip=skips)
    assert [piece.name for piece in pieces] == ["piece00", "piece01", "piece02"]
    assert [piece.title for piece in pieces] == ["title0", "same", "title2"]
    assert [piece.tempo_bpm for piece in pieces] == [None, 96.5, None]
    assert tuple(pieces[0].stems) == PARTS
    assert Part.GUITAR not in pieces[2].stems
    assert not skips
    assert not any(piece.unknown or piece.rest for piece in pieces)
    assert pieces[0].seconds == pytest.approx(1.0)
    samples = pieces[0].read(Part.BASS, 22050)
    expected, _ = soundfile.read(folder / "piece00" / "stems" / "bass.flac", dtype="float32")
    np.testing.assert_array_equal(samples, expected)


def test_lengths_and_rates_that_differ(tmp_path):
    write_tone(tmp_path / "a" / "kick.wav", 100.0, seconds=0.5, rate_hz=8000)
    write_tone(tmp_path / "a" / "snare.flac", 1000.0, seconds=1.0, rate_hz=44100)
    (piece,) = find_pieces(tmp_path)
    samples = piece.read(Part.DRUMS, RATE_HZ)
    assert samples.dtype == np.float32
    assert len(samples) == RATE_HZ
    assert loudest_hz(samples[: RATE_HZ // 2], tones=2) == [100, 1000]
    assert loudest_hz(samples[RATE_HZ // 2 :]) == [1000]


def test_channels_are_averaged(tmp_path):
    (tmp_path / "a").mkdir()
    both = np.stack([tone(200.0), tone(900.0)], axis=1)
    soundfile.write(tmp_path / "a" / "bass.wav", both, RATE_HZ, subtype="FLOAT")
    (piece,) = find_pieces(tmp_path)
    np.testing.assert_allclose(piece.read(Part.BASS, RATE_HZ), both.mean(axis=1), atol=1e-6)


def test_bad_stems_are_left_out_and_told(tmp_path):
    folder = write_stem_folder(tmp_path, pieces=3, seconds=0.2)
    (folder / "piece00" / "stems" / "bass.flac").write_bytes(b"")
    (folder / "piece00" / "stems" / "drums.flac").write_text("this is no music")
    (folder / "piece01" / "metadata.json").write_text("{broken")
    for part in PARTS:
        (folder / "piece02" / "stems" / f"{part}.flac").write_bytes(b"fLaC")
    skips = Skips()
    pieces = find_pieces(folder, on_skip=skips)
    assert [piece.name for piece in pieces] == ["piece00", "piece01"]
    assert set(pieces[0].stems) == {Part.PIANO, Part.GUITAR, Part.OTHER}
    assert pieces[1].title == "piece01"
    told = dict(skips)
    assert "bass.flac cannot be read" in told["piece00: bass"]
    assert "drums.flac cannot be read" in told["piece00: drums"]
    assert "metadata.json cannot be read" in told["piece01: metadata"]
    assert told["piece02"] == "it has no usable stem"


@pytest.mark.parametrize("content", ["missing", "empty", "only bad"])
def test_nothing_usable_is_one_sentence(tmp_path, content):
    folder = tmp_path / "data"
    if content != "missing":
        folder.mkdir()
    if content == "only bad":
        (folder / "a").mkdir()
        (folder / "a" / "drums.wav").write_bytes(b"RIFF")
    with pytest.raises(PartwiseError) as error:
        find_pieces(folder)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)


def test_digest_names_the_set(tmp_path):
    folder = write_stem_folder(tmp_path, pieces=2, seconds=0.2)
    before = data_digest(find_pieces(folder))
    assert data_digest(find_pieces(folder)) == before
    write_tone(folder / "piece00" / "stems" / "bass.flac", 50.0, seconds=0.3)
    assert data_digest(find_pieces(folder)) != before


def test_unreadable_when_read_is_one_sentence(tmp_path):
    write_tone(tmp_path / "a" / "bass.wav", 50.0)
    (piece,) = find_pieces(tmp_path)
    (tmp_path / "a" / "bass.wav").unlink()
    with pytest.raises(PartwiseError, match=r"bass\.wav"):
        piece.read(Part.BASS, RATE_HZ)
