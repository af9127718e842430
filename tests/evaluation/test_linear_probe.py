import numpy as np
import pytest

from partwise import PartwiseError

linear_model = pytest.importorskip("sklearn.linear_model")
metrics = pytest.importorskip("sklearn.metrics")

from partwise_lab.measure import linear_probe  # noqa: E402

RNG = np.random.default_rng(0)
PIECE = np.repeat(np.arange(20), 5)


def test_ridges_are_scikit_learns():
    seen, unseen = RNG.standard_normal((60, 8)), RNG.standard_normal((10, 8))
    truths = RNG.standard_normal((60, 3, 2)) + 5.0
    told = linear_probe._ridges(seen, truths, unseen)
    mean, scale = seen.mean(axis=0), seen.std(axis=0)
    for penalty, ours in zip(linear_probe._RIDGE_PER_SEGMENT, told, strict=True):
        model = linear_model.Ridge(penalty * 60).fit((seen - mean) / scale, truths.reshape(60, -1))
        np.testing.assert_allclose(
            ours.reshape(10, -1), model.predict((unseen - mean) / scale), rtol=1e-9
        )


def test_measures_are_scikit_learns_also_of_resampled_pieces():
    truth, told = RNG.integers(4, size=(2, 100))
    told[:50] = truth[:50]
    values = RNG.standard_normal((100, 2))
    guesses = values + 0.5 * RNG.standard_normal((100, 2))
    times = RNG.integers(3, size=(2, 100))
    for row, accuracy, r2 in zip(
        times,
        linear_probe.balanced_accuracy(truth, told, times),
        linear_probe.r_squared(values, guesses, times),
        strict=True,
    ):
        drawn = np.repeat(np.arange(100), row)
        assert accuracy == pytest.approx(metrics.balanced_accuracy_score(truth[drawn], told[drawn]))
        expected = metrics.r2_score(values[drawn], guesses[drawn], multioutput="variance_weighted")
        assert r2 == pytest.approx(expected)


def test_what_is_only_known_of_the_piece_cannot_be_read():
    """Features that name the piece, and truths that follow from its name alone: nothing to learn
    from other pieces, however well the training segments are told."""
    names = np.eye(20)[PIECE]
    truth = (RNG.permutation(20) % 2)[PIECE]
    assert linear_probe.CLASSES.score(names, truth, PIECE).score < 0.6
    values = RNG.standard_normal(20)[PIECE][:, None]
    assert linear_probe.VALUES.score(names, values, PIECE).score < 0.1


def test_intervals_hold_the_score_and_shrink_with_more_pieces():
    features = RNG.standard_normal((400, 6))
    truth = features[:, :1] + RNG.standard_normal((400, 1))
    piece = np.repeat(np.arange(80), 5)
    many = linear_probe.VALUES.score(features, truth, piece)
    few = linear_probe.VALUES.score(features[:60], truth[:60], piece[:60])
    for found in (many, few):
        assert found.low < found.score < found.high
    assert many.high - many.low < few.high - few.low
    assert many.score == pytest.approx(0.5, abs=0.12)
    assert linear_probe.VALUES.chance(features, truth, piece, shuffles=10)[1] < 0.1 < many.low


def test_too_few_pieces_is_one_sentence():
    with pytest.raises(PartwiseError, match="a probe needs 4 pieces"):
        linear_probe.VALUES.score(RNG.random((6, 2)), RNG.random((6, 1)), np.arange(6) // 2)
