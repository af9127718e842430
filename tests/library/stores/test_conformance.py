"""What every store does, with the exact NumPy store as oracle (see ``conftest.KINDS``)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from exact_store import ExactPlace
from partwise.errors import PartwiseError
from partwise.library.stores.accuracy import WEIGHTINGS
from partwise.library.stores.protocol import VectorStore
from partwise.library.stores.rows import segments_schema, tracks_schema, vectors_of
from store_rows import (
    DIM,
    assert_same,
    ids,
    keys_of,
    ordered,
    questions,
    segments,
    tracks,
)

TRACKS, SEGMENTS = "tracks_0123456789abcdef", "segments_0123456789abcdef"
# How far a number of a unit vector may lie from the one that was given.
ROUNDING = {"float32": 0.0, "float16": 5e-4, "int8": 8e-3}


def make(name: str, of: list[str], seed: int = 0) -> pa.Table:
    return tracks(of, seed) if name == TRACKS else segments(of, seed=seed)


def schema_of(name: str) -> pa.Schema:
    return tracks_schema(DIM) if name == TRACKS else segments_schema(DIM)


def oracle_of(store: VectorStore) -> VectorStore:
    """The same rows, as the store gives them, in memory."""
    oracle = ExactPlace().create(store.name, store.schema)
    oracle.upsert(store.fetch())
    return oracle


def until(check: Callable[[], bool], limit_s: float = 20.0) -> bool:
    """A reader sees what another wrote within seconds."""
    end_s = time.monotonic() + limit_s
    while not check():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(params=[TRACKS, SEGMENTS], ids=["tracks", "segments"])
def name(request: pytest.FixtureRequest) -> str:
    return request.param


# --- reading: one table of 600 segments and one of 2,500 tracks, as written and indexed


@dataclass(frozen=True)
class Filled:
    store: VectorStore
    oracle: VectorStore
    indexed: bool


@pytest.fixture(scope="module", params=[TRACKS, SEGMENTS], ids=["tracks", "segments"])
def written(request: pytest.FixtureRequest, shared_places) -> Filled:
    place = shared_places.open()
    place.drop(request.param)  # a fixture may be made again
    store = place.create(request.param, schema_of(request.param))
    store.upsert(make(request.param, ids(2500 if request.param == TRACKS else 200)), new=True)
    return Filled(store, oracle_of(store), indexed=False)


@pytest.fixture(scope="module", params=["as written", "indexed"])
def filled(request: pytest.FixtureRequest, written: Filled) -> Filled:
    if request.param == "indexed":
        written.store.optimise(min_rows=1)
    return Filled(written.store, written.oracle, request.param == "indexed")


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_the_best_rows_are_those_of_the_oracle(filled: Filled, weighting: str) -> None:
    found = expected = 0
    rows = filled.oracle.fetch()
    for query, weights in questions(rows, weighting, 12):
        mine = filled.store.search(query, weights, 10)
        true = filled.oracle.search(query, weights, 10)
        if filled.store.accuracy.exact:
            assert_same(mine, true)
        assert len(mine) == len(true) == 10
        assert np.all(np.diff(mine.scores) <= 0)
        found += int(np.sum(mine.scores >= true.scores[-1] - 1e-5))
        expected += 10
    assert found >= 0.98 * expected


def test_scores_are_the_definition(filled: Filled) -> None:
    for query, weights in questions(filled.oracle.fetch(), "random", 3):
        found = filled.store.search(query, weights, 10)
        q, x, w = (a.astype(np.float64) for a in (query, found.vectors, weights))
        np.testing.assert_allclose(
            found.scores, np.einsum("pd,npd,p->n", q, x, w) / w.sum(), atol=1e-6
        )


@pytest.mark.parametrize("weighting", ["one part", "two parts", "uniform"])
def test_rows_that_lack_a_wanted_part_are_the_other_half(filled: Filled, weighting: str) -> None:
    ((query, weights),) = questions(filled.oracle.fetch(), weighting, 1)
    every = filled.oracle.count()
    complete = filled.store.search(query, weights, every + 10)
    lacking = filled.store.search(query, weights, every + 10, complete=False)
    assert complete.exhausted and lacking.exhausted
    assert_same(complete, filled.oracle.search(query, weights, every + 10))
    assert_same(lacking, filled.oracle.search(query, weights, every + 10, complete=False))
    assert complete.vectors[:, weights > 0].any(axis=-1).all()
    assert not np.all(lacking.vectors[:, weights > 0].any(axis=-1), axis=1).any()
    assert len({*keys_of(complete), *keys_of(lacking)}) == every
    few = filled.store.search(query, weights, 7, complete=False)
    assert_same(few, filled.oracle.search(query, weights, 7, complete=False))


@pytest.mark.parametrize("complete", [True, False])
def test_only_allowed_tracks(filled: Filled, complete: bool) -> None:
    ((query, weights),) = questions(filled.oracle.fetch(), "two parts", 1)
    there = filled.oracle.fetch(columns=["track_id"]).column("track_id").to_pylist()
    few = set(np.random.default_rng(5).choice(there, 40).tolist())
    for allowed in (few, [*few, "nobody"], {*ids(2100), *ids(10, 90_000)}):
        for k in (8, 500):
            found = filled.store.search(query, weights, k, complete=complete, allowed=allowed)
            expected = filled.oracle.search(query, weights, k, complete=complete, allowed=allowed)
            assert_same(found, expected)
    nobody = filled.store.search(query, weights, 5, complete=complete, allowed=set())
    assert len(nobody) == 0 and nobody.exhausted


def test_more_than_2000_allowed_tracks_far_from_the_query(written: Filled) -> None:
    """The best rows are of tracks that are not allowed: the store has to go on looking."""
    ((query, weights),) = questions(written.oracle.fetch(), "uniform", 1)
    best = written.oracle.search(query, weights, 300).track_ids
    allowed = set(written.oracle.fetch(columns=["track_id"]).column("track_id").to_pylist())
    allowed = (allowed | set(ids(2500, 10_000))) - set(best)
    found = written.store.search(query, weights, 5, allowed=allowed)
    assert_same(found, written.oracle.search(query, weights, 5, allowed=allowed))


def test_rows_are_fetched(written: Filled) -> None:
    store, oracle = written.store, written.oracle
    wanted = [*ids(3), "nobody", *ids(620, 40)]
    assert ordered(store.fetch(wanted)).equals(ordered(oracle.fetch(wanted)))
    assert store.fetch(wanted).schema.equals(store.schema)
    names = ["presence_bass", "track_id"]
    some = store.fetch(ids(5), names)
    assert some.schema.names == names and some.num_rows == oracle.fetch(ids(5)).num_rows
    for nobody in ([], ["nobody"]):
        assert store.fetch(nobody).num_rows == 0
        assert store.fetch(nobody).schema.equals(store.schema)
    assert store.fetch(columns=["track_id"]).num_rows == oracle.count()


def test_batches_are_all_rows(written: Filled) -> None:
    for names in (None, ["vector", "track_id"]):
        batches = list(written.store.batches(names))
        assert all(batch.num_rows for batch in batches)
        whole = pa.Table.from_batches(batches)
        expected = written.oracle.fetch(columns=names)
        assert whole.schema.names == expected.schema.names
        assert ordered(whole).equals(ordered(expected))


def test_rows_are_counted(written: Filled) -> None:
    store, oracle = written.store, written.oracle
    assert store.count() == oracle.count() > 500
    for wanted in ([], ["nobody"], [*ids(3), "nobody", *ids(2)], ids(900)):
        assert store.count(wanted) == oracle.count(wanted)


def test_an_index_tells_what_it_misses(filled: Filled) -> None:
    accuracy = filled.store.accuracy
    if accuracy.exact:
        assert accuracy.lowest == 1.0
    else:
        assert filled.indexed
        assert set(accuracy.recall) == set(WEIGHTINGS)
        assert accuracy.lowest is not None and 0.98 <= accuracy.lowest <= 1.0


# --- writing


def test_vectors_come_back_as_they_were(places, name: str) -> None:
    store = places.open().create(name, schema_of(name))
    given = make(name, ids(40))
    store.upsert(given)
    back = ordered(store.fetch())
    plain = [column for column in given.schema.names if column != "vector"]
    assert back.select(plain).equals(ordered(given).select(plain))
    mine, theirs = vectors_of(back), vectors_of(ordered(given))
    assert np.abs(mine - theirs).max() <= ROUNDING[places.precision]
    assert (mine.any(axis=-1) == theirs.any(axis=-1)).all(), "absent parts stay absent"
    assert mine.dtype == np.float32


def test_writing_twice_is_harmless(places, name: str) -> None:
    store = places.open().create(name, schema_of(name))
    store.upsert(make(name, ids(30)), new=True)
    before = ordered(store.fetch())
    store.upsert(make(name, ids(30)))
    assert ordered(store.fetch()).equals(before)
    more = make(name, ids(20, 20), seed=4)  # ten that are there already, and ten new ones
    store.upsert(more)
    oracle = ExactPlace().create(name, store.schema)
    oracle.upsert(before)
    again = places.open().open(name).fetch(ids(20, 20))
    oracle.upsert(again)
    assert store.count() == oracle.count()
    assert ordered(store.fetch()).equals(ordered(oracle.fetch()))
    back = vectors_of(ordered(again))
    assert np.abs(back - vectors_of(ordered(more))).max() <= ROUNDING[places.precision]


def test_a_track_may_shrink_and_grow(places) -> None:
    store = places.open().create(SEGMENTS, schema_of(SEGMENTS))
    store.upsert(segments(ids(6), each=5))
    for each in (2, 7):
        changed = segments(ids(2, 3), each=each, seed=each)
        store.upsert(changed)
        assert store.count(ids(2, 3)) == 2 * each
        assert store.count() == 4 * 5 + 2 * each
        back = ordered(store.fetch(ids(2, 3)))
        assert back.column("segment").to_pylist() == [*range(each), *range(each)]
        difference = vectors_of(back) - vectors_of(ordered(changed))
        assert np.abs(difference).max() <= ROUNDING[places.precision]


def test_tracks_are_deleted(places, name: str) -> None:
    store = places.open().create(name, schema_of(name))
    store.upsert(make(name, ids(30)))
    gone = ids(12, 5)
    store.delete([*gone, "nobody", "it's"])
    store.delete([])
    kept = {*ids(30)} - {*gone}
    assert set(store.fetch(columns=["track_id"]).column("track_id").to_pylist()) == kept
    assert store.count(gone) == 0
    oracle = oracle_of(store)
    ((query, weights),) = questions(make(name, ids(30)), "two parts", 1)
    for complete in (True, False):
        found = store.search(query, weights, 1000, complete=complete)
        assert_same(found, oracle.search(query, weights, 1000, complete=complete))
    store.delete(ids(30))
    assert store.count() == 0
    store.upsert(make(name, ids(3)))
    assert store.count(ids(3)) == store.count() == make(name, ids(3)).num_rows


def test_an_indexed_store_goes_on_taking_rows(places, name: str) -> None:
    store = places.open().create(name, schema_of(name))
    store.upsert(make(name, ids(300)))
    store.optimise(min_rows=1)
    store.upsert(make(name, ids(20, 290), seed=7))
    store.delete(ids(5))
    store.upsert(make(name, ids(10, 1000), seed=8), new=True)
    for _ in range(2):
        oracle = oracle_of(store)
        assert oracle.count() == make(name, ids(315)).num_rows
        for query, weights in questions(oracle.fetch(ids(30, 985)), "uniform", 4):
            assert_same(store.search(query, weights, 10), oracle.search(query, weights, 10))
        store.optimise(min_rows=1)
    assert not store.optimise(min_rows=1), "nothing is left to do"


def test_an_empty_store(places, name: str) -> None:
    store = places.open().create(name, schema_of(name))
    ((query, weights),) = questions(make(name, ids(30)), "uniform", 1)
    for complete in (True, False):
        found = store.search(query, weights, 5, complete=complete)
        assert len(found) == 0 and found.exhausted
        assert found.vectors.shape == (0, 5, DIM) and found.presence.shape == (0, 5)
    assert store.count() == store.count(ids(3)) == store.fetch().num_rows == 0
    assert store.fetch().schema.equals(schema_of(name))
    assert sum(batch.num_rows for batch in store.batches()) == 0
    store.delete(ids(3))
    store.upsert(make(name, ids(3)).slice(0, 0))
    assert not store.optimise(min_rows=1)
    assert store.accuracy.exact and (store.name, store.dim) == (name, DIM)


def test_another_reader_sees_every_change(places, name: str) -> None:
    writing = places.open().create(name, schema_of(name))
    reading = places.open().open(name)
    changes = (
        lambda: writing.upsert(make(name, ids(4))),
        lambda: writing.upsert(make(name, ids(4, 2), seed=3)),
        lambda: writing.upsert(make(name, ids(2, 8)), new=True),
        lambda: writing.delete(ids(1)),
    )
    for number, change in enumerate(changes):
        before, mine = reading.version, writing.version
        change()
        assert writing.version != mine
        assert until(lambda before=before: reading.version != before), number
        assert ordered(reading.fetch()).equals(ordered(writing.fetch()))


# --- places


def test_stores_are_found_again(places) -> None:
    place = places.open()
    assert place.names() == set()
    place.create(TRACKS, schema_of(TRACKS)).upsert(make(TRACKS, ids(5)))
    place.create(SEGMENTS, schema_of(SEGMENTS)).upsert(make(SEGMENTS, ids(5)))
    place.open(SEGMENTS).optimise(min_rows=1)
    assert places.open().create(SEGMENTS, schema_of(SEGMENTS)).count() == 15
    again = places.open()
    assert again.names() == {TRACKS, SEGMENTS} and again.uri == place.uri
    assert again.create(TRACKS, schema_of(TRACKS)).count() == 5, "what is there stays"
    for name in (TRACKS, SEGMENTS):
        opened = again.open(name)
        assert (opened.name, opened.dim) == (name, DIM)
        assert opened.schema.equals(schema_of(name))
        assert ordered(opened.fetch()).equals(ordered(place.open(name).fetch()))
    again.drop(SEGMENTS)
    again.drop(SEGMENTS)
    assert places.open().names() == {TRACKS}
    with pytest.raises(PartwiseError, match=f"'{SEGMENTS}'"):
        places.open().open(SEGMENTS)
    assert places.open().create(SEGMENTS, schema_of(SEGMENTS)).count() == 0
