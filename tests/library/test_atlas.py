"""The map of a library: made with it, kept beside it, never in its way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partwise.library.index import run as indexing
from partwise.library.library import Library
from partwise.library.map import atlas as atlas_module
from partwise.library.map.atlas import atlas_file, make_atlas, read_atlas
from partwise.parts import PARTS, Part
from recordings import StopAfter, record
from small_library import Piece, make_library


def pieces(count: int) -> list[Piece]:
    every = [Piece(f"{n}.wav", {Part.DRUMS: 7.0 * n, Part.BASS: 3.0 * n}) for n in range(count)]
    return [*every, Piece("drums alone.wav", {Part.DRUMS: 5.0})]


def test_every_track_lies_where_its_parts_are(tmp_path: Path) -> None:
    library = make_library(tmp_path, pieces(30))
    assert read_atlas(library.store) is None
    assert make_atlas(library.store)
    atlas = read_atlas(library.store)
    assert atlas is not None
    tracks = library.tracks()
    assert atlas.track_ids == tracks.track_ids
    present = tracks.vectors.any(axis=2)
    np.testing.assert_array_equal(np.isfinite(atlas.xy).all(axis=2), present)
    assert np.nanmax(np.abs(atlas.xy)) <= 1
    counts = [int(np.isfinite(atlas.xy[:, part.index, 0]).sum()) for part in PARTS]
    assert counts == [31, 30, 0, 0, 0]


def test_nothing_is_done_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = make_library(tmp_path, pieces(3))
    assert make_atlas(library.store)

    def never(*_: object) -> np.ndarray:
        raise AssertionError("laid out again")

    monkeypatch.setattr(atlas_module, "project", never)
    assert not make_atlas(library.store)


@pytest.mark.parametrize("count", [0, 1])
def test_small_libraries(tmp_path: Path, count: int) -> None:
    library = make_library(tmp_path, pieces(2)[:count])
    assert make_atlas(library.store)
    atlas = read_atlas(library.store)
    assert atlas is not None and len(atlas.track_ids) == count


def test_a_damaged_file_is_no_map_and_is_made_again(tmp_path: Path) -> None:
    library = make_library(tmp_path, pieces(3))
    make_atlas(library.store)
    whole = atlas_file(library.store).read_bytes()
    for damaged in (b"", b"no map", whole[: len(whole) // 2]):
        atlas_file(library.store).write_bytes(damaged)
        assert read_atlas(library.store) is None
    assert make_atlas(library.store)
    assert read_atlas(library.store) is not None


def test_the_map_of_a_replaced_model_goes(tmp_path: Path) -> None:
    library = make_library(tmp_path, pieces(3))
    old = atlas_file(library.store).with_name("ffff.npz")
    old.parent.mkdir()
    old.write_bytes(b"")
    make_atlas(library.store)
    assert not old.exists()


def test_indexing_makes_it_and_brings_it_up_to_date(tmp_path: Path, tiny_model: Path) -> None:
    for number in range(2):
        record(tmp_path / "music" / f"{number}.wav", number)
    library = Library(tmp_path / "library")
    library.index(tmp_path / "music", model=tiny_model, jobs=1)
    atlas = read_atlas(library.store)
    assert atlas is not None and sorted(atlas.track_ids) == library.tracks().track_ids
    record(tmp_path / "music" / "2.wav", 2)
    library.index(tmp_path / "music", model=tiny_model, jobs=1)
    later = read_atlas(library.store)
    assert later is not None and len(later.track_ids) == 3 and later.version != atlas.version


def test_indexing_never_fails_for_the_map(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(_: object) -> bool:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(indexing, "make_atlas", no_space)
    record(tmp_path / "music" / "a.wav", 1)
    library = Library(tmp_path / "library")
    reporter = StopAfter(99)
    summary = library.index(tmp_path / "music", model=tiny_model, jobs=1, reporter=reporter)
    assert summary.indexed == 1
    assert any("map of the library could not be made" in said for said in reporter.said)
