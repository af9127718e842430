"""``partwise audition`` from the command line's point of view."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partwise.cli import main
from partwise.parts import Part
from sounds import sound, write
from tiny_model import write_tiny_masks, write_tiny_model

SONG = {Part.DRUMS: 0.5, Part.BASS: 0.5}


@pytest.fixture(autouse=True)
def model(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = write_tiny_model(tmp_path_factory.mktemp("model"))
    write_tiny_masks(path)
    monkeypatch.setenv("PARTWISE_MODEL", str(path))
    return path


def audition(*arguments: str | Path) -> int:
    return main(["audition", *map(str, arguments)])


@pytest.mark.parametrize(
    ("name", "rate_hz", "channels"),
    [("a.flac", 22050, 1), ("b.wav", 44100, 2), ("c.ogg", 44100, 2)],
)
def test_rate_channels_and_length_stay(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, rate_hz: int, channels: int
):
    mono = sound(SONG, 13.0, rate_hz)
    sides = [mono] if channels == 1 else [mono, 0.5 * mono]
    song = write(tmp_path / "song.wav", np.stack(sides, axis=1), rate_hz)
    assert audition(song, "--part", "Bass", "--out", tmp_path / name) == 0
    assert capfd.readouterr().out == f"wrote {tmp_path / name}: 13 s filtered for bass, no stem\n"
    heard, found_hz = soundfile.read(tmp_path / name, always_2d=True)
    assert (found_hz, heard.shape) == (rate_hz, (len(mono), channels))
    wanted = sound({Part.BASS: 0.5}, 13.0, rate_hz)
    inner = slice(8192, -8192)
    for channel, level in zip(heard.T, (1.0, 0.5), strict=False):
        assert np.std(channel[inner] - level * wanted[inner]) < 0.05 * level * np.std(wanted)


def test_several_parts_give_their_sum(tmp_path: Path):
    song = write(tmp_path / "song.wav", sound({**SONG, Part.OTHER: 0.5}, 3.0))
    asked = {"drums": ["drums"], "bass": ["bass"], "both": ["drums", "bass"]}
    found = {}
    for name, parts in asked.items():
        options = [word for part in parts for word in ("--part", part)]
        assert audition(song, *options, "--out", tmp_path / f"{name}.wav") == 0
        found[name] = soundfile.read(tmp_path / f"{name}.wav")[0]
    np.testing.assert_allclose(found["both"], found["drums"] + found["bass"], atol=1e-4)
    assert np.std(found["both"]) > 0.1


def test_standard_output_is_flac_and_nothing_else(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
):
    song = write(tmp_path / "song.wav", sound(SONG, 3.0))
    assert audition(song, "--part", "bass", "--out", "-") == 0
    captured = capfdbinary.readouterr()
    assert captured.err.startswith(b"wrote -: 3 s filtered")
    heard, rate_hz = soundfile.read(io.BytesIO(captured.out))
    assert (captured.out[:4], rate_hz, len(heard)) == (b"fLaC", 22050, 3 * 22050)


def test_what_cannot_be_done_is_a_sentence_and_leaves_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], model: Path
):
    song = write(tmp_path / "song.wav", sound(SONG, 3.0))
    text = tmp_path / "text.wav"
    text.write_text("no sound at all")
    out = tmp_path / "out.flac"
    refused = {
        "unknown part 'vocals': choose from drums": [song, "--part", "vocals", "--out", out],
        "must end in .flac, .wav, .ogg": [song, "--part", "bass", "--out", tmp_path / "out.mp3"],
        "there is no folder": [song, "--part", "bass", "--out", tmp_path / "none" / "out.wav"],
        "there is no such file": [tmp_path / "none.mp3", "--part", "bass", "--out", out],
        "text.wav: cannot be decoded": [text, "--part", "bass", "--out", out],
    }
    for message, arguments in refused.items():
        assert audition(*arguments) == 2
        assert message in capfd.readouterr().err
    model.with_name("masks.onnx").unlink()
    assert audition(song, "--part", "bass", "--out", out) == 2
    assert "has no masks to listen with" in capfd.readouterr().err
    assert sorted(os.listdir(tmp_path)) == ["song.wav", "text.wav"]
