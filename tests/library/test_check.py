"""Findings of ``check`` and what ``--repair`` makes of them, on rows written by hand."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from partwise.errors import PartwiseError
from partwise.hearing.worker import LOOK_AGAIN
from partwise.library.check import repair as mending
from partwise.library.check import tables as checked_tables
from partwise.library.check.check import check
from partwise.library.check.rows import TOLERANCES, wrong_vectors
from partwise.library.check.tables import Tables
from partwise.library.library import Library
from partwise.library.reports import Report
from partwise.library.stores.rows import vector_column, vectors_of
from partwise.library.tables.ledger import State
from partwise.library.tables.lock import WriterLock
from partwise.library.tables.manifest import ModelInfo
from partwise.library.tables.reader import Store, segments_name, tracks_name
from partwise.parts import Part
from small_library import DIGEST, Piece, make_library

TRACKS, SEGMENTS = tracks_name(DIGEST), segments_name(DIGEST)


@pytest.fixture
def library(tmp_path: Path) -> Library:
    pieces = [
        Piece(f"{n}.mp3", {Part.DRUMS: [10.0 * n, 20.0 * n, 5.0], Part.BASS: 7.0 * n}, segments=3)
        for n in range(4)
    ]
    return make_library(tmp_path, pieces)


def look(library: Library, **options: Any) -> Report:
    return check(library.path, isolated=False, **options)


def problems(report: Report) -> str:
    return "\n".join(f"{finding.where}: {finding.problem}" for finding in report.findings)


def id_of(library: Library, name: str) -> str:
    found = library.find(library.path.parent / "music" / name)
    assert found is not None
    return found


def rewrite(library: Library, name: str, track_id: str, change: Callable[[dict], dict]) -> None:
    """Replace the rows of one track; change : from columns to columns, as lists or arrays."""
    vectors = Store(library.path).vectors(name)
    rows = vectors.fetch([track_id])
    columns = {n: rows.column(n).to_pylist() for n in rows.schema.names if n != "vector"}
    columns["vector"] = vectors_of(rows).copy()
    columns = change(columns)
    columns["vector"] = vector_column(columns["vector"])
    vectors.delete([track_id])
    vectors.upsert(pa.table(columns, schema=rows.schema), new=True)


def test_a_sound_library(library: Library) -> None:
    report = look(library, files=True)
    assert report.findings == report.notes == []
    assert report.sound
    assert (report.tracks, report.segments, report.files, report.files_read) == (4, 12, 4, 4)


SPOILT: dict[str, tuple[str, Callable[[dict], dict], str]] = {
    "too long": (SEGMENTS, lambda c: c | {"vector": c["vector"] * 1.1}, "length is not 1"),
    "presence": (SEGMENTS, lambda c: c | {"presence_drums": [1.5, 0.9, 0.9]}, "outside 0..1"),
    "numbers": (SEGMENTS, lambda c: c | {"segment": [0, 1, 1]}, "missing, or there twice"),
    "times": (SEGMENTS, lambda c: c | {"start_s": [0.0, 6.0, 5.0]}, "impossible times"),
    "digest": (SEGMENTS, lambda c: c | {"model_digest": ["x"] * 3}, "another model"),
    "gaps": (SEGMENTS, lambda c: c | {"start_s": [0.0, None, 5.0]}, "gaps"),
    "count": (TRACKS, lambda c: c | {"segments": [2]}, "another number of segments"),
    "length": (TRACKS, lambda c: c | {"duration_s": [500.0]}, "another length"),
    "turned": (TRACKS, lambda c: c | {"vector": -c["vector"]}, "not that of the segments"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_wrong_tracks_are_found_dropped_and_heard_again(library: Library, name: str) -> None:
    table, change, words = SPOILT[name]
    track_id = id_of(library, "1.mp3")
    rewrite(library, table, track_id, change)
    report = look(library)
    assert words in problems(report)
    assert "1.mp3" in problems(report)
    assert not report.sound
    assert look(library, repair=True).sound
    again = look(library)
    assert again.findings == []
    assert again.notes == ["1 file(s) wait for the next index run to be heard"]
    assert track_id not in Store(library.path).track_ids()
    row = next(row for row in Library(library.path).ledger() if row.path.endswith("1.mp3"))
    assert (row.state, row.mtime_ns, row.reason) == (State.FAILED, LOOK_AGAIN, mending.UNHEARD)
    assert (again.tracks, again.segments) == (3, 9)


def test_vectors_that_are_not_finite() -> None:
    model = ModelInfo(DIGEST, 8, (0.5,) * 5)
    norms, presence = np.ones((2, 5)), np.full((2, 5), 0.9, np.float32)
    tolerance = TOLERANCES["float32"]
    assert wrong_vectors(norms, presence, model, tolerance) is None
    norms[1, 2] = np.nan
    assert wrong_vectors(norms, presence, model, tolerance) == "vectors that are not finite"


def test_a_wrong_track_whose_file_is_gone_is_lost_and_named(library: Library) -> None:
    track_id = id_of(library, "1.mp3")
    rewrite(library, TRACKS, track_id, SPOILT["turned"][1])
    (library.path.parent / "music" / "1.mp3").unlink()
    report = look(library, repair=True)
    assert "1.mp3" in report.findings[0].problem
    assert report.findings[0].mended == "1 lost: dropped, and none of their files is there"
    assert look(library).findings == []
    assert track_id not in Store(library.path).track_ids()


def test_lost_tracks_are_heard_again(library: Library) -> None:
    shutil.rmtree(library.path / f"{TRACKS}.lance")
    assert f"the table {TRACKS} cannot be read whole: it is missing" in problems(look(library))
    report = look(library, repair=True)
    assert report.sound
    assert "segments and no track" in problems(report)
    assert "4 dropped, to be heard again by the next index run" in str(report.findings[1])
    again = look(library)
    assert again.findings == []
    assert again.notes == ["4 file(s) wait for the next index run to be heard"]


def test_a_track_that_is_there_twice(library: Library) -> None:
    tracks = library.store.tracks
    tracks.upsert(tracks.fetch([id_of(library, "2.mp3")]), new=True)
    assert "there twice" in problems(look(library))
    assert look(library, repair=True).sound
    assert look(library).findings == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "confused"}, "the state 'confused' is none"),
        ({"content_hash": "xyz"}, "its content hash is none"),
        ({"content_hash": None}, "it has no content"),
        ({"path": "relative.mp3"}, "that is no path"),
        ({"seconds": -1.0}, "its seconds are impossible"),
        ({"size": None}, "it has no size"),
    ],
)
def test_wrong_ledger_rows_are_forgotten(library: Library, change: dict, words: str) -> None:
    row = library.ledger()[0]
    rows = mending.rows_to_arrow([replace(row, path="/music/other.mp3")])
    values = {name: rows.column(name).to_pylist() for name in rows.schema.names}
    values |= {name: [value] for name, value in change.items()}
    library.store.ledger_table.add(pa.table(values, schema=rows.schema))
    assert words in problems(look(library))
    assert look(library, repair=True).sound
    assert look(library).findings == []
    assert len(Library(library.path).ledger()) == 4


def test_a_path_that_stands_there_twice(library: Library) -> None:
    library.store.ledger_table.add(mending.rows_to_arrow([library.ledger()[0]]))
    assert "it stands there twice" in problems(look(library))
    assert look(library, repair=True).sound
    assert look(library).findings == []


def test_a_lost_ledger_is_begun_anew_and_no_track_is_dropped(library: Library) -> None:
    shutil.rmtree(library.path / "ledger.lance")
    assert look(library, repair=True).sound
    again = look(library)
    assert again.findings == []
    assert "4 track(s) belong to no file that the ledger knows" in again.notes[0]
    assert again.tracks == 4


def test_leftovers(library: Library) -> None:
    other = library.path / "tracks_ffff.lance"
    shutil.copytree(library.path / f"{TRACKS}.lance", other)
    (library.path / "library.json.new").write_text("{")
    (library.path / "atlas").mkdir()
    (library.path / "atlas" / f"{DIGEST}.npz").write_bytes(b"PK no")
    (library.path / "atlas" / "ffff.npz").write_bytes(b"")
    names = {finding.where for finding in look(library).findings}
    assert names == {
        "tracks_ffff.lance",
        "library.json.new",
        f"atlas/{DIGEST}.npz",
        "atlas/ffff.npz",
    }
    assert look(library, repair=True).sound
    assert look(library).findings == []
    assert not other.exists()


def test_files_that_hold_something_else(library: Library) -> None:
    music = library.path.parent / "music"
    status = (music / "0.mp3").stat()
    content = bytearray((music / "0.mp3").read_bytes())
    content[0] ^= 1
    (music / "0.mp3").write_bytes(content)
    os.utime(music / "0.mp3", ns=(status.st_atime_ns, status.st_mtime_ns))
    (music / "1.mp3").write_bytes(b"another recording")
    (music / "2.mp3").unlink()
    assert look(library).findings == []
    report = look(library, files=True)
    assert "0.mp3, hold something else though size and time" in problems(report)
    assert "1 file(s) were changed since they were heard" in report.notes
    assert "1 file(s) are not there" in report.notes
    assert look(library, files=True, repair=True).sound
    assert look(library, files=True).findings == []


def test_repair_needs_the_writer_lock_and_looking_does_not(library: Library) -> None:
    with WriterLock(library.path):
        assert look(library).sound
        with pytest.raises(PartwiseError, match="is writing to the library"):
            look(library, repair=True)


def test_findings_beside_a_writer_may_be_its_work(library: Library) -> None:
    tracks = library.store.tracks
    tracks.upsert(tracks.fetch([id_of(library, "2.mp3")]), new=True)
    assert look(library).notes == []
    with WriterLock(library.path):
        assert "what was found may be no more than its unfinished work" in look(library).notes[0]


def spoil(library: Library, table: str) -> None:
    """Cut everything that a table holds."""
    for file in (library.path / f"{table}.lance" / "data").glob("*.lance"):
        file.write_bytes(file.read_bytes()[:100])


@pytest.mark.parametrize("moment", ["os.replace", "lancedb.connect"])
def test_a_repair_that_is_cut_off_is_taken_up_again(
    library: Library, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a damaged table is put aside, or before an empty one takes its place."""
    spoil(library, TRACKS)

    def cut_off(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    begin_anew = checked_tables.begin_anew

    def begin_anew_cut_off(*arguments: Any) -> str:
        monkeypatch.setattr(moment, cut_off)
        return begin_anew(*arguments)

    monkeypatch.setattr(checked_tables, "begin_anew", begin_anew_cut_off)
    with pytest.raises(KeyboardInterrupt):
        look(library, repair=True)
    monkeypatch.undo()
    assert not look(library).sound
    assert look(library, repair=True).sound
    assert look(library).findings == []
    assert (library.path / "damaged" / f"{TRACKS}.lance").is_dir()
    assert {row.reason for row in Library(library.path).ledger()} == {mending.UNHEARD}


@pytest.mark.parametrize("former", [False, True])
def test_a_damaged_table_is_put_aside_and_named(library: Library, former: bool) -> None:
    aside = f"{SEGMENTS}.lance"
    if former:
        (library.path / "damaged" / aside).mkdir(parents=True)
        aside = f"{SEGMENTS} 2.lance"
    spoil(library, SEGMENTS)
    mended = look(library, repair=True).findings[0].mended
    assert mended == f"began it anew, and kept what is damaged as damaged/{aside}"
    assert any((library.path / "damaged" / aside / "data").iterdir())
    again = look(library)
    assert aside in again.notes[-1]
    assert "in the folder 'damaged' is what repairs put aside" in again.notes[-1]
    assert (again.findings, again.tracks, again.segments) == ([], 0, 0)
    assert {row.reason for row in Library(library.path).ledger()} == {mending.UNHEARD}


def test_what_came_last_is_lost_alone(library: Library) -> None:
    """A power cut: the newest rows were never written."""
    segments = library.store.segments
    tracks = sorted(library.tracks().track_ids)
    rows = segments.fetch([tracks[0]])
    segments.delete([tracks[0]])
    segments.upsert(rows, new=True)
    newest = max(
        (library.path / f"{SEGMENTS}.lance" / "data").glob("*.lance"),
        key=lambda path: path.stat().st_mtime_ns,
    )
    newest.write_bytes(b"")
    report = look(library, repair=True)
    assert "went back to an older version, of 9 rows" in str(report.findings[0])
    assert look(library).findings == []
    assert sorted(Store(library.path).track_ids()) == tracks[1:]


def test_a_broken_vector_index_is_built_anew(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pieces = [
        Piece(f"{n}.mp3", {part: float(rng.uniform(0, 360)) for part in Part}) for n in range(300)
    ]
    library = make_library(tmp_path, pieces)
    assert library.store.tracks.optimise(min_rows=1)
    assert look(library).findings == []
    for file in (library.path / f"{TRACKS}.lance" / "_indices").rglob("*"):
        if file.is_file():
            file.write_bytes(b"")
    report = look(library)
    assert [finding.where for finding in report.findings] == [TRACKS]
    assert "a search through its index fails" in report.findings[0].problem
    assert look(library, repair=True).sound
    assert look(library).findings == []


def test_no_library(tmp_path: Path) -> None:
    with pytest.raises(PartwiseError, match="there is no library at"):
        check(tmp_path / "nothing")


def test_a_lost_library_json_of_another_model_needs_that_model(library: Library) -> None:
    (library.path / "library.json").unlink()
    report = look(library, repair=True)
    assert not report.sound
    assert f"it was made with the model {DIGEST}" in report.findings[0].remedy
    assert not (library.path / "library.json").exists()


# --- damage that ends the process that reads it


@pytest.fixture
def apart(library: Library) -> Iterator[Tables]:
    tables = Tables(library.path, isolated=True)
    yield tables
    tables.close()


def test_in_a_process_of_its_own(library: Library, apart: Tables) -> None:
    told: list[int] = []
    assert apart.examine(SEGMENTS, told.append) is None
    assert told[-1] == 12
    spoil(library, SEGMENTS)
    damage = apart.examine(SEGMENTS)
    assert damage is not None
    assert damage.file is not None
    assert damage.file.startswith(f"{SEGMENTS}.lance/data/")
    schema = mending.expected_tables(library.store.manifest)[SEGMENTS]
    assert apart.mend(SEGMENTS, schema).startswith("began it anew, and kept what is damaged as")
    assert apart.examine(SEGMENTS) is None


def test_a_reader_that_dies_is_a_finding(
    library: Library, apart: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checked_tables, "_PROGRAM", "import os; os.abort()")
    damage = apart.examine(SEGMENTS)
    assert damage is not None
    assert damage.cause == "reading it ends the process (SIGABRT)"
    schema = mending.expected_tables(library.store.manifest)[SEGMENTS]
    assert apart.mend(SEGMENTS, schema).startswith("began it anew")
