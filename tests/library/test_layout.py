"""The plane of a part: neighbours stay neighbours, at any number of tracks."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.manifold import trustworthiness

from partwise.library.map import layout
from partwise.library.map.layout import lay_out, nearest, principal


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def clustered(count: int, groups: int, noise: float, dim: int = 64) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(groups, dim))
    return unit(centres[rng.integers(0, groups, count)] + noise * rng.normal(size=(count, dim)))


def test_it_keeps_neighbours_far_better_than_principal_components() -> None:
    pixels = np.asarray(load_digits(return_X_y=True)[0])
    for vectors, least in ((unit(pixels - pixels.mean(0)), 0.97), (clustered(800, 40, 1.0), 0.97)):
        plane = lay_out(vectors)
        kept = trustworthiness(vectors, plane, n_neighbors=10)
        by_principal = trustworthiness(vectors, principal(vectors), n_neighbors=10)
        assert kept > least and kept > by_principal + 0.1


def test_also_where_there_are_few() -> None:
    pixels = np.asarray(load_digits(return_X_y=True)[0])[:60]
    vectors = unit(pixels - pixels.mean(0))
    kept = trustworthiness(vectors, lay_out(vectors), n_neighbors=5)
    assert kept > trustworthiness(vectors, principal(vectors), n_neighbors=5) + 0.05


def test_points_beside_the_landmarks_lie_among_their_neighbours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(layout, "LANDMARKS", 400)
    vectors = clustered(1600, 20, 0.8)
    plane = lay_out(vectors)
    kept = trustworthiness(vectors, plane, n_neighbors=10)
    assert kept > trustworthiness(vectors, principal(vectors), n_neighbors=10) + 0.1
    assert kept > 0.9


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 9, 10, 40])
def test_any_number_of_tracks(count: int) -> None:
    plane = lay_out(clustered(count, 5, 0.5))
    assert plane.shape == (count, 2) and plane.dtype == np.float32
    assert np.isfinite(plane).all() and np.abs(plane).max(initial=0) <= 1


def test_the_same_track_many_times() -> None:
    plane = lay_out(np.repeat(clustered(1, 1, 0.5), 100, axis=0))
    assert np.isfinite(plane).all() and np.abs(plane).max() <= 1


def test_one_dimension_is_enough() -> None:
    assert np.isfinite(lay_out(unit(np.random.default_rng(0).normal(size=(60, 1))))).all()


def test_it_is_the_same_every_time() -> None:
    vectors = clustered(200, 10, 1.0)
    np.testing.assert_array_equal(lay_out(vectors), lay_out(vectors.copy()))


def test_it_ends_when_its_time_is_up() -> None:
    plane = lay_out(clustered(500, 10, 1.0), until_s=time.monotonic() - 1)
    assert np.isfinite(plane).all() and np.abs(plane).max() == 1


def test_nearest_are_the_most_similar() -> None:
    vectors = clustered(1500, 10, 1.0, dim=16)
    expected = np.argsort(-(vectors[:1100] @ vectors.T), axis=1)[:, :7]
    found = nearest(vectors[:1100], vectors, 7)
    assert (found == expected).mean() > 0.999  # all but for rounding
