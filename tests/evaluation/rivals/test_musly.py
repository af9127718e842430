import numpy as np
import pytest

from partwise_lab.rivals import classic as musly
from partwise_lab.rivals.frozen import rival

pytest.importorskip("pymusly", reason="pymusly is not installed")


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((8, 2 * 22050)).astype(np.float32)
    # Eight colours of noise: each sample takes more or less of the one before.
    for row, weight in zip(noise, np.linspace(0.0, 0.9, 8), strict=True):
        row[1:] += np.float32(weight) * row[:-1]
    return rival("musly").embed(0.1 * noise)


def test_silence_stays_out_of_the_style_and_is_like_nothing(features):
    embedder = rival("musly")
    silence = embedder.embed(np.zeros((1, 2 * 22050), np.float32))
    distance = embedder.distances(np.concatenate([features[:4], silence, features[4:]]))
    sounding = [0, 1, 2, 3, 5, 6, 7, 8]
    np.testing.assert_array_equal(
        distance[np.ix_(sounding, sounding)], embedder.distances(features)
    )
    np.testing.assert_array_equal(distance[4, sounding], 1.0)


def test_nothing_but_silence_has_distances(features):
    silence = rival("musly").embed(np.zeros((3, 2 * 22050), np.float32))
    np.testing.assert_array_equal(rival("musly").distances(silence), 1.0 - np.eye(3))


def test_distances_are_mutual_proximity_over_the_segments_at_hand(features):
    all_of_them = rival("musly").distances(features)
    some = rival("musly").distances(features[:4])
    assert 0.0 <= all_of_them.min() < all_of_them.max() <= 1.0
    assert np.abs(some - all_of_them[:4, :4]).max() > 0.01


def test_a_style_of_some_segments_stands_for_all(features, monkeypatch):
    monkeypatch.setattr(musly, "_STYLE", 5)
    distance = rival("musly").distances(features)
    assert distance.shape == (8, 8)
    assert np.isfinite(distance).all()
    assert np.abs(distance - np.eye(8)).max() <= 1.0
