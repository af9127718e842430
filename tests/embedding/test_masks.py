"""Masks and filtering through them, with masks whose answer is known: each part has its bands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from partwise import PartwiseError, load_encoder
from partwise.embedding.logmel import MelSettings
from partwise.embedding.masks import PartMasks, filtered
from partwise.parts import PARTS, Part
from sounds import sound
from tiny_model import write_tiny_masks, write_tiny_model


@pytest.fixture(scope="module")
def masks(tmp_path_factory: pytest.TempPathFactory) -> PartMasks:
    path = write_tiny_model(tmp_path_factory.mktemp("model"))
    write_tiny_masks(path)
    return PartMasks(load_encoder(path))


def noise(seconds: float, rate_hz: int, channels: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(0.0, 0.1, (round(seconds * rate_hz), channels)).astype(np.float32)


def test_shares_of_every_cell_sum_to_one_whatever_the_length(masks: PartMasks):
    for frames in (1, 8, 43):
        log_mel = np.full((frames, masks.encoder.settings.bands), -20.0, np.float32)
        shares = masks(log_mel)
        assert shares.shape == (len(PARTS), *log_mel.shape)
        np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-6)


def test_a_channel_turned_over_is_heard_as_it_is_when_indexed(
    masks: PartMasks, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(PartMasks, "__call__", lambda _, log_mel: log_mel)  # what it is given
    samples = noise(2.0, 44100, 1)
    heard = masks.of(samples, 44100)
    np.testing.assert_allclose(masks.of(np.hstack([samples, -samples]), 44100), heard, atol=1e-3)


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("count", [1, 300, 100_001])
def test_gains_of_one_leave_a_sound_as_it_is(rate_hz: int, count: int):
    samples = noise(2.0, 96000, 2)[:count]
    ones = np.ones((3, 192), np.float32)
    result = filtered(samples, rate_hz, ones, MelSettings())
    np.testing.assert_allclose(result, samples, atol=1e-6)


def test_a_gain_reaches_the_moment_and_the_band_that_it_is_for():
    settings = MelSettings()
    samples = sound({Part.BASS: 0.5, Part.OTHER: 0.5}, 6.0, 44100)[:, None]
    gains = np.zeros((1 + 6 * 22050 // 512, settings.bands), np.float32)
    gains[130:, :96] = 1.0  # from 3.02 s on
    result = filtered(samples, 44100, gains, settings)[:, 0]
    low = sound({Part.BASS: 0.5}, 6.0, 44100)
    np.testing.assert_allclose(result[-44100:-8192], low[-44100:-8192], atol=2e-3)
    assert np.abs(result[: 44100 * 5 // 2]).max() < 1e-3


@pytest.mark.parametrize(("rate_hz", "channels"), [(22050, 1), (44100, 2)])
def test_the_filtered_parts_sum_to_the_recording(masks: PartMasks, rate_hz: int, channels: int):
    samples = noise(23.7, rate_hz, channels)
    by_part = [
        np.concatenate(list(masks.audition(np.array_split(samples, 9), rate_hz, [part])))
        for part in PARTS
    ]
    assert all(heard.shape == samples.shape for heard in by_part)
    np.testing.assert_allclose(np.sum(by_part, axis=0), samples, atol=1e-5)


def test_blocks_of_any_length_make_the_same_sound(masks: PartMasks):
    samples = noise(16.0, 22050, 1)
    whole, pieces = (
        np.concatenate(list(masks.audition(blocks, 22050, [Part.PIANO])))
        for blocks in ([samples], np.array_split(samples, 50))
    )
    np.testing.assert_array_equal(whole, pieces)
    assert list(masks.audition([], 22050, [Part.PIANO])) == []


@pytest.mark.parametrize("seconds", [3.0, 9.9, 15.0, 17.3])
def test_a_passage_is_what_the_whole_has_there(masks: PartMasks, seconds: float):
    samples = noise(seconds, 8000, 2)
    whole = np.concatenate(list(masks.audition([samples], 8000, [Part.BASS])))
    read: list[int] = []

    def reader(start: int, end: int) -> np.ndarray:
        read.append(end - start)
        return samples[start:end]

    for first_s, last_s in ((0.0, 2.0), (4.9, 5.1), (6.0, 9.0), (10.0, 16.0), (12.0, 30.0)):
        first, last = round(8000 * first_s), round(8000 * last_s)
        heard = masks.passage(reader, 8000, [Part.BASS], first, last)
        assert heard.shape == whole[first:last].shape
        np.testing.assert_allclose(heard, whole[first:last], atol=1e-6)
    assert max(read) == 10 * 8000  # never more than a window at a time


def test_masks_of_a_passage_may_be_kept(masks: PartMasks):
    samples = noise(20.0, 8000, 1)
    kept: dict[int, np.ndarray] = {}

    def keep(start: int, window: np.ndarray) -> np.ndarray:
        if start not in kept:
            kept[start] = masks.of(window, 8000)
        return kept[start]

    def heard(part: Part) -> np.ndarray:
        return masks.passage(lambda a, b: samples[a:b], 8000, [part], 48_000, 88_000, keep)

    by_part = [heard(part) for part in PARTS]
    assert sorted(kept) == [0, 40_000, 80_000]
    np.testing.assert_allclose(np.sum(by_part, axis=0), samples[48_000:88_000], atol=1e-5)


def test_a_part_is_let_through_and_the_others_are_not(masks: PartMasks):
    song = sound({Part.DRUMS: 0.5, Part.BASS: 0.5, Part.GUITAR: 0.5}, 12.0)
    wanted = sound({Part.BASS: 0.5, Part.GUITAR: 0.5}, 12.0)
    heard = masks.audition([song[:, None]], 22050, [Part.GUITAR, Part.BASS, Part.BASS])
    result = np.concatenate(list(heard))[:, 0]
    inner = slice(4096, -4096)
    assert np.std(result[inner] - wanted[inner]) < 0.01 * np.std(wanted)


def test_the_shipped_masks_belong_to_the_shipped_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PARTWISE_MODEL", raising=False)
    samples = noise(2.0, 22050, 1)
    shares = PartMasks(load_encoder()).of(samples, 22050)
    assert shares.shape == (len(PARTS), 1 + len(samples) // 512, 192)
    np.testing.assert_allclose(shares.sum(axis=0), 1.0, atol=1e-5)


# Masks that do not fit


def fresh(folder: Path) -> Path:
    path = write_tiny_model(folder)
    write_tiny_masks(path)
    return path


def test_a_model_without_masks(tmp_path: Path):
    encoder = load_encoder(write_tiny_model(tmp_path))
    with pytest.raises(PartwiseError, match=r"tiny\.onnx has no masks .* no .*masks\.onnx"):
        PartMasks(encoder)


def test_masks_of_another_model(tmp_path: Path):
    fresh(tmp_path)
    other = write_tiny_model(tmp_path, seed=1, name="other")
    with pytest.raises(PartwiseError, match=r"masks\.onnx do not belong to .*other\.onnx"):
        PartMasks(load_encoder(other))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 7}, "do not belong to the model"),
        ({"parts": ["drums"]}, "do not belong to the model"),
        ({"mel": {"bands": 96}}, "do not belong to the model"),
        ({"trunk": None}, r"masks\.json describes no masks \('trunk'\)"),
        ({"network_sha256": "0"}, r"masks\.json describes another network"),
    ],
)
def test_masks_whose_description_does_not_fit(
    tmp_path: Path, fields: dict[str, object], message: str
):
    path = fresh(tmp_path)
    described = tmp_path / "masks.json"
    told = json.loads(described.read_text()) | fields
    described.write_text(json.dumps({k: v for k, v in told.items() if v is not None}))
    with pytest.raises(PartwiseError, match=message):
        PartMasks(load_encoder(path))


def test_an_encoder_that_names_no_trunk_has_no_masks(tmp_path: Path):
    path = fresh(tmp_path)
    for name in ("tiny.json", "masks.json"):
        told = json.loads((tmp_path / name).read_text()) | {"trunk": ""}
        (tmp_path / name).write_text(json.dumps(told))
    with pytest.raises(PartwiseError, match="do not belong"):
        PartMasks(load_encoder(path))
