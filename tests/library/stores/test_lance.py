"""LanceDB beyond what every store does: its index, its pieces, and tables of older versions."""

from __future__ import annotations

from pathlib import Path

import lancedb
import numpy as np
import pytest

from partwise.errors import PartwiseError
from partwise.library.stores import exact_index, lance
from partwise.library.stores.lance import LanceStore, index_name, refresh_index
from partwise.library.stores.places import LancePlace
from partwise.library.stores.rows import TAG_COLUMNS, segments_schema, tags_of, tracks_schema
from store_rows import DIM, THRESHOLD, assert_same, ids, ordered, questions, segments, tracks

NAME = "segments_x"


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    store = LancePlace(str(tmp_path)).create(NAME, segments_schema(DIM))
    store.upsert(segments(ids(200)), new=True)
    return store


def index_stats(store: LanceStore):
    found = store.table.index_stats(index_name(store.table) or "")
    assert found is not None
    return found


def test_small_tables_get_no_index(store: LanceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not store.optimise() and not store.indexed and store.accuracy.exact
    monkeypatch.setattr(lance, "EXACT_MAX_ROWS", 599)
    assert store.optimise() and store.indexed
    assert exact_index.EXACT_MAX_ROWS > 599


def test_refreshing_takes_in_added_rows_and_merges_many_pieces(
    store: LanceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lance, "MAX_INDEX_PIECES", 2)
    assert refresh_index(store.table, min_rows=1)
    store.upsert(segments(ids(2, 1000)), new=True)
    assert not refresh_index(store.table, min_rows=1), "1 % of rows outside is not worth the work"
    pieces = []
    for step in range(4):
        store.upsert(segments(ids(60, 2000 + 100 * step), seed=step), new=True)
        assert refresh_index(store.table, min_rows=1)
        assert index_stats(store).num_unindexed_rows == 0
        pieces.append(index_stats(store).num_indices)
    assert pieces == [2, 3, 1, 2]


def test_int8_is_compared_without_an_index(tmp_path: Path) -> None:
    store = LancePlace(str(tmp_path), "int8").create(NAME, segments_schema(DIM))
    store.upsert(segments(ids(50)))
    assert not store.optimise(min_rows=1)
    assert store.accuracy.exact


def test_a_write_is_one_version(store: LanceStore) -> None:
    """Nobody sees a track with some of its former segments, or without any."""
    before = store.version
    store.upsert(segments(ids(5), each=2, seed=1))
    assert store.version == before + 1
    assert store.count(ids(5)) == 10


def test_the_precision_of_a_table_is_its_own(tmp_path: Path) -> None:
    LancePlace(str(tmp_path), "float16").create(NAME, segments_schema(DIM))
    assert LancePlace(str(tmp_path)).open(NAME).precision == "float16"


def test_the_librarys_ledger_is_no_store(tmp_path: Path) -> None:
    lancedb.connect(tmp_path).create_table("ledger", data=[{"path": "x"}])
    assert LancePlace(str(tmp_path)).names() == set()


# --- tables that were made before there was the column ``parts``


@pytest.fixture
def former(tmp_path: Path) -> LanceStore:
    lancedb.connect(tmp_path).create_table(NAME, segments(ids(60)))
    return LancePlace(str(tmp_path)).open(NAME)


def test_a_former_table_answers_the_same_before_and_after_its_upgrade(
    former: LanceStore, tmp_path: Path
) -> None:
    rows = segments(ids(60))
    ((query, weights),) = questions(rows, "two parts", 1)
    with pytest.raises(PartwiseError, match="made by an older partwise: run `partwise index`"):
        former.search(query, weights, 5)
    former.former_threshold = (THRESHOLD,) * 5
    before = [former.search(query, weights, 300, complete=c) for c in (True, False)]
    assert [len(found) for found in before] != [0, 180]
    former.upgrade((THRESHOLD,) * 5)
    former.upgrade((THRESHOLD,) * 5)
    for store in (former, LancePlace(str(tmp_path)).open(NAME)):
        after = [store.search(query, weights, 300, complete=c) for c in (True, False)]
        for one, other in zip(after, before, strict=True):
            assert_same(one, other)
        assert ordered(store.fetch()).equals(ordered(rows))


def test_an_upgraded_table_takes_rows_and_keeps_its_index(
    former: LanceStore, tmp_path: Path
) -> None:
    former.former_threshold = (THRESHOLD,) * 5
    former.optimise(min_rows=1)
    former.upgrade((THRESHOLD,) * 5)
    store = LancePlace(str(tmp_path)).open(NAME)
    assert store.indexed
    store.upsert(segments(ids(5, 100), seed=9), new=True)
    store.upsert(segments(ids(5, 55), seed=10))
    assert store.count() == 3 * 65
    patterns = store.table.search().select(["parts"]).to_arrow().column("parts").to_numpy()
    assert not np.isnan(patterns.astype(float)).any()


def test_a_table_of_tracks_without_a_genre_gets_one(tmp_path: Path) -> None:
    store = LancePlace(str(tmp_path)).create("tracks_x", tracks_schema(DIM))
    store.upsert(tracks(ids(4)), new=True)
    store.table.drop_columns(["genre"])
    former = LancePlace(str(tmp_path)).open("tracks_x")
    assert "genre" not in former.schema.names
    rows = former.fetch()
    assert [said.genre for said in tags_of(rows)] == [None] * 4
    assert tags_of(rows)[1].artist == "artist 1"
    former.upgrade((THRESHOLD,) * 5)
    former.upgrade((THRESHOLD,) * 5)
    assert set(TAG_COLUMNS) <= set(former.schema.names)
    former.upsert(tracks(ids(4)))
    found = former.fetch(columns=tracks_schema(DIM).names)
    assert ordered(found).equals(ordered(tracks(ids(4))))
