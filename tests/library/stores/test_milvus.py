"""Stores in Milvus, beyond what every store must do: addresses, faults, limits, the index."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from exact_store import ExactPlace
from milvus_process import MilvusProcess
from partwise.errors import PartwiseError
from partwise.library.stores import milvus, milvus_rows
from partwise.library.stores.milvus import MilvusPlace, MilvusStore
from partwise.library.stores.milvus_server import TOKEN_VARIABLE, Address
from partwise.library.stores.protocol import Candidates, VectorStore
from partwise.library.stores.rows import (
    PRESENCE_COLUMNS,
    segments_schema,
    tracks_schema,
    vector_column,
    vectors_of,
)
from partwise.parts import PARTS

DIM = 4
UNIFORM = np.ones(len(PARTS), np.float32)
ONE_PART = np.eye(len(PARTS), dtype=np.float32)[1]


def segments(track_ids: Sequence[str], each: int = 3, seed: int = 0) -> pa.Table:
    """Rows of ``segments_schema``; a third of the parts is absent."""
    rng = np.random.default_rng(seed)
    count = len(track_ids) * each
    vectors = rng.normal(size=(count, len(PARTS), DIM))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    heard = rng.random((count, len(PARTS))) < 0.67
    number = np.tile(np.arange(each, dtype=np.int32), len(track_ids))
    columns = {
        "track_id": [track_id for track_id in track_ids for _ in range(each)],
        "model_digest": ["a model"] * count,
        "vector": vector_column((vectors * heard[:, :, None]).astype(np.float32)),
        **dict(zip(PRESENCE_COLUMNS, heard.T.astype(np.float32), strict=True)),
        "segment": number,
        "start_s": 5.0 * number,
        "end_s": 5.0 * number + 10.0,
    }
    return pa.table(columns, schema=segments_schema(DIM))


def tracks(track_ids: Sequence[str], titles: Sequence[str | None]) -> pa.Table:
    """Rows of ``tracks_schema`` with these titles and without a year."""
    rows = segments(track_ids, each=1)
    columns = {name: rows.column(name) for name in rows.schema.names}
    columns |= {"duration_s": [0.1] * len(titles), "segments": [3] * len(titles)}
    columns |= {name: list(titles) for name in ("title", "artist", "album", "genre")}
    columns["year"] = [None] * len(titles)
    schema = tracks_schema(DIM)
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def names(count: int) -> list[str]:
    return [f"track {number:04d}" for number in range(count)]


def oracle(rows: pa.Table) -> VectorStore:
    store = ExactPlace().create("segments_x", rows.schema)
    store.upsert(rows)
    return store


def same(found: Candidates, expected: Candidates) -> None:
    """The same rows in the same order, as far as the scores tell them apart."""
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    assert sorted(zip(found.track_ids, found.start_s, strict=True)) == sorted(
        zip(expected.track_ids, expected.start_s, strict=True)
    )
    assert found.exhausted == expected.exhausted


def ordered(rows: pa.Table) -> pa.Table:
    return rows.sort_by([("track_id", "ascending"), ("segment", "ascending")])


def query_of(rows: pa.Table) -> np.ndarray:
    """float32 [parts=5, dim] that lies near the rows' first ones and has every part."""
    return vectors_of(rows)[:20].sum(axis=0)


@pytest.fixture
def store(milvus_database: str) -> MilvusStore:
    return MilvusPlace(milvus_database).create("segments_x", segments_schema(DIM))


# --- addresses


@pytest.mark.parametrize(
    ("uri", "target", "database"),
    [
        ("milvus://db.example:1234", "http://db.example:1234", ""),
        ("milvus://db.example/songs", "http://db.example:19530", "songs"),
        ("milvus+https://db.example/songs/", "https://db.example:443", "songs"),
        ("milvus://[::1]:1234", "http://[::1]:1234", ""),
        ("milvus:///a%20b/c.db", "/a b/c.db", ""),
    ],
)
def test_addresses(uri: str, target: str, database: str) -> None:
    assert Address.parse(uri) == Address(uri, target, database)


@pytest.mark.parametrize(
    "uri",
    [
        "milvus://db.example:port",
        "milvus://db.example/a/b",
        "milvus:///a/folder",
        "milvus+https:///a/c.db",
        "milvus://db.example/songs?token=secret",
        "http://db.example",
    ],
)
def test_addresses_that_make_no_sense(uri: str) -> None:
    with pytest.raises(PartwiseError, match="given as milvus://HOST:PORT"):
        MilvusPlace(uri)


