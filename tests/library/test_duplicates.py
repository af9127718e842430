import numpy as np
import pytest

from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.search.duplicates import (
    ALIKE_LOWEST,
    ALIKE_SIMILARITY,
    DOUBTED_LOWEST,
    DOUBTED_PRESENCE,
    Duplicates,
    alike,
    duration_window_s,
    in_step,
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


@pytest.mark.parametrize(("moved", "same"), [(-0.02, True), (0.02, False)])
def test_a_part_whose_presence_crossed_its_threshold_is_in_doubt(rng, moved, same):
    song, heard = unit(rng, 5, 16), np.full(5, 0.6, np.float32)
    copy, in_copy = turned(song, 0.99, rng), heard.copy()
    copy[3], in_copy[3] = 0, heard[3] - DOUBTED_PRESENCE - moved
    one = np.array([60.0])
    assert alike(song, 60.0, copy[None], one, heard, in_copy[None]).tolist() == [same]
    assert alike(copy, 60.0, song[None], one, in_copy, heard[None]).tolist() == [same]
    copy[1], in_copy[1] = 0, 0.59  # two of them are other music
    assert not alike(song, 60.0, copy[None], one, heard, in_copy[None]).any()


def test_one_part_may_sound_otherwise_where_two_agree(rng):
    song, heard = unit(rng, 5, 16), np.ones(5, np.float32)
    others = np.stack([turned(song, 0.99, rng) for _ in range(4)])
    others[0, 2] = turned(song, DOUBTED_LOWEST + 0.02, rng)[2]
    others[1, 2] = turned(song, DOUBTED_LOWEST - 0.02, rng)[2]
    others[2, 2:4] = turned(song, DOUBTED_LOWEST + 0.02, rng)[2:4]
    others[3, 1:] = 0
    presences = np.ones((4, 5), np.float32)
    found = alike(song, 60.0, others, np.full(4, 60.0), heard, presences)
    assert found.tolist() == [True, False, False, False]
    few = song.copy()
    few[2:] = 0  # of two parts none can be in doubt
    others[0, 0], others[0, 2:] = turned(song, DOUBTED_LOWEST + 0.02, rng)[0], 0
    assert not alike(few, 60.0, others[:1], np.full(1, 60.0), heard, presences[:1]).any()


def test_passages_of_one_song_are_not_in_step(rng):
    def recording(vectors: np.ndarray) -> PartEmbeddings:
        start_s = 5.0 * np.arange(len(vectors))
        presence = np.ones(vectors.shape[:2], np.float32)
        return PartEmbeddings(vectors, presence, start_s, start_s + 10.0, start_s[-1] + 10.0)

    song = unit(rng, 12, 5, 16)
    song[rng.random((12, 5)) < 0.2] = 0
    copy = turned(song, 0.98, rng)
    copy[4, 2] = 0
    assert in_step(recording(song), recording(copy))
    slow = np.repeat(copy, 2, axis=0)  # as many segments again, in the same order
    assert in_step(recording(song), recording(slow)) and in_step(recording(slow), recording(song))
    assert not in_step(recording(song), recording(copy[::-1]))
    assert not in_step(recording(song), recording(np.zeros_like(song)))


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
    presence = np.where(vectors.any(axis=-1), 0.55, 0.4).astype(np.float32)
    vectors[40:60, 0] = 0  # the presence of the drums has crossed the threshold
    ids = [f"track{n}" for n in range(80)]
    finder = Duplicates(ids, vectors, durations_s, presence)
    found = 0
    for vector, duration_s, heard in zip(vectors, durations_s, presence, strict=True):
        same = alike(vector, duration_s, vectors, durations_s, heard, presence)
        if np.isfinite(duration_s):
            expected = {ids[n] for n in np.flatnonzero(same)}
            assert set(finder.of(vector, duration_s, presence=heard)) == expected
            found += len(expected)
    assert found > 100  # most have their copy, not only themselves


def test_an_answer_is_remembered_by_name(rng):
    song = unit(rng, 1, 5, 8)
    finder = Duplicates(["a"], song, np.array([60.0]))
    assert finder.of(song[0], 60.0, "a") == ["a"]
    assert finder.of(-song[0], 60.0, "a") == ["a"]
    assert finder.of(-song[0], 60.0) == []
