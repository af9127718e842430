"""Folders of a library: which are kept, what is held of each, and taking one out."""

from __future__ import annotations

from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from partwise.library.holdings import common_folders
from partwise.library.library import Library
from partwise.library.tables.folders import (
    FILE_NAME,
    KeptFolder,
    drop_folders,
    note_begun,
    note_ended,
    read_folders,
    set_watched,
)
from partwise.library.tables.lock import WriterLock
from partwise.parts import Part
from small_library import Piece, make_library

SOUNDS = {Part.DRUMS: 10.0}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Two tracks below a, one below b, and one in both."""
    pieces = [
        Piece("a/1.mp3", SOUNDS),
        Piece("a/deep/2.mp3", SOUNDS),
        Piece("b/3.mp3", SOUNDS),
        Piece("ab/4.mp3", SOUNDS),
        Piece("a/5.mp3", SOUNDS, copies=["b/5.mp3"]),
    ]
    return make_library(tmp_path, pieces)


def test_roots_of_runs_are_kept(tmp_path: Path):
    for name in ("m/a", "m/b", "n", "library"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "song.mp3").touch()
    library, m, n = tmp_path / "library", str(tmp_path / "m"), str(tmp_path / "n")
    note_begun(library, [f"{m}/a", n, str(tmp_path / "song.mp3")])
    assert read_folders(library) == (KeptFolder(f"{m}/a"), KeptFolder(n))
    note_begun(library, [f"{m}/a/deep", f"{m}/b"])
    set_watched(library, f"{m}/b", True, polling=True)
    note_begun(library, [m])  # takes the place of those in it, but for the watched one
    assert [one.path for one in read_folders(library)] == [m, f"{m}/b", n]
    note_ended(library, [m])
    ended = {one.path: one.last_run_at is not None for one in read_folders(library)}
    assert ended == {m: True, f"{m}/b": True, n: False}
    assert read_folders(library)[1].watched and read_folders(library)[1].polling
    drop_folders(library, m)
    assert [one.path for one in read_folders(library)] == [n]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"folders": [1]}', '{"folders": [{}]}'])
def test_a_damaged_list_costs_the_list(library: Library, text: str):
    (library.path / FILE_NAME).write_text(text)
    assert read_folders(library.path) == ()
    assert sum(one.tracks for one in library.folders()) == 5


def test_what_is_held_of_each(library: Library, tmp_path: Path):
    music = tmp_path / "music"
    note_begun(library.path, [str(music / "a"), str(music / "b")])
    held = {Path(one.path).name: one for one in library.folders()}
    assert {name: (one.tracks, one.files, one.leaving) for name, one in held.items()} == {
        "a": (3, 3, 2),
        "b": (2, 2, 1),
        "ab": (1, 1, 1),
    }
    assert [held[name].kept for name in ("a", "b", "ab")] == [True, True, False]


def test_a_folder_is_forgotten_and_its_files_stay(library: Library, tmp_path: Path):
    music = tmp_path / "music"
    note_begun(library.path, [str(music / "a")])
    done = library.forget(music / "a")
    assert (done.files, done.tracks) == (3, 2)
    assert len(list(music.rglob("*.mp3"))) == 6
    names = sorted(Path(row.path).relative_to(music).as_posix() for row in library.ledger())
    assert names == ["ab/4.mp3", "b/3.mp3", "b/5.mp3"]
    assert len(library.tracks()) == 3 and library.store.segments.count() == 3
    assert read_folders(library.path) == () and library.check().sound
    with pytest.raises(PartwiseError, match="holds nothing of"):
        library.forget(music / "a")
    with WriterLock(library.path), pytest.raises(PartwiseError, match="is writing"):
        library.forget(music / "b")


def test_folders_in_common():
    assert common_folders(["/m/a/1.mp3", "/m/b/2.mp3", "/n/3.mp3", "subsonic://x/4"]) == [
        "/m",
        "/n",
    ]
    assert common_folders([]) == []
