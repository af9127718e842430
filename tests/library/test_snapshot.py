"""The snapshot answers as the tables do, and only while it agrees with them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from partwise.library.library import Library
from partwise.library.tables.reader import Store
from partwise.library.tables.snapshot import FILE_NAME, open_snapshot, stamp
from partwise.library.tables.writer import Writer, write_snapshot
from partwise.parts import Part
from small_library import Piece, add_pieces, make_library

D, B = Part.DRUMS, Part.BASS


def pieces(count: int, first: int = 0) -> list[Piece]:
    return [Piece(f"{n}.mp3", {D: 3.0 * n, B: 5.0 * n}, 1 + n % 4) for n in range(first, count)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    library = make_library(tmp_path, pieces(12))
    write_snapshot(library.store)
    return tmp_path / "library"


def snapshot_of(folder: Path):
    return Store(folder, snapshot=True).snapshot


def test_answers_are_those_of_the_tables(folder: Path):
    quick, plain = Library.open(folder), Library.open(folder)
    assert quick.store.snapshot is not None
    plain.store._uses_snapshot = False
    assert quick.catalogue == plain.catalogue
    for query in ("3.mp3", "7.mp3", str(folder.parent / "music" / "3.mp3")):
        more: dict[str, Any]
        for more in ({}, {"at": (0.0, 9.0)}, {"include_duplicates": True}, {"max_per_artist": 1}):
            assert quick.search(query, "drums=2,bass", **more) == plain.search(
                query, "drums=2,bass", **more
            )
    ids = list(plain.catalogue)
    own, theirs = quick.store.segments_of(ids), plain.store.segments_of(ids)
    assert own.keys() == theirs.keys()
    for track_id, segments in own.items():
        for name in ("embeddings", "presence", "start_s", "end_s", "presence_threshold"):
            np.testing.assert_array_equal(getattr(segments, name), getattr(theirs[track_id], name))
        assert segments.seconds == theirs[track_id].seconds
    file = str(folder.parent / "music" / "3.mp3")
    assert quick.find(file) == plain.find(file) is not None
    assert [quick.paths_of(i) for i in ids] == [plain.paths_of(i) for i in ids]


def test_a_command_reads_nothing_else(folder: Path):
    code = (
        "import sys; from partwise import Library;"
        f"hits = Library.open({str(folder)!r}).search('3.mp3', 'drums=2,bass');"
        "assert len(hits) == 10 and hits[0].moments;"
        "assert not {'lancedb', 'pyarrow', 'onnxruntime'} & sys.modules.keys(), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_what_a_writer_adds_makes_it_stale(folder: Path):
    library = Library.open(folder)
    assert len(library.search("0.mp3", "drums", top=50)) == 11
    writer = Writer(Store(folder), library.store.active)
    add_pieces(writer, folder.parent / "music", pieces(14, first=12))
    assert library.store.snapshot is None
    assert len(library.search("0.mp3", "drums", top=50)) == 13
    write_snapshot(writer.store)
    assert library.store.snapshot is not None
    assert len(library.search("0.mp3", "drums", top=50)) == 13


def test_another_model_or_place_makes_it_stale(folder: Path):
    store = Store(folder)
    model = store.active
    other = replace(model, presence_threshold=(0.6,) * 5)
    assert open_snapshot(folder, other, stamp(folder, other)) is None
    assert stamp(folder, replace(model, digest="other")) is None
    assert stamp(folder.parent, model) is None


def test_a_copied_library_keeps_it(folder: Path, tmp_path: Path):
    import shutil

    shutil.copytree(folder, tmp_path / "copy")
    assert snapshot_of(tmp_path / "copy") is not None


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_one_that_is_cut_off_is_not_read(folder: Path, share: float):
    path = folder / FILE_NAME
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert snapshot_of(folder) is None
    assert Library.open(folder).search("3.mp3", "drums")
    write_snapshot(Store(folder))
    assert path.read_bytes() == whole


def test_every_flipped_byte_leaves_the_answers_as_they_are(folder: Path):
    path = folder / FILE_NAME
    whole = bytearray(path.read_bytes())
    expected = Library.open(folder).search("3.mp3", "drums=2,bass")
    passage = Library.open(folder).search("3.mp3", "drums", at=(0, 9))
    for at in np.linspace(0, len(whole) - 1, 60).astype(int):
        damaged = bytearray(whole)
        damaged[at] ^= 0x41
        path.write_bytes(damaged)
        assert Library.open(folder).search("3.mp3", "drums=2,bass") == expected
        assert Library.open(folder).search("3.mp3", "drums", at=(0, 9)) == passage


def test_none_is_kept_for_more_than_a_command_reads(folder: Path, monkeypatch):
    monkeypatch.setattr("partwise.library.tables.snapshot.MAX_TRACKS", 5)
    write_snapshot(Store(folder))
    assert not (folder / FILE_NAME).exists()
    assert Library.open(folder).search("3.mp3", "drums")
