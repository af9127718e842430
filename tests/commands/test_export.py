"""``partwise export`` and ``Library.embeddings``: what is written is what the library holds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from partwise import PARTS, Part, PartwiseError
from partwise.audio.tags import Tags
from partwise.cli import main
from partwise.library.export import embeddings as exported
from partwise.library.library import Library
from small_library import DIGEST, DIM, Piece, make_library

D, B = Part.DRUMS, Part.BASS


@pytest.fixture
def library(tmp_path: Path) -> Library:
    pieces = [
        Piece(
            "a.mp3", {D: [0, 5, None], B: 90}, 3, Tags("One", "Ann", "It", 1990), copies=["x.mp3"]
        ),
        Piece("b.mp3", {D: 30}, 2, Tags(None, None, None, None)),
        Piece("c.mp3", {B: 80}, 4, Tags("Three", "Cay", None, 2000)),
    ]
    return make_library(tmp_path, pieces)


def run(library: Library, *arguments: str | Path) -> int:
    return main(["export", "--library", str(library.path), *map(str, arguments)])


def test_segments_as_a_table(library, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(exported, "_TRACKS_AT_ONCE", 2)
    out = tmp_path / "s.parquet"
    assert run(library, "--of", "segments", "--parquet", out) == 0
    assert capfd.readouterr().out.startswith(f"wrote {out}: segments 9, tracks 3, ")
    table = pq.read_table(out)
    assert table.equals(library.embeddings("segments").to_arrow())
    rows = table.to_pylist()
    assert [row["start_s"] for row in rows if row["title"] == "One"] == [0, 5, 10]
    for track_id, heard in library.store.segments_of(library.catalogue).items():
        own = [row for row in rows if row["track_id"] == track_id]
        for part in PARTS:
            found = np.array([row[f"embedding_{part}"] for row in own], np.float32)
            np.testing.assert_array_equal(found, heard.embeddings[:, part.index])
            found = np.array([row[f"presence_{part}"] for row in own], np.float32)
            np.testing.assert_array_equal(found, heard.presence[:, part.index])
        assert [row["end_s"] for row in own] == heard.end_s.tolist()
    one = next(row for row in rows if row["title"] == "One")
    assert [Path(path).name for path in one["paths"]] == ["a.mp3", "x.mp3"]
    assert (one["path"], one["model_digest"]) == (one["paths"][0], DIGEST)
    assert (one["artist"], one["album"], one["year"], one["duration_s"]) == ("Ann", "It", 1990, 20)
    assert table.schema.field("embedding_drums").type.list_size == DIM


def test_tracks_as_arrays(library, tmp_path, capfd):
    out = tmp_path / "t.npz"
    assert run(library, "--npz", out) == 0
    expected = library.tracks()
    with np.load(out) as written:
        order = np.argsort(written["track_id"][written["track"]])
        assert written["track_id"][written["track"]][order].tolist() == expected.track_ids
        np.testing.assert_array_equal(written["embeddings"][order], expected.vectors)
        np.testing.assert_array_equal(written["presence"][order], expected.presence)
        assert written["end_s"][order].tolist() == expected.duration_s.tolist()
        assert sorted(written["title"].tolist()) == ["", "One", "Three"]
        assert written["parts"].tolist() == list(PARTS)
        assert str(written["model_digest"]) == DIGEST
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_segments_as_arrays_are_those_in_memory(library, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(exported, "_TRACKS_AT_ONCE", 1)
    out = tmp_path / "s.npz"
    assert run(library, "--of", "segments", "--npz", out) == 0
    held = library.embeddings("segments")
    with np.load(out) as written:
        for name in ("embeddings", "presence", "start_s", "end_s", "track"):
            np.testing.assert_array_equal(written[name], getattr(held, name))
        assert written["track_id"][written["track"]].tolist() == held.track_ids
    assert len(held) == 9 and held.model_digest == DIGEST


def test_a_track_without_a_file_is_left_out(library):
    from dataclasses import replace

    from partwise.library.tables.ledger import State
    from partwise.library.tables.lock import WriterLock
    from partwise.library.tables.writer import Writer

    gone = next(row for row in library.ledger() if row.os_path.endswith("c.mp3"))
    with WriterLock(library.path):
        Writer(library.store, library.store.active).add([], [replace(gone, state=State.MISSING)])
    left = Library.open(library.path).embeddings("segments")
    assert sorted(t.title for t in left.tracks) == ["One", "b"] and len(left) == 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name one file to write: --parquet FILE or --npz FILE"),
        (("--parquet", "a.parquet", "--npz", "a.npz"), "name one file to write"),
        (("--parquet", "a.npz"), "--parquet a.npz: the file's name must end in .parquet"),
        (("--npz", "a"), "--npz a: the file's name must end in .npz"),
    ],
)
def test_what_is_refused(library, tmp_path, monkeypatch, capfd, arguments, said):
    monkeypatch.chdir(tmp_path)
    assert run(library, *arguments) == 2
    error = capfd.readouterr().err
    assert said in error and error.count("\n") == 1
    with pytest.raises(PartwiseError, match="no 'songs'"):
        library.embeddings("songs")


def test_to_standard_output(library, capfdbinary):
    import io

    assert run(library, "--parquet", "-") == 0
    captured = capfdbinary.readouterr()
    assert pq.read_table(io.BytesIO(captured.out)).num_rows == 3
    assert captured.err.startswith(b"wrote -: tracks 3")


def test_an_empty_library(tmp_path, capfd):
    assert run(make_library(tmp_path, []), "--npz", tmp_path / "a.npz") == 2
    assert "holds no tracks with a file" in capfd.readouterr().err
