"""Vectors for the benchmarks of stores (benchmarks/made_up.py), and the true best of them."""

import numpy as np
import pytest

import made_up
from made_up import AroundReal, MadeUp, draw_queries, row_numbers
from partwise.library.stores.accuracy import WEIGHTINGS
from truth import best_by_weights, true_best

DIM = 8


@pytest.fixture
def recordings(tmp_path):
    """60 recordings of 9 segments, as `partwise embed` writes them; the bass is in every other."""
    rng = np.random.default_rng(0)
    tracks = rng.normal(size=(60, 1, 5, DIM)) * np.linspace(0.2, 2.0, DIM)
    vectors = made_up.unit(tracks + 0.3 * rng.normal(size=(60, 9, 5, DIM)))
    vectors[::2, :, 1] = 0.0
    vectors[:, 5:, 2] = 0.0
    file = tmp_path / "real.npz"
    path = np.repeat([f"{n}.flac" for n in range(60)], 9)
    np.savez(file, embeddings=vectors.reshape(-1, 5, DIM), path=path)
    return file


def heard(source, count=400):
    vectors, presence = source.tracks(count, np.random.default_rng(1))
    return vectors, presence >= made_up.THRESHOLD


def test_tracks_around_real_ones_are_spread_as_they_are(recordings):
    vectors, there = heard(AroundReal(recordings), 2000)
    real = np.load(recordings)["embeddings"].reshape(60, 9, 5, DIM)
    assert np.linalg.norm(vectors, axis=-1) == pytest.approx(1.0, abs=1e-5)
    mine = np.cov(vectors[:, :, 0][there[:, :, 0]].T)
    theirs = np.cov(real[:, :, 0].reshape(-1, DIM).T)
    assert np.linalg.norm(mine - theirs) < 0.2 * np.linalg.norm(theirs)
    near, between = (vectors[:, 0, 0] * vectors[:, 1, 0]).sum(-1), vectors[::2, 0, 0]
    assert near.mean() > 0.7 > abs((between * vectors[1::2, 0, 0]).sum(-1).mean())


def test_tracks_around_real_ones_have_their_gaps(recordings):
    _, there = heard(AroundReal(recordings))
    assert there[:, :, 0].all()
    assert there[:, :, 1].any(axis=1).mean() == pytest.approx(0.5, abs=0.08)
    assert (there[:, :, 1].all(axis=1) == there[:, :, 1].any(axis=1)).all()
    assert there[:, :, 2].mean() == pytest.approx(5 / 9, abs=0.05)


def test_without_noise_they_are_the_real_ones(recordings):
    vectors, _ = heard(AroundReal(recordings, noise=0.0), 50)
    real = np.load(recordings)["embeddings"].reshape(60, 9, 5, DIM)[:, :, 0].mean(axis=1)
    closest = (made_up.unit(vectors[:, :, 0].mean(axis=1)) @ made_up.unit(real).T).max(axis=1)
    assert closest.min() > 0.98


def test_rows_of_a_smaller_number_come_first():
    source = MadeUp(DIM, 1.0, 20)
    small = np.concatenate([vectors for vectors, _ in made_up.rows(source, 30_000)])
    large = np.concatenate([vectors for vectors, _ in made_up.rows(source, 50_000)])
    assert small.shape == (30_000, 5, DIM)
    assert np.array_equal(small, large[:30_000])


def test_tables_are_the_rows_and_tell_their_numbers():
    source = MadeUp(DIM, 1.0, 20)
    joined = [(t, v) for t, (v, _) in zip(
        made_up.tables(source, 25_000), made_up.rows(source, 25_000), strict=True
    )]  # fmt: skip
    numbers = []
    for table, vectors in joined:
        stored = table.column("vector").combine_chunks().flatten().to_numpy()
        assert np.array_equal(stored.reshape(vectors.shape), vectors)
        ids, start_s = table.column("track_id").to_pylist(), table.column("start_s").to_numpy()
        numbers.append(row_numbers(ids, start_s))
    assert np.array_equal(np.concatenate(numbers), np.arange(25_000))


def test_queries_ask_only_for_what_they_have():
    asked = draw_queries(MadeUp(DIM, 1.0, 20), 50)
    there = asked["queries"].any(axis=-1)
    for name in WEIGHTINGS:
        assert not (asked[name] > 0)[~there].any()
        assert (asked[name].sum(axis=1) > 0).all()
    assert ((asked["one part"] > 0).sum(axis=1) == 1).all()


def test_the_true_best_are_those_of_a_whole_product():
    source = MadeUp(DIM, 1.0, 20)
    asked = draw_queries(source, 6)
    vectors, presence = (np.concatenate(x) for x in zip(*made_up.rows(source, 45_000), strict=True))
    for name, best in best_by_weights(source, 45_000, asked, 30).items():
        for at in range(6):
            weights = asked[name][at]
            scores = np.einsum("pd,npd,p->n", asked["queries"][at], vectors, weights)
            scores = scores / weights.sum()
            scores[(presence[:, weights > 0] < made_up.THRESHOLD).any(axis=1)] = -np.inf
            order = np.argsort(-scores, kind="stable")[:30]
            assert best.scores[at] == pytest.approx(scores[order], abs=1e-5)
            assert len(set(order) & set(best.numbers[at])) >= 29


def test_too_few_rows_leave_places_empty():
    vectors = np.zeros((3, 5, DIM), np.float32)
    vectors[:, 0, 0] = 1.0
    presence = np.array([[0.9, 0, 0, 0, 0], [0.1, 0, 0, 0, 0], [0.9, 0, 0, 0, 0]], np.float32)
    best = true_best([(vectors, presence)], vectors[:1], np.eye(5, dtype=np.float32)[:1], 4)
    assert best.numbers[0].tolist() == [0, 2, -1, -1]
    assert best.scores[0].tolist() == [1.0, 1.0, -np.inf, -np.inf]


def test_likeness_tells_apart_what_is_alike(recordings):
    real = made_up.likeness_of(made_up.real_tracks(recordings))
    assert [round(part["there"], 1) for part in real] == [1.0, 0.5, 1.0, 1.0, 1.0]
    assert all(part["next"] > 0.8 > part["pairs_95"] for part in real)
    twice = made_up.likeness_of(made_up.real_tracks(recordings) * 2)
    assert all(part["nearest"] == pytest.approx(1.0) for part in twice)
