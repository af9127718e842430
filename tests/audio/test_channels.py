"""Recordings as they are played: one or two channels."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from partwise.audio.channels import channel_blocks, codec_of
from partwise.audio.decode import DecodeError
from sounds import RATE_HZ, encode, tone, write


def read(path: Path) -> tuple[np.ndarray, int]:
    blocks, rates = zip(*channel_blocks(path), strict=True)
    assert len(set(rates)) == 1
    return np.concatenate(blocks), rates[0]


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
@pytest.mark.parametrize("channels", [1, 2])
def test_channels_are_kept(tmp_path: Path, name: str, channels: int) -> None:
    samples = np.stack([tone(4.0), 0.5 * tone(4.0, 900)], axis=1)[:, :channels]
    found, rate_hz = read(write(tmp_path / name, samples))
    assert rate_hz == RATE_HZ and found.dtype == np.float32
    np.testing.assert_allclose(found, samples, atol=1e-4)


@pytest.mark.parametrize("channels", [6, 8])
def test_more_channels_become_two(tmp_path: Path, channels: int) -> None:
    samples = np.repeat(0.3 * tone(0.5)[:, None], channels, axis=1)
    found, _ = read(encode(tmp_path / "a.m4a", samples, 44100, codec="alac"))
    assert found.shape[1] == 2 and 0.05 < np.abs(found).max() <= 1


def test_rates_beyond_hearing_are_lowered(tmp_path: Path) -> None:
    found, rate_hz = read(write(tmp_path / "a.wav", tone(0.5, rate_hz=176_400), 176_400))
    assert rate_hz == 48_000 and len(found) == pytest.approx(24_000, abs=100)


def test_frames_of_one_sample_are_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged header: every packet has 262,145 frames, says it, and FFmpeg gives them singly."""
    with soundfile.SoundFile(tmp_path / "a.caf", "w", 44100, 2, "PCM_16") as file:
        file.write(np.repeat(tone(1.0, rate_hz=44100)[:, None], 2, axis=1))
    data = bytearray((tmp_path / "a.caf").read_bytes())
    data[40:44] = (262_145).to_bytes(4, "big")
    (tmp_path / "a.caf").write_bytes(data)
    calls = []
    resampler = av.AudioResampler

    class Counted:
        def __init__(self, **options) -> None:
            self._resampler = resampler(**options)

        def resample(self, frame):
            calls.append(frame.samples)
            return self._resampler.resample(frame)

    monkeypatch.setattr(av, "AudioResampler", Counted)
    found, _ = read(tmp_path / "a.caf")
    assert len(found) == 44100 and np.abs(found).max() == pytest.approx(0.3, abs=0.01)
    assert len(calls) < 20


def test_more_channels_than_can_be_mixed_is_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros((500, 130), np.float32))
    with pytest.raises(DecodeError, match="its 130 channels cannot be mixed to 2"):
        read(path)


def test_a_rate_that_no_music_has_is_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0.5))
    data = bytearray(path.read_bytes())
    data[24:28] = (3).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(DecodeError, match="a sample rate of 3 Hz is not usable"):
        read(path)


def test_it_stops_when_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(20.0, rate_hz=44100), 44100)
    asked = iter([False] * 5 + [True] * 1000)
    frames = sum(len(block) for block, _ in channel_blocks(path, lambda: next(asked)))
    assert 0 < frames < 44100


def test_a_cut_file_is_used_as_far_as_it_goes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(5.0))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found, _ = read(path)
    assert 1.0 < len(found) / RATE_HZ < 4.0


def test_what_is_no_audio_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEnothing")
    with pytest.raises(DecodeError, match=r"a\.wav"):
        read(tmp_path / "a.wav")
    with pytest.raises(DecodeError, match="no such file"):
        read(tmp_path / "absent.wav")


def test_codecs(tmp_path: Path) -> None:
    assert codec_of(encode(tmp_path / "a.m4a", tone(0.5), 44100, codec="alac")) == "alac"
    assert codec_of(encode(tmp_path / "b.m4a", tone(0.5), 44100, codec="aac")) == "aac"
    (tmp_path / "c.m4a").write_bytes(b"nothing at all")
    assert codec_of(tmp_path / "c.m4a") is None
