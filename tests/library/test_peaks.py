"""The wave of a recording and its loudness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partwise.audio.decode import DecodeError
from partwise.library.media.peaks import FRAME_S, keep_wave, measure, peaks_file, read_wave
from sounds import encode, tone, write

RATE_HZ = 22050


def test_a_sine_has_its_known_peak_and_rms(tmp_path: Path) -> None:
    wave = measure(write(tmp_path / "a.wav", tone(3.0, 1000, amplitude=0.5)))
    assert wave.duration_s == pytest.approx(3.0, abs=FRAME_S)
    assert wave.peak.max() == pytest.approx(0.5, abs=0.01)
    assert wave.rms_dbfs == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.05)
    assert wave.gain_db == pytest.approx(-23 - wave.rms_dbfs)


@pytest.mark.parametrize("samples", [1, 200])
def test_less_than_a_frame_of_sound_is_one_frame(tmp_path: Path, samples: int) -> None:
    wave = measure(write(tmp_path / "a.wav", np.full(samples, 0.25, np.float32)))
    assert len(wave.peak) == 1 and wave.peak[0] == pytest.approx(0.25, abs=1e-3)


def test_pauses_do_not_make_a_song_quieter(tmp_path: Path) -> None:
    loud = tone(2.0, 1000, amplitude=0.5)
    whole = measure(write(tmp_path / "a.wav", loud))
    paused = measure(write(tmp_path / "b.wav", np.concatenate([np.zeros_like(loud), loud])))
    assert paused.rms_dbfs == pytest.approx(whole.rms_dbfs, abs=0.1)


def test_a_gain_never_lets_a_sample_clip(tmp_path: Path) -> None:
    quiet = 0.002 * tone(2.0, 1000, amplitude=1.0)
    quiet[1000] = 0.5  # a click
    wave = measure(write(tmp_path / "a.wav", quiet, subtype="FLOAT"))
    assert wave.gain_db == pytest.approx(-1 - 20 * np.log10(0.5), abs=0.01)


def test_both_channels_count_also_where_their_mean_is_silence(tmp_path: Path) -> None:
    one = tone(1.0, 1000, amplitude=0.4)
    wave = measure(write(tmp_path / "a.flac", np.stack([one, -one], axis=1)))
    assert wave.rms_dbfs == pytest.approx(20 * np.log10(0.4 / np.sqrt(2)), abs=0.05)
    assert wave.points(10).min() > 0.39


def test_a_passage_has_its_own_loudness(tmp_path: Path) -> None:
    samples = np.concatenate([tone(2.0, 1000, amplitude=0.05), tone(2.0, 1000, amplitude=0.5)])
    wave = measure(write(tmp_path / "a.wav", samples))
    difference = wave.passage(2, 4).rms_dbfs - wave.passage(0, 2).rms_dbfs
    assert difference == pytest.approx(20, abs=0.1)
    assert len(wave.passage(50, 60).peak) == 1
    assert len(wave.passage(3, 1).peak) == 1


def test_points_are_the_highest_samples_of_their_stretch(tmp_path: Path) -> None:
    samples = np.zeros(RATE_HZ, np.float32)
    samples[RATE_HZ // 2 + 5] = 0.7
    points = measure(write(tmp_path / "a.wav", samples)).points(10)
    assert points.argmax() == 5 and points[5] == pytest.approx(0.7, abs=1e-3)
    assert np.count_nonzero(points) == 1


def test_silence_gets_no_gain(tmp_path: Path) -> None:
    wave = measure(write(tmp_path / "a.wav", np.zeros(RATE_HZ, np.float32)))
    assert wave.gain_db == 0 and np.isfinite(wave.rms_dbfs)


def test_six_channels_are_read_as_two(tmp_path: Path) -> None:
    samples = np.repeat(tone(1.0, 500)[:, None], 6, axis=1)
    wave = measure(encode(tmp_path / "a.m4a", samples, 44100, codec="alac"))
    assert wave.peak.max() > 0.2


def test_what_is_kept_is_what_is_read(tmp_path: Path) -> None:
    wave = measure(write(tmp_path / "a.wav", tone(1.0)))
    file = peaks_file(tmp_path, "abc")
    assert read_wave(file) is None
    kept, again = keep_wave(file, wave), read_wave(file)
    assert again is not None
    np.testing.assert_array_equal(kept.peak, again.peak)
    np.testing.assert_allclose(kept.rms, wave.rms, rtol=2e-3)


@pytest.mark.parametrize("content", [b"", b"no array", b"\x93NUMPY\x01\x00"])
def test_a_damaged_file_is_no_wave(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.npy"
    file.write_bytes(content)
    assert read_wave(file) is None


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    assert read_wave(tmp_path / "a.npy") is None


def test_no_audio_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"words, words, words")
    with pytest.raises(DecodeError, match=r"a\.mp3"):
        measure(tmp_path / "a.mp3")
