"""Telling an index's recall and cost at a size that was never built (benchmarks/larger.py)."""

import numpy as np
import pytest

from larger import Seen, cost_ms, fit_cost, foretell, surviving
from truth import true_best


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_without_errors_everything_survives(rng):
    scores = -np.sort(-rng.normal(size=(4, 300)), axis=1)
    assert surviving(scores, np.zeros((4, 5)), 10, rng) == 1.0


def test_with_huge_errors_a_row_survives_by_chance(rng):
    scores = -np.sort(-rng.normal(size=(40, 400)), axis=1)
    errors = rng.normal(scale=1e4, size=(40, 500))
    assert surviving(scores, errors, 100, rng) == pytest.approx(0.25, abs=0.03)


def test_more_rows_kept_find_more(rng):
    scores = -np.sort(-rng.normal(size=(10, 500)), axis=1)
    errors = rng.normal(scale=0.3, size=(10, 200))
    shares = [surviving(scores, errors, kept, rng) for kept in (10, 20, 50, 200)]
    assert shares == sorted(shares)
    assert shares[0] < 0.8 < 0.99 < shares[-1]


def test_rows_that_are_not_there_are_not_missed(rng):
    scores = np.full((2, 50), -np.inf)
    scores[0, :3] = 0.9, 0.8, 0.7
    errors = rng.normal(size=(2, 20))
    assert surviving(scores, errors, 10, rng) == 1.0


def test_recall_is_told_as_it_is_counted(rng):
    """Told from the errors in 5,000 rows, counted with such errors in 50,000."""
    queries = rng.normal(size=(30, 5, 8)).astype(np.float32)
    weights = np.ones((30, 5), np.float32)
    rows = rng.normal(size=(50_000, 5, 8)).astype(np.float32)
    presence = np.ones((50_000, 5), np.float32)
    best = true_best([(rows, presence)], queries, weights, 2000)
    exact = rows.reshape(len(rows), -1) @ (queries / 5).reshape(30, -1).T  # [rows, queries]
    noisy = exact + rng.normal(scale=0.7, size=exact.shape)
    kept = np.argsort(-noisy, axis=0)[:50]
    counted = np.mean([np.isin(best.numbers[q, :10], kept[:, q]).mean() for q in range(30)])
    told = surviving(best.scores, (noisy - exact)[:5000].T, 50, rng)
    assert 0.3 < counted < 0.98
    assert told == pytest.approx(counted, abs=0.05)


def sample(rows, probed, refine):
    cpu_ms = 2.0 + 3e-5 * rows + 8e-5 * rows * probed + 0.01 * 10 * refine
    return {"rows": rows, "probed": probed, "refine": refine, "cpu_ms": cpu_ms}


SAMPLES = [
    sample(rows, probed, refine)
    for rows in (1e4, 1e5)
    for probed, refine in ((0.1, 20), (0.5, 20), (1.0, 1), (1.0, 20), (1.0, 80))
]


def test_cost_is_found_again_and_carried_on():
    found = fit_cost(SAMPLES)
    assert found == pytest.approx([2.0, 3e-5, 8e-5, 0.01], rel=1e-4)
    assert cost_ms(found, 1e7, 1.0, 20) == pytest.approx(sample(1e7, 1.0, 20)["cpu_ms"], rel=1e-4)


def test_no_cost_is_negative():
    swept = [sample(1e4, 1.0, 20), sample(1e5, 1.0, 1) | {"cpu_ms": 1.0}]
    assert (fit_cost(swept) >= 0).all()


def test_foretelling_stands_beside_what_was_measured(rng):
    def swept(rows):
        settings = ((0.5, 20), (1.0, 1), (1.0, 2), (1.0, 20))
        return [
            {
                "rows": rows,
                "probed": probed,
                "refine": refine,
                "by": {
                    "uniform": {
                        "cpu_ms": sample(rows, probed, refine)["cpu_ms"],
                        "recall_at_10": 0.9,
                    }
                },
            }
            for probed, refine in settings
        ]

    def seen(rows, errors):
        return Seen(
            rows,
            {"uniform": -np.sort(-rng.normal(size=(5, 300)), axis=1)},
            {"uniform": rng.normal(scale=0.01, size=(5, 50))} if errors else None,
        )

    sizes = [{"rows": rows, "sweep": swept(rows)} for rows in (10_000, 100_000)]
    told = foretell(sizes, [seen(10_000, True), seen(100_000, True), seen(1_000_000, False)])
    assert [(row["rows"], row["from_errors_at"]) for row in told] == [
        (100_000, 10_000),
        (1_000_000, 100_000),
    ]
    assert told[0]["measured_recall"]["20"] == {"uniform": 0.9}
    assert "measured_recall" not in told[1]
    assert told[1]["cpu_ms"] == pytest.approx(sample(1e6, 1.0, 20)["cpu_ms"], rel=0.01)
