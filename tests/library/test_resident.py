"""A server's memory: it answers at once from what it has, and catches up beside the answers."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from partwise.library.library import Library
from partwise.library.search import cache as resident
from partwise.library.search.cache import Kept
from partwise.library.search.options import SearchOptions
from partwise.library.stores.exact_index import ExactIndex
from partwise.library.tables.catalogue import Existing
from partwise.library.tables.writer import Writer
from partwise.parts import Part
from small_library import Piece, add_pieces, make_library

D, B = Part.DRUMS, Part.BASS


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resident, "LOOK_EVERY_S", 0.0)


def until(condition, limit_s: float = 10.0) -> bool:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_without_a_server_what_is_kept_is_always_up_to_date():
    kept, made = Kept(), []

    def make(former):
        made.append(former)
        return len(made)

    assert kept.get("a", lambda: ("m", 1), make) == 1
    assert kept.get("a", lambda: ("m", 1), make) == 1
    assert kept.get("a", lambda: ("m", 2), make) == 2
    assert kept.get("a", lambda: ("other model", 2), make) == 3
    assert made == [None, 1, None]  # nothing of another model is gone on from


def test_a_server_answers_from_the_former_value_and_catches_up(eager):
    kept = Kept(resident=True)
    assert kept.get("a", lambda: ("m", 1), lambda former: 1) == 1

    def slowly(former):
        time.sleep(0.2)
        return former + 1

    started = time.monotonic()
    assert kept.get("a", lambda: ("m", 2), slowly) == 1
    assert time.monotonic() - started < 0.15
    assert until(lambda: kept.get("a", lambda: ("m", 2), slowly) == 2)


def test_a_server_never_answers_with_vectors_of_another_model(eager):
    kept = Kept(resident=True)
    kept.get("a", lambda: ("m", 1), lambda former: "old")
    assert kept.get("a", lambda: ("n", 1), lambda former: f"new after {former}") == "new after None"


def test_a_failed_refresh_keeps_the_former_value_and_is_tried_again(eager):
    kept, tries = Kept(resident=True), []
    kept.get("a", lambda: ("m", 1), lambda former: 1)

    def failing(former):
        tries.append(1)
        if len(tries) == 1:
            raise OSError("the table is being replaced")
        return 2

    assert kept.get("a", lambda: ("m", 2), failing) == 1
    assert until(lambda: kept.get("a", lambda: ("m", 2), failing) == 2)


def pieces(count: int, first: int = 0) -> list[Piece]:
    return [Piece(f"{n}.mp3", {D: 3.0 * n, B: 5.0 * n}, 1 + n % 4) for n in range(first, count)]


def test_a_resident_library_answers_as_any_other(tmp_path: Path):
    make_library(tmp_path, pieces(12))
    plain = Library.open(tmp_path / "library")
    server = Library(tmp_path / "library", resident=True)
    for query in ("3.mp3", "7.mp3"):
        more: dict[str, Any]
        for more in ({}, {"at": (0.0, 9.0)}, {"include_duplicates": True}):
            assert server.search(query, "drums=2,bass", **more) == plain.search(
                query, "drums=2,bass", **more
            )
    assert isinstance(server.searcher.index("segments"), ExactIndex)


def test_what_is_indexed_beside_a_server_comes_up(tmp_path: Path, eager):
    library = make_library(tmp_path, pieces(6))
    server = Library(tmp_path / "library", resident=True)
    assert len(server.search("0.mp3", "drums", top=50)) == 5
    model = library.store.active
    add_pieces(Writer(library.store, model), tmp_path / "music", pieces(9, first=6))
    assert until(lambda: len(server.search("0.mp3", "drums", top=50)) == 8)
    expected = Library.open(tmp_path / "library").search("0.mp3", "drums", top=50)
    assert until(lambda: server.search("0.mp3", "drums", top=50) == expected)


def test_only_new_tracks_are_read_and_gone_ones_leave(tmp_path: Path):
    library = make_library(tmp_path, pieces(6))
    table = library.store.segments
    first = ExactIndex.load(table)
    writer = Writer(library.store, library.store.active)
    add_pieces(writer, tmp_path / "music", pieces(8, first=6))
    gone = first.track_ids_at(np.array([0]))[0]
    writer.drop_tracks([gone])
    time.sleep(2.1)  # readers look for a newer version of a table every two seconds
    again, whole = first.renewed(table), ExactIndex.load(table)
    assert again.rows == whole.rows != first.rows
    assert not len(again.rows_of_track(gone))
    for track_id in set(whole.track_ids_at(np.arange(whole.rows))):
        one, other = again.rows_of_track(track_id), whole.rows_of_track(track_id)
        np.testing.assert_array_equal(again.vectors[one], whole.vectors[other])
        np.testing.assert_array_equal(again.start_s[one], whole.start_s[other])


def test_moments_only_of_the_first_hits(tmp_path: Path):
    library = make_library(tmp_path, pieces(6))
    query = library.query("0.mp3")
    weights = query.weights()
    searcher = library.searcher
    hits = searcher.search(query, weights, SearchOptions(top=5, moments=2))
    assert [bool(hit.moments) for hit in hits] == [True, True, False, False, False]
    everything = searcher.search(query, weights, SearchOptions(top=5))
    assert [hit.moments for hit in everything] == [
        searcher.moments(query, weights, hit.track_id) for hit in hits
    ]


def test_a_file_that_is_gone_leaves_the_answers_of_a_server(tmp_path: Path):
    path = tmp_path / "a.mp3"
    path.touch()
    paths = (str(path), str(tmp_path / "never.mp3"))
    remembering, asking = Existing(fresh_s=1000.0), Existing(fresh_s=-1.0)
    assert remembering(paths) == asking(paths) == paths[:1]
    path.unlink()
    assert asking(paths) == ()
    assert remembering(paths) == paths[:1]  # known until its time is over
