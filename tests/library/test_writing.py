"""What the tables hold after writes, and after writes that were cut off."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import lancedb
import numpy as np
import pytest

from partwise.audio.tags import Tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.library.stores.lance import LanceStore
from partwise.library.stores.protocol import VectorStore
from partwise.library.tables.ledger import LedgerRow, State
from partwise.library.tables.manifest import Manifest, ModelInfo
from partwise.library.tables.reader import Store
from partwise.library.tables.writer import NewTrack, Writer, open_or_create

DIM = 4
MODEL = ModelInfo("0123456789abcdef", DIM, (0.5,) * 5)
OTHER = ModelInfo("fedcba9876543210", 2 * DIM, (0.5,) * 5)


def heard(segments: int, seed: int = 0, dim: int = DIM) -> PartEmbeddings:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(segments, 5, dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    presence = rng.uniform(0.5, 1.0, size=(segments, 5)).astype(np.float32)
    presence[:, 3], vectors[:, 3] = 0.1, 0.0  # no guitar
    start_s = 5.0 * np.arange(segments)
    return PartEmbeddings(vectors, presence, start_s, start_s + 10.0, 5.0 * segments + 5.0)


def track(name: str, segments: int = 3, dim: int = DIM) -> NewTrack:
    return NewTrack(name, heard(segments, sum(name.encode()), dim), Tags(title=f"title of {name}"))


def row(path: str, content: str | None, state: State = State.INDEXED) -> LedgerRow:
    return LedgerRow(path, 1, 2, content, state, None, 0.5, MODEL.digest, 3.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_or_create(tmp_path, MODEL)


@pytest.fixture
def writer(store: Store) -> Writer:
    return Writer(store, MODEL)


def reopened(store: Store) -> Store:
    return Store(store.folder)


def test_an_empty_library_can_be_read(store: Store) -> None:
    tracks = store.track_vectors()
    assert len(tracks) == 0
    assert tracks.vectors.shape == (0, 5, DIM)
    assert tracks.presence.shape == (0, 5)
    assert store.segments_of(["x"]) == {}
    assert store.ledger() == store.live_paths() == {}


def test_vectors_come_back_as_they_were(store: Store, writer: Writer) -> None:
    new = [track("b", 1), track("a", 7)]
    writer.add(new, [row("/1", "a"), row("/2", "b")])
    tracks = reopened(store).track_vectors()
    assert tracks.track_ids == ["a", "b"]
    assert tracks.tags[0] == Tags(title="title of a")
    assert tracks.segments.tolist() == [7, 1]
    assert tracks.duration_s.tolist() == [40.0, 10.0]
    for place, one in enumerate(reversed(new)):
        vector, presence = one.embeddings.track()
        np.testing.assert_array_equal(tracks.vectors[place], vector)
        np.testing.assert_array_equal(tracks.presence[place], presence)
        assert not tracks.vectors[place, 3].any()
    segments = reopened(store).segments_of(["a", "nothing", "b", "a"])
    assert set(segments) == {"a", "b"}
    for one in new:
        found = segments[one.track_id]
        for name in ("embeddings", "presence", "start_s", "end_s"):
            np.testing.assert_array_equal(getattr(found, name), getattr(one.embeddings, name))
        assert found.seconds == one.embeddings.seconds


def test_many_tracks_are_found_in_one_question(store: Store, writer: Writer) -> None:
    writer.add([track(f"t{n:04d}", 1 + n % 3) for n in range(1100)], [])
    found = reopened(store).segments_of([f"t{n:04d}" for n in range(1100)])
    assert [len(found[f"t{n:04d}"]) for n in range(1100)] == [1 + n % 3 for n in range(1100)]


def test_rows_are_replaced_by_path_and_removed(store: Store, writer: Writer) -> None:
    writer.add([], [row("/it's 1", "a"), row("/2", "b")])
    failed = replace(row("/it's 1", None, State.FAILED), reason="why", seconds=None)
    writer.add([], [failed], gone=["/2"])
    assert reopened(store).ledger() == {"/it's 1": failed}
    assert reopened(store).live_paths() == {}


def test_dropped_tracks_leave_nothing(store: Store, writer: Writer) -> None:
    writer.add([track("a"), track("b")], [])
    assert writer.drop_tracks(["a", "nothing"]) == 2
    assert reopened(store).track_ids() == {"b"}
    assert reopened(store).segments.count() == 3


def lance(store: VectorStore) -> Any:
    """The LanceDB table behind a store."""
    assert isinstance(store, LanceStore)
    return store.table


class Cut(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("after", [1, 2])
def test_a_batch_that_was_cut_off_is_put_right(
    store: Store, writer: Writer, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the first table, or the second: what is written again is there once."""
    writer.add([track("a")], [row("/a", "a")])
    with monkeypatch.context() as patch:
        table, method = (
            (writer.tracks, "upsert")
            if after == 1
            else (type(store.ledger_table._wrapped), "merge_insert")
        )

        def stop(*args, **kwargs):
            raise Cut

        patch.setattr(table, method, stop)
        with pytest.raises(Cut):
            writer.add([track("b"), track("c")], [row("/b", "b"), row("/c", "c")])
    assert reopened(store).segments.count() == 9

    later = reopened(store)
    again = Writer(later, MODEL)
    known = later.track_ids()
    assert known == ({"a"} if after == 1 else {"a", "b", "c"})
    missing = [track(name) for name in ("b", "c") if name not in known]
    again.add(missing, [row("/b", "b"), row("/c", "c")])
    final = reopened(store)
    assert final.tracks.count() == 3
    assert final.segments.count() == 9
    assert {name: len(found) for name, found in final.segments_of("abc").items()} == dict.fromkeys(
        "abc", 3
    )


