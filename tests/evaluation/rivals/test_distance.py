import numpy as np
import pytest

from partwise_lab.rivals.common import angular, cosine, euclidean

FEATURES = np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32)


@pytest.mark.parametrize("distance", [euclidean, cosine, angular])
def test_all_are_symmetric_with_a_diagonal_of_zeros(distance):
    found = distance(FEATURES)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), 0.0)
    assert found[~np.eye(7, dtype=bool)].min() > 0.0


def test_euclidean_is_the_norm_of_the_difference():
    expected = np.linalg.norm(FEATURES[:, None] - FEATURES[None, :], axis=2)
    np.testing.assert_allclose(euclidean(FEATURES), expected, atol=1e-6)


def test_cosine_and_angle_at_known_angles():
    vectors = np.array([[1.0, 0.0], [3.0, 0.0], [0.0, 2.0], [-1.0, 0.0]], np.float32)
    np.testing.assert_allclose(cosine(vectors)[0], [0.0, 0.0, 1.0, 2.0], atol=1e-12)
    np.testing.assert_allclose(angular(vectors)[0], [0.0, 0.0, 0.5, 1.0], atol=1e-12)


def test_zeros_are_at_1_and_nothing_is_undefined():
    vectors = np.concatenate([FEATURES, np.zeros((1, 5), np.float32)])
    np.testing.assert_array_equal(cosine(vectors)[-1, :-1], 1.0)
