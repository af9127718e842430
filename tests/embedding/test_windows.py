"""Segments made of windows: where these lie, how they are joined, and that none is heard twice."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from partwise.embedding.encoder import Encoder, load_encoder
from partwise.embedding.windows import Hearing, joined, windows_of
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from sounds import sound
from tiny_model import write_tiny_model

RATE_HZ = 22050
FIVE_S = 5 * RATE_HZ


def windowed(folder: Path, window_s: float | None) -> Encoder:
    path = write_tiny_model(folder)
    described = json.loads(path.with_suffix(".json").read_text()) | {"window_s": window_s}
    path.with_suffix(".json").write_text(json.dumps(described))
    return load_encoder(path)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (10.0, [5.0, 5.0]),
        (5.0, [5.0]),
        (1.0, [1.0]),
        (7.0, [7.0]),
        (8.0, [4.0, 4.0]),
        (12.0, [6.0, 6.0]),
        (600.0, [5.0] * 120),
    ],
)
def test_a_segment_is_cut_into_equal_windows_of_about_that_length(
    seconds: float, expected: list[float]
):
    cut = windows_of(3 * RATE_HZ, round(seconds * RATE_HZ), FIVE_S)
    assert [(end - start) / RATE_HZ for start, end in cut] == expected
    assert cut[0][0] == 3 * RATE_HZ
    assert all(end == start for (_, end), (start, _) in pairwise(cut))
    assert windows_of(7, round(seconds * RATE_HZ), None) == [(7, 7 + round(seconds * RATE_HZ))]


def test_windows_are_joined_by_their_presence():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2, len(PARTS), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    presence = np.array([[1.0, 0.5, 0.0, 0.0, 0.9], [1.0, 0.25, 0.8, 0.0, 0.3]], np.float32)
    vector, surely = joined(vectors, presence)
    np.testing.assert_array_equal(surely, np.array([1.0, 0.5, 0.8, 0.0, 0.9], np.float32))
    for part in range(len(PARTS)):
        mean = presence[0, part] * vectors[0, part] + presence[1, part] * vectors[1, part]
        expected = mean / np.linalg.norm(mean) if presence[:, part].any() else np.zeros(8)
        np.testing.assert_allclose(vector[part], expected, atol=1e-6)


def test_every_second_is_heard_once():
    """28 s: five windows side by side, and two of the last segment, which ends with the piece."""
    samples = np.random.default_rng(1).normal(0, 0.1, 28 * RATE_HZ).astype(np.float32)
    heard: list[float] = []

    def logmel(window: np.ndarray) -> np.ndarray:
        start = int(np.flatnonzero(samples == window[0])[0])
        heard.append(start / RATE_HZ)
        return np.full((3, 4), start, np.float32)

    def network(log_mel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        vectors = np.zeros((len(log_mel), len(PARTS), 2), np.float32)
        vectors[:, :, 0] = 1.0
        return vectors, np.repeat(log_mel[:, 0, :1] / len(samples), len(PARTS), axis=1)

    hearing = Hearing(logmel, network, 2, FIVE_S)
    starts = [0, FIVE_S, 2 * FIVE_S, 3 * FIVE_S, 18 * RATE_HZ]
    presence = []
    for some in (starts[:2], starts[2:3], starts[3:]):
        vectors, surely = hearing.hear([(s, samples[s : s + 2 * FIVE_S]) for s in some])
        presence.append(surely[:, 0])
        np.testing.assert_array_equal(np.linalg.norm(vectors, axis=2) > 0, surely > 0)
    assert heard == [0.0, 5.0, 10.0, 15.0, 20.0, 18.0, 23.0]
    # A segment's presence is that of its second window, which begins later.
    expected = np.array([5.0, 10.0, 15.0, 20.0, 23.0]) / 28.0
    np.testing.assert_allclose(np.concatenate(presence), expected, rtol=1e-6)


def test_a_segment_is_what_its_samples_alone_say(tmp_path: Path):
    """In its piece or cut out of it; as it is embedded, and as it is measured."""
    encoder = windowed(tmp_path, 5.0)
    parts = [sound({Part.BASS: p, Part.OTHER: 1 - p}, 4.0) for p in (0.0, 0.3, 0.6, 1.0, 0.2, 0.5)]
    samples = np.concatenate(parts)[: 23 * RATE_HZ]
    heard = encoder.embed(samples, RATE_HZ)
    assert heard.start_s.tolist() == [0.0, 5.0, 10.0, 13.0]
    cut = np.stack([samples[round(s * RATE_HZ) :][: 10 * RATE_HZ] for s in heard.start_s])
    measured, surely = encoder.hear_segments(cut)
    np.testing.assert_allclose(surely, heard.presence, atol=1e-5)
    for i, segment in enumerate(cut):
        alone = encoder.embed(segment, RATE_HZ)
        np.testing.assert_allclose(alone.embeddings[0], heard.embeddings[i], atol=1e-4)
        for part in (Part.BASS, Part.OTHER):
            np.testing.assert_allclose(
                measured[i, part.index], heard.embeddings[i, part.index], atol=1e-4
            )


def test_a_segment_of_two_windows_is_the_mean_of_them(tmp_path: Path):
    encoder = windowed(tmp_path, 5.0)
    first, second = sound({Part.GUITAR: 0.2}, 5.0), sound({Part.GUITAR: 0.9}, 5.0)
    both = encoder.embed(np.concatenate([first, second]), RATE_HZ)
    alone = [
        encoder.embed(half, RATE_HZ).embeddings[0, Part.GUITAR.index] for half in (first, second)
    ]
    mean = (alone[0] + alone[1]) / np.linalg.norm(alone[0] + alone[1])
    np.testing.assert_allclose(both.embeddings[0, Part.GUITAR.index], mean, atol=0.01)


def test_a_silent_window_has_no_say(tmp_path: Path):
    encoder = windowed(tmp_path, 5.0)
    music = sound({Part.DRUMS: 0.3}, 5.0)
    half = encoder.embed(np.concatenate([music, np.zeros(FIVE_S, np.float32)]), RATE_HZ)
    whole = encoder.embed(music, RATE_HZ)
    np.testing.assert_allclose(half.embeddings, whole.embeddings, atol=1e-5)
    np.testing.assert_allclose(half.presence, whole.presence, atol=1e-5)
    silent, surely = encoder.hear_segments(np.zeros((1, 2 * FIVE_S), np.float32))
    assert not silent.any()
    assert not surely.any()


def test_windows_are_part_of_the_digest(tmp_path: Path):
    whole, windows = windowed(tmp_path / "a", None), windowed(tmp_path / "b", 5.0)
    assert (whole.config.window_s, windows.config.window_s) == (None, 5.0)
    assert whole.digest != windows.digest


@pytest.mark.parametrize(
    ("window_s", "message"),
    [
        (0.2, r"tiny\.json has windows of 0\.2 s: they must be 1 to 600 s long"),
        ("long", r"tiny\.json is not a model description"),
    ],
)
def test_windows_that_are_not_possible(tmp_path: Path, window_s: float | None, message: str):
    with pytest.raises(PartwiseError, match=message):
        windowed(tmp_path, window_s)
