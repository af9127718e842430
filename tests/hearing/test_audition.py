"""The child that filters passages: what it reads, what it keeps, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from partwise import load_encoder
from partwise.audio.decode import DecodeError
from partwise.embedding.masks import PartMasks
from partwise.hearing import audition
from partwise.hearing.audition import Auditions, Recording, answer_to
from partwise.parts import Part
from sounds import sound, write
from tiny_model import write_tiny_masks, write_tiny_model

RATE_HZ = 22050
PLACES = {Part.DRUMS: 0.5, Part.BASS: 0.5}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = write_tiny_model(tmp_path_factory.mktemp("model"))
    write_tiny_masks(path)
    return path


@pytest.fixture
def auditions(model: Path) -> Iterator[Auditions]:
    yield Auditions(PartMasks(load_encoder(model)))


def steps(path: Path, seconds: float = 30.0) -> Path:
    """A recording whose samples say when they are: a step up every second."""
    levels = np.arange(round(seconds)) / 100
    return write(path, np.repeat(levels, RATE_HZ).astype(np.float32), RATE_HZ, "FLOAT")


def test_a_recording_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    recording = Recording(str(steps(tmp_path / "a.wav")))
    for first_s in (20, 3, 28, 0):
        found = recording.read(first_s * RATE_HZ, (first_s + 2) * RATE_HZ)
        wanted = np.repeat([first_s / 100, (first_s + 1) / 100], RATE_HZ)
        np.testing.assert_allclose(found[:, 0], wanted, atol=1e-6)
    assert len(recording.read(29 * RATE_HZ, 40 * RATE_HZ)) == RATE_HZ
    assert recording.read(50 * RATE_HZ, 60 * RATE_HZ).shape == (0, 1)


def test_of_a_long_recording_the_latest_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audition, "_KEPT_S", 8.0)
    recording = Recording(str(steps(tmp_path / "a.wav", 60.0)))
    for first_s in (0, 10, 30, 50, 12, 40):
        found = recording.read(first_s * RATE_HZ, (first_s + 1) * RATE_HZ)
        np.testing.assert_allclose(found[:, 0], first_s / 100, atol=1e-6)
        assert sum(map(len, recording._kept)) < 16 * RATE_HZ


def test_no_audio_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no recording")
    with pytest.raises(DecodeError):
        Recording(str(tmp_path / "a.wav"))


def test_the_part_is_let_through(tmp_path: Path, auditions: Auditions) -> None:
    path = write(tmp_path / "a.wav", sound(PLACES, 14.0))
    samples, rate_hz = auditions.passage(str(path), "1", [Part.BASS], 6.0, 9.0)
    assert (samples.dtype, samples.shape, rate_hz) == (np.int16, (3 * RATE_HZ, 1), RATE_HZ)
    wanted = sound({Part.BASS: 0.5}, 14.0)[6 * RATE_HZ : 9 * RATE_HZ]
    assert np.std(samples[:, 0] / 32767 - wanted) < 0.01 * np.std(wanted)


def test_masks_are_made_once_for_all_parts(
    tmp_path: Path, auditions: Auditions, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[int] = []
    of = PartMasks.of

    def counted(self: PartMasks, samples: np.ndarray, rate_hz: float) -> np.ndarray:
        heard.append(len(samples))
        return of(self, samples, rate_hz)

    monkeypatch.setattr(PartMasks, "of", counted)
    path = str(write(tmp_path / "a.wav", sound(PLACES, 30.0)))
    auditions.passage(path, "1", [Part.BASS], 10.0, 15.0)
    assert len(heard) == 2
    auditions.passage(path, "1", [Part.DRUMS], 10.0, 15.0)
    assert len(heard) == 2
    auditions.passage(path, "1", [Part.DRUMS], 15.0, 20.0)
    assert len(heard) == 3
    auditions.passage(path, "2", [Part.DRUMS], 15.0, 20.0)  # other content at the same address
    assert len(heard) == 5


def test_answers_are_samples_or_a_reason(tmp_path: Path, auditions: Auditions) -> None:
    path = write(tmp_path / "a.wav", sound(PLACES, 4.0))
    asked = {"stamp": "1", "parts": ["bass"], "start_s": 1.0, "end_s": 2.0}
    assert answer_to(asked | {"path": str(path)}, auditions)["samples"].shape == (RATE_HZ, 1)
    (tmp_path / "b.wav").write_bytes(b"RIFF")
    other = asked | {"path": str(tmp_path / "b.wav"), "stamp": "2"}
    assert "cannot be decoded" in answer_to(other, auditions)["failure"]
    assert "KeyError" in answer_to({}, auditions)["failure"]