@pytest.mark.parametrize("uri", ["milvus://me:secret@db.example", "milvus://secret@db.example:1"])
def test_credentials_are_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(PartwiseError, match=TOKEN_VARIABLE) as refused:
        MilvusPlace(uri)
    assert "secret" not in str(refused.value)


def test_a_precision_that_it_does_not_keep_is_refused() -> None:
    with pytest.raises(PartwiseError, match="as float32, not int8"):
        MilvusPlace("milvus://db.example", "int8")


@pytest.mark.usefixtures("milvus_packages")
def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    place = MilvusPlace(MilvusProcess(tmp_path).uri)
    began = time.monotonic()
    with pytest.raises(PartwiseError, match="does not answer; see that it runs"):
        place.names()
    assert time.monotonic() - began < 15


@pytest.mark.usefixtures("milvus_packages")
def test_a_place_on_a_disk(tmp_path: Path) -> None:
    uri = f"milvus://{tmp_path / 'library.db'}"
    rows = segments(names(2))
    MilvusPlace(uri).create("segments_x", rows.schema).upsert(rows, new=True)
    assert ordered(MilvusPlace(uri).open("segments_x").fetch()).equals(rows)
    with pytest.raises(PartwiseError, match="folder is missing"):
        MilvusPlace(f"milvus://{tmp_path}/nowhere/library.db").names()


# --- whose collections they are


def test_collections_of_others_are_left_alone(milvus_database: str, store: MilvusStore) -> None:
    place = MilvusPlace(milvus_database)
    client = place._server.client
    client.create_collection("tracks_y", dimension=3, id_type="int")
    assert place.names() == {"segments_x"}
    with pytest.raises(PartwiseError, match="is no store of partwise"):
        place.create("tracks_y", tracks_schema(DIM))
    place.drop("tracks_y")
    assert client.has_collection("tracks_y")
    with pytest.raises(PartwiseError, match="there is none"):
        place.open("tracks_y")


def test_a_creation_and_a_removal_cut_short_are_repeated(
    milvus_database: str, store: MilvusStore
) -> None:
    place = MilvusPlace(milvus_database)
    place._register.remove("segments_x")  # what a creation writes last
    assert place.names() == set()
    place.create("segments_x", segments_schema(DIM)).upsert(segments(names(1)), new=True)
    place._server.client.drop_collection("segments_x")  # what a removal does first
    assert place.names() == set()
    assert place.create("segments_x", segments_schema(DIM)).count() == 0


# --- rows


def test_text_of_any_length_and_letters(milvus_database: str) -> None:
    titles = [None, "", "a \"quoted\" 'title' \\ 東京 \x00", "é" * 40_000]
    store = MilvusPlace(milvus_database).create("tracks_x", tracks_schema(DIM))
    rows = tracks(["1", "2", 'q"\\', "4"], titles)
    store.upsert(rows, new=True)
    found = store.fetch(['q"\\', "4", "1", "2"], ["track_id", "title", "year"]).sort_by("track_id")
    assert found.column("title").to_pylist() == [None, "", "é" * 32_767, titles[2]]
    assert store.fetch(["1"]).equals(rows.slice(0, 1))
    assert store.count(['q"\\', "5"]) == 1


def test_every_writer_changes_the_version(milvus_database: str, store: MilvusStore) -> None:
    other = MilvusPlace(milvus_database).open("segments_x")
    seen = [store.version]
    other.upsert(segments(names(2)), new=True)
    seen.append(store.version)
    store.delete(["track 0001"])
    seen.append(other.version)
    assert len(set(seen)) == 3
    assert other.version == store.version


