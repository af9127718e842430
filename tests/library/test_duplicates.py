import numpy as np
import pytest

from partwise.library.search.duplicates import (
    ALIKE_LOWEST,
    ALIKE_SIMILARITY,
    Duplicates,
    alike,
    duration_window_s,
)


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    values = rng.normal(size=shape)
    return (values / np.linalg.norm(values, axis=-1, keepdims=True)).astype(np.float32)


def turned(vector: np.ndarray, similarity: float, rng: np.random.Generator) -> np.ndarray:
    """Each part turned away by exactly so much: <part, turned part> = similarity."""
    away = rng.normal(size=vector.shape)
    away -= np.sum(away * vector, axis=-1, keepdims=True) * vector
    away /= np.linalg.norm(away, axis=-1, keepdims=True)
    turned = similarity * vector + np.sqrt(1 - similarity**2) * away
    return np.where(vector.any(axis=-1, keepdims=True), turned, 0).astype(np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_similar_in_every_part_and_of_one_length(rng):
    song = unit(rng, 5, 16)
    one_part_off, one_part_duller = turned(song, 0.999, rng), turned(song, 0.999, rng)
    one_part_off[3] = turned(song, ALIKE_LOWEST - 0.01, rng)[3]
    one_part_duller[0] = turned(song, ALIKE_LOWEST + 0.01, rng)[0]
    others = np.stack(
        [
            song,
            turned(song, ALIKE_SIMILARITY + 0.005, rng),
            turned(song, ALIKE_SIMILARITY - 0.005, rng),
            one_part_off,
            one_part_duller,
            unit(rng, 5, 16),
        ]
    )
    found = alike(song, 100.0, others, np.full(6, 100.0))
    assert found.tolist() == [True, True, False, False, True, False]


def test_durations_agree_within_two_percent_or_a_second(rng):
    song = unit(rng, 5, 16)
    durations_s = np.array([98.1, 101.9, 97.9, 102.2, 10.0])
    found = alike(song, 100.0, np.stack([song] * 5), durations_s)
    assert found.tolist() == [True, True, False, False, False]
    short_s = np.array([9.1, 10.9, 8.9, 11.1])
    assert alike(song, 10.0, np.stack([song] * 4), short_s).tolist() == [True, True, False, False]


@pytest.mark.parametrize("a_s", [0.5, 3.0, 50.0, 51.0, 200.0, 3600.0])
@pytest.mark.parametrize("ratio", [0.97, 0.979, 0.981, 1.0, 1.019, 1.021])
def test_the_duration_window_is_symmetric(a_s, ratio):
    b_s = a_s * ratio
    low_a, high_a = duration_window_s(a_s)
    low_b, high_b = duration_window_s(b_s)
    assert (low_a <= b_s <= high_a) == (low_b <= a_s <= high_b)


def test_other_parts_present_is_another_recording(rng):
    song = unit(rng, 5, 16)
    without_piano = song.copy()
    without_piano[2] = 0
    others = np.stack([song, without_piano])
    assert alike(song, 60.0, others, np.full(2, 60.0)).tolist() == [True, False]
    assert alike(without_piano, 60.0, others, np.full(2, 60.0)).tolist() == [False, True]


def test_nothing_heard_is_alike_to_nothing(rng):
    silent = np.zeros((5, 16), np.float32)
    found = alike(silent, 60.0, np.stack([silent, unit(rng, 5, 16)]), np.full(2, 60.0))
    assert found.tolist() == [False, False]
    none = alike(unit(rng, 5, 16), 60.0, np.zeros((0, 5, 16), np.float32), np.zeros(0))
    assert none.shape == (0,)


def test_the_finder_agrees_with_comparing_everything(rng):
    songs = unit(rng, 40, 5, 16)
    songs[rng.random((40, 5)) < 0.3] = 0
    copies = np.stack([turned(song, similarity, rng) for song in songs for similarity in (0.995,)])
    vectors = np.concatenate([songs, copies])
    durations_s = np.tile(rng.uniform(100, 130, 40), 2) + rng.uniform(-1.5, 1.5, 80)
    durations_s[5] = np.inf  # its file is gone
    ids = [f"track{n}" for n in range(80)]
    finder = Duplicates(ids, vectors, durations_s)
    found = 0
    for vector, duration_s in zip(vectors, durations_s, strict=True):
        expected = {ids[n] for n in np.flatnonzero(alike(vector, duration_s, vectors, durations_s))}
        if np.isfinite(duration_s):
            assert set(finder.of(vector, duration_s)) == expected
            found += len(expected)
    assert found > 100  # most have their copy, not only themselves


def test_an_answer_is_remembered_by_name(rng):
    song = unit(rng, 1, 5, 8)
    finder = Duplicates(["a"], song, np.array([60.0]))
    assert finder.of(song[0], 60.0, "a") == ["a"]
    assert finder.of(-song[0], 60.0, "a") == ["a"]
    assert finder.of(-song[0], 60.0) == []
