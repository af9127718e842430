"""The measure of what an index misses, on stores that miss what the test says."""

from __future__ import annotations

import numpy as np
import pytest

from exact_store import ExactPlace, ExactStore
from partwise.library.stores.accuracy import WEIGHTINGS, between, draw_weights, measure_recall
from partwise.library.stores.rows import take
from store_rows import ids, segments


@pytest.fixture
def store() -> ExactStore:
    rows = segments(ids(150))
    store = ExactPlace().create("segments_x", rows.schema)
    store.upsert(rows)
    return store


def test_an_exact_store_finds_everything(store: ExactStore) -> None:
    assert measure_recall(store, 8) == dict.fromkeys(WEIGHTINGS, 1.0)


def test_what_is_missed_is_counted(store: ExactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other row is lost: five of the ten best are among what is left."""
    search = store.search

    def careless(query, weights, k, **more):
        found = search(query, weights, 2 * k, **more)
        return take(found, np.arange(0, 2 * k, 2), found.exhausted)

    monkeypatch.setattr(store, "search", careless)
    assert measure_recall(store, 8) == pytest.approx(dict.fromkeys(WEIGHTINGS, 0.5), abs=0.02)


def test_nothing_to_ask_about() -> None:
    rows = segments([])
    assert measure_recall(ExactPlace().create("segments_x", rows.schema)) == {}


def test_weights_are_of_parts_that_are_there() -> None:
    rng = np.random.default_rng(0)
    present = np.array([True, False, True, True, False])
    for _ in range(20):
        drawn = draw_weights(present, rng)
        assert set(drawn) == set(WEIGHTINGS)
        assert [int((drawn[name] > 0).sum()) for name in WEIGHTINGS] == [1, 2, 3, 3]
        assert not any(weights[~present].any() for weights in drawn.values())


def test_half_way_between_two_rows() -> None:
    rows = np.zeros((4, 5, 2), np.float32)
    rows[0, 0], rows[2, 0] = (1, 0), (0, 1)  # both hold the first part
    rows[1, 1] = (0, 1)  # one of the two holds the second part
    middle = between(rows)
    assert middle.shape == (2, 5, 2)
    assert middle[0, 0] == pytest.approx([0.5**0.5, 0.5**0.5])
    assert middle[1, 1] == pytest.approx([0, 1])
    assert np.count_nonzero(middle.any(axis=-1)) == 2
