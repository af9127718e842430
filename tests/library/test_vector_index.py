"""What answers: all vectors in memory, which must be the definition, or the store itself."""

from __future__ import annotations

import numpy as np
import pytest

from exact_store import ExactPlace, ExactStore
from partwise.library.stores import exact_index as vector_index
from partwise.library.stores.exact_index import ExactIndex, accuracy_of, open_index
from partwise.library.stores.protocol import Accuracy
from partwise.library.stores.rows import vectors_of
from store_rows import ids, keys_of, questions, segments


@pytest.fixture
def store() -> ExactStore:
    rows = segments(ids(120))
    store = ExactPlace().create("segments_x", rows.schema)
    store.upsert(rows)
    return store


@pytest.mark.parametrize("weighting", ["one part", "two parts", "uniform", "random"])
@pytest.mark.parametrize("complete", [True, False])
def test_memory_is_the_definition(store: ExactStore, weighting: str, complete: bool) -> None:
    rows = store.fetch()
    there = vectors_of(rows).astype(np.float64)
    index = ExactIndex.load(store)
    owners, start_s = rows.column("track_id").to_pylist(), rows.column("start_s").to_pylist()
    for query, weights in questions(rows, weighting, 5):
        wide = weights.astype(np.float64)
        scores = np.einsum("pd,npd,p->n", query.astype(np.float64), there, wide) / wide.sum()
        present = np.any(there, axis=-1)  # [rows, parts]
        has_all = np.all(present[:, weights > 0], axis=1)
        scores[has_all != complete] = -np.inf
        best = np.argsort(-scores, kind="stable")[:9]
        found = index.search(query, weights, 9, complete=complete)
        np.testing.assert_allclose(found.scores, scores[best], atol=1e-6)
        if complete:  # of those that lack parts, many score the same: 0
            assert keys_of(found) == [(owners[row], start_s[row]) for row in best]
        assert not found.exhausted
        every = index.search(query, weights, 1000, complete=complete)
        assert len(every) == np.isfinite(scores).sum() and every.exhausted


def test_the_number_of_rows_decides(store: ExactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(open_index(store), ExactIndex)
    assert isinstance(open_index(store, exact_max_rows=360), ExactIndex)
    assert open_index(store, exact_max_rows=359) is store
    monkeypatch.setattr(vector_index, "EXACT_MAX_ROWS", 359)
    assert open_index(store) is store


def test_memory_is_exact_whatever_the_store_is(
    store: ExactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    approximate = Accuracy(exact=False, recall={"uniform": 0.9})
    monkeypatch.setattr(store, "accuracy", approximate)
    assert accuracy_of(store).exact
    monkeypatch.setattr(vector_index, "EXACT_MAX_ROWS", 359)
    assert accuracy_of(store) is approximate


def test_an_index_goes_on_from_the_former_one(
    store: ExactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_index(store)
    store.upsert(segments(ids(3, 200), seed=4), new=True)
    store.delete(ids(2))
    read = []
    fetch = store.fetch

    def counted(track_ids=None, columns=None):
        read.append(track_ids)
        return fetch(track_ids, columns)

    monkeypatch.setattr(store, "fetch", counted)
    monkeypatch.setattr(store, "batches", None)  # not everything is read again
    second = open_index(store, former=first)
    assert isinstance(second, ExactIndex) and second.rows == 3 * 121
    assert [sorted(some) for some in read if some is not None] == [ids(3, 200)]