def test_a_track_that_lost_segments_is_removed(store: Store, writer: Writer) -> None:
    writer.add([track("a"), track("b")], [])
    lance(writer.segments).delete("track_id = 'a' AND segment = 1")
    again = Writer(reopened(store), MODEL)
    assert again.store.track_ids() == {"b"}
    assert again.store.segments.count() == 3


def test_a_track_that_is_there_twice_is_removed(store: Store, writer: Writer) -> None:
    writer.add([track("a"), track("b")], [])
    writer.add([track("a")], [])
    assert Writer(reopened(store), MODEL).store.track_ids() == {"b"}


def test_segments_without_a_track_are_not_shown(store: Store, writer: Writer) -> None:
    writer.add([track("a")], [])
    writer.tracks.delete(["a"])
    assert reopened(store).segments_of(["a"]) == {}


def as_format_1(folder: Path) -> None:
    """As the first release left a library: its tables do not tell which parts a row has."""
    for name in ("tracks", "segments"):
        lancedb.connect(folder).open_table(f"{name}_{MODEL.digest}").drop_columns(["parts"])
    manifest = json.loads((folder / "library.json").read_text())
    del manifest["store"], manifest["precision"], manifest["check"]
    (folder / "library.json").write_text(json.dumps(manifest | {"format": 1}))


def test_a_library_of_the_first_format_is_read_and_then_upgraded(
    store: Store, writer: Writer
) -> None:
    writer.add([track("a"), track("b", 5)], [row("/a", "a")])
    before = reopened(store).track_vectors()
    as_format_1(store.folder)

    def found() -> list[int]:
        weights = np.eye(5, dtype=np.float32)
        segments = reopened(store).segments
        return [
            len(segments.search(before.vectors[0], weights[part], 50, complete=complete))
            for part in (0, 3)  # there is no guitar in any of them
            for complete in (True, False)
        ]

    assert found() == [8, 0, 0, 8]
    assert reopened(store).manifest.format == 1
    assert (reopened(store).track_vectors().vectors == before.vectors).all()
    later = Writer(reopened(store), MODEL)
    assert reopened(store).manifest == Manifest(MODEL)
    later.add([track("c")], [row("/c", "c")])
    assert found() == [11, 0, 0, 11]
    assert reopened(store).track_ids() == {"a", "b", "c"}