def test_a_shorter_track_leaves_nothing_behind(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.upsert(segments(names(3), each=4), new=True)
    shorter = segments(["track 0001"], each=2, seed=1)

    def killed(name: str, **kwargs: object) -> object:
        if name == "delete":
            raise KeyboardInterrupt
        return MilvusStore._ask(store, name, **kwargs)

    before = store.version
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(store, "_ask", killed)
        store.upsert(shorter)
    assert store.version != before
    store.upsert(shorter)
    assert ordered(store.fetch(["track 0001"])).equals(shorter)
    assert store.count() == 10


def test_rows_travel_in_many_messages(store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_rows, "_MESSAGE_BYTES", 20_000)  # 18 rows
    rows = segments(names(20))
    store.upsert(rows, new=True)
    assert ordered(store.fetch()).equals(rows)
    assert [batch.num_rows for batch in store.batches(["start_s"])] == [18, 18, 18, 6]
    few = MilvusStore(store._server, store._register, store.name)
    assert few._most == 54  # fewer than the rows asked for
    assert ordered(few.fetch(names(20))).equals(rows)
    exact, query = oracle(rows), query_of(rows)
    for complete in (True, False):
        found = few.search(query, ONE_PART, 55, complete=complete)
        same(found, exact.search(query, ONE_PART, 55, complete=complete))


def test_searches_among_many_tracks(store: MilvusStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus, "_MAX_LISTED_IDS", 5)
    rows = segments(names(40))
    store.upsert(rows, new=True)
    exact, query = oracle(rows), query_of(rows)
    for allowed in (names(40)[30:], names(40)[1:], [*names(40)[10:16], "none"]):
        for k in (1, 4, 300):
            found = store.search(query, ONE_PART, k, allowed=allowed)
            same(found, exact.search(query, ONE_PART, k, allowed=allowed))


# --- the index


def test_a_large_collection_gets_an_index_that_is_measured(
    milvus_database: str, store: MilvusStore
) -> None:
    rows = segments(names(200))
    store.upsert(rows, new=True)
    assert store.optimise()  # what was written lately
    assert not store.optimise()
    assert store.accuracy.exact
    version = store.version
    assert store.optimise(min_rows=600)
    assert store.version == version
    assert store._index_type() == "HNSW"
    accuracy = MilvusPlace(milvus_database).open("segments_x").accuracy
    assert not accuracy.exact
    assert set(accuracy.recall) == {"one part", "two parts", "uniform", "random"}
    assert accuracy.lowest is not None and accuracy.lowest >= milvus.GOOD_RECALL
    assert not store.optimise(min_rows=600)
    exact, query = oracle(rows), query_of(rows)
    for weights in (ONE_PART, UNIFORM):
        same(store.search(query, weights, 5), exact.search(query, weights, 5))
    few = names(200)[:3]
    same(store.search(query, UNIFORM, 5, allowed=few), exact.search(query, UNIFORM, 5, allowed=few))
    store.upsert(segments([f"later {n}" for n in range(100)], seed=2), new=True)
    assert store.optimise(min_rows=600)  # measured again: it has grown by half
    assert store._entry.measured_rows == 900


def test_the_search_is_widened_until_it_finds_enough(
    store: MilvusStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([0.5, 0.9, 0.99])
    monkeypatch.setattr(milvus, "measure_recall", lambda store: {"one part": next(found)})
    store.upsert(segments(names(5)), new=True)
    store.optimise(min_rows=1)
    assert store._entry.width == 2048
    assert store.accuracy.lowest == 0.99


def test_an_index_that_was_not_finished_is(milvus_database: str, store: MilvusStore) -> None:
    rows = segments(names(5))
    store.upsert(rows, new=True)
    store.optimise(min_rows=1)
    client = store._server.client
    client.release_collection("segments_x")
    client.drop_index("segments_x", "vector_idx")
    again = MilvusPlace(milvus_database).open("segments_x")
    assert client.describe_index("segments_x", "vector_idx")["index_type"] == "HNSW"
    same(again.search(query_of(rows), UNIFORM, 3), oracle(rows).search(query_of(rows), UNIFORM, 3))


# --- a server that goes away


def test_a_server_that_goes_away_and_comes_back(own_server: MilvusProcess) -> None:
    rows = segments(names(3))
    store = MilvusPlace(own_server.uri).create("segments_x", rows.schema)
    store.upsert(rows, new=True)
    own_server.kill()
    began = time.monotonic()
    for call in (
        store.count,
        lambda: store.version,
        lambda: store.upsert(rows),
        lambda: store.search(query_of(rows), UNIFORM, 3),
        lambda: list(store.batches()),
    ):
        with pytest.raises(PartwiseError, match="does not answer"):
            call()
    assert time.monotonic() - began < 30
    own_server.start()
    time.sleep(2.5)  # the client looks for it every two seconds
    same(store.search(query_of(rows), UNIFORM, 3), oracle(rows).search(query_of(rows), UNIFORM, 3))
    assert ordered(store.fetch()).equals(rows)