def test_the_place_and_precision_of_a_library_stay(tmp_path: Path) -> None:
    open_or_create(tmp_path / "here", MODEL, None, "int8")
    assert open_or_create(tmp_path / "here", MODEL).manifest.precision == "int8"
    with pytest.raises(PartwiseError, match="stores its vectors as int8, not as float16"):
        open_or_create(tmp_path / "here", MODEL, None, "float16")
    with pytest.raises(PartwiseError, match=r"keeps its vectors in the folder itself, not in s3:"):
        open_or_create(tmp_path / "here", MODEL, "s3://bucket/x")


def test_a_place_belongs_to_one_library(tmp_path: Path, bucket: str) -> None:
    uri = f"{bucket}/one-library"
    first = open_or_create(tmp_path / "first", MODEL, uri)
    Writer(first, MODEL).add([track("a")], [row("/a", "a")])
    with pytest.raises(PartwiseError, match="holds vectors of another library already"):
        open_or_create(tmp_path / "second", MODEL, uri)
    assert not (tmp_path / "second" / "library.json").exists()
    assert open_or_create(tmp_path / "first", MODEL, uri).track_ids() == {"a"}
    assert not list((tmp_path / "first").glob("tracks_*"))


def test_two_models_side_by_side_then_one(store: Store, writer: Writer) -> None:
    writer.add([track("a")], [row("/a", "a")])
    newer = Writer(reopened(store), OTHER)
    assert newer.replacing
    newer.add([track("a", 2, 2 * DIM)], [replace(row("/a", "a"), model_digest=OTHER.digest)])
    reader = reopened(store)
    assert reader.digest == MODEL.digest
    assert reader.track_vectors().vectors.shape == (1, 5, DIM)
    assert reader.track_vectors(OTHER.digest).vectors.shape == (1, 5, 2 * DIM)
    assert len(reader.segments_of(["a"])["a"]) == 3
    assert len(reader.segments_of(["a"], OTHER.digest)["a"]) == 2
    newer.promote()
    assert not newer.replacing
    assert reader.digest == OTHER.digest
    assert reader.track_vectors().vectors.shape == (1, 5, 2 * DIM)
    with pytest.raises(PartwiseError, match=f"no vectors of the model {MODEL.digest}"):
        reader.track_vectors(MODEL.digest)


def test_tables_of_forgotten_models_are_dropped(store: Store, writer: Writer) -> None:
    Writer(reopened(store), OTHER)
    assert (store.folder / f"tracks_{OTHER.digest}.lance").exists()
    Writer(reopened(store), MODEL)
    assert not (store.folder / f"tracks_{OTHER.digest}.lance").exists()


def test_a_half_dropped_table_is_made_anew(store: Store, writer: Writer) -> None:
    """Killed while the tables of a model were dropped; then that model comes back."""
    newer = Writer(reopened(store), OTHER)
    newer.add([track("a", 2, 2 * DIM)], [])
    folder = store.folder / f"tracks_{OTHER.digest}.lance"
    kept = store.folder / "kept"
    shutil.copytree(folder, kept)
    Writer(reopened(store), MODEL)
    assert not folder.exists()
    shutil.rmtree(kept / "data")
    kept.rename(folder)
    again = Writer(reopened(store), OTHER)
    again.add([track("b", 2, 2 * DIM)], [])
    assert reopened(store).track_vectors(OTHER.digest).track_ids == ["b"]


def test_pieces_are_joined(store: Store, writer: Writer) -> None:
    for number in range(20):
        writer.add([track(f"t{number}")], [row(f"/{number}", f"t{number}")])
    before = reopened(store).track_vectors()
    writer.compact()
    after = reopened(store)
    for table in (after.ledger_table, lance(after.tracks), lance(after.segments)):
        assert table.stats()["fragment_stats"]["num_fragments"] == 1
    np.testing.assert_array_equal(after.track_vectors().vectors, before.vectors)
    assert len(after.segments_of(["t7"])["t7"]) == 3


def test_a_table_that_cannot_be_read_is_named(store: Store) -> None:
    for file in (store.folder / "ledger.lance" / "_versions").iterdir():
        file.write_bytes(b"damaged")
    with pytest.raises(PartwiseError, match=r"the table 'ledger' of the library at .* cannot be"):
        reopened(store).ledger()
