"""Indexing runs: what is heard, what is not heard again, and what becomes of each file."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from mutagen.flac import FLAC

from folding_disk import fold_names_below
from partwise.audio.tags import Tags
from partwise.embedding.encoder import load_encoder
from partwise.errors import PartwiseError
from partwise.library.index import run as indexing
from partwise.library.index.options import PruneRefused
from partwise.library.library import Library
from partwise.library.reports import IndexSummary, Progress
from partwise.library.tables.folders import read_folders
from partwise.library.tables.ledger import LedgerRow, State
from partwise.paths import hash_content
from recordings import StopAfter, counts, record
from sounds import tone, write


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


@pytest.fixture
def index(library: Library, music: Path, tiny_model: Path):
    """Index ``music`` (or what is named) with two workers."""

    def run(*roots: Path, **options) -> IndexSummary:
        return library.index(list(roots) or [music], jobs=2, model=tiny_model, **options)

    return run


def rows(library: Library) -> dict[str, LedgerRow]:
    return {Path(row.path).name: row for row in library.ledger()}


def no_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on nothing may be read."""

    def refuse(*args, **kwargs):
        raise AssertionError("a worker was started")

    monkeypatch.setattr(indexing, "Workers", refuse)


def test_what_is_stored_is_what_the_encoder_hears(
    index, library: Library, music: Path, tiny_model: Path
) -> None:
    summary = index()
    assert counts(summary) == {"indexed": 5}
    encoder = load_encoder(tiny_model)
    tracks = library.tracks()
    segments = library.store.segments_of(tracks.track_ids)
    assert len(tracks) == len(segments) == 5
    assert library.store.digest == encoder.digest
    for path in sorted(music.rglob("*.*")):
        track_id = hash_content(path)
        heard = encoder.embed_file(path)
        place = tracks.track_ids.index(track_id)
        vector, presence = heard.track()
        np.testing.assert_allclose(tracks.vectors[place], vector, atol=1e-6)
        np.testing.assert_allclose(tracks.presence[place], presence, atol=1e-6)
        assert tracks.duration_s[place] == pytest.approx(heard.seconds)
        assert tracks.segments[place] == len(heard)
        np.testing.assert_allclose(segments[track_id].embeddings, heard.embeddings, atol=1e-6)
        np.testing.assert_allclose(segments[track_id].presence, heard.presence, atol=1e-6)
        np.testing.assert_array_equal(segments[track_id].start_s, heard.start_s)
        np.testing.assert_array_equal(segments[track_id].end_s, heard.end_s)
        assert library.find(path) == track_id == library.find(track_id)
        assert library.paths_of(track_id) == [str(path)]
        row = rows(library)[path.name]
        assert (row.state, row.content_hash, row.reason) == (State.INDEXED, track_id, None)
        assert (row.size, row.mtime_ns) == (path.stat().st_size, path.stat().st_mtime_ns)
        assert row.model_digest == encoder.digest
        assert row.seconds is not None
        assert row.seconds > 0
    assert summary.audio_s == pytest.approx(tracks.duration_s.sum())
    assert library.find(music / "nothing.wav") is None


def test_several_segments_stay_in_order(index, library: Library, tmp_path: Path) -> None:
    path = write(tmp_path / "long" / "a.wav", tone(33.0, 100.0))
    index(tmp_path / "long")
    segments = library.store.segments_of([hash_content(path)])[hash_content(path)]
    assert segments.start_s.tolist() == [0.0, 5.0, 10.0, 15.0, 20.0, 23.0]
    assert segments.end_s[-1] == 33.0


def test_unchanged_files_are_not_read_and_nothing_is_written(
    index, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    index()
    before = rows(library)
    versions = [t.version for t in (library.store.ledger_table, library.store.tracks)]
    no_workers(monkeypatch)
    assert counts(index()) == {"unchanged": 5}
    assert rows(library) == before
    fresh = Library(library.path).store
    assert [t.version for t in (fresh.ledger_table, fresh.tracks)] == versions


def test_a_touched_file_is_hashed_but_not_heard(index, library: Library, music: Path) -> None:
    index()
    os.utime(music / "a.wav", ns=(1, 1_600_000_000_000_000_001))
    version = library.store.tracks.version
    summary = index()
    assert counts(summary) == {"unchanged": 5}
    assert summary.audio_s == 0
    assert rows(library)["a.wav"].mtime_ns == 1_600_000_000_000_000_001
    assert Library(library.path).store.tracks.version == version


def test_a_changed_file_is_heard_and_its_old_track_goes(
    index, library: Library, music: Path
) -> None:
    index()
    old = hash_content(music / "a.wav")
    record(music / "a.wav", 50)
    assert counts(index()) == {"indexed": 1, "unchanged": 4}
    tracks = library.tracks()
    assert old not in tracks.track_ids
    assert len(tracks) == 5
    assert library.store.segments_of([old]) == {}
    assert library.store.segments.count() == tracks.segments.sum()


def test_moved_files_are_known_by_content(index, library: Library, music: Path) -> None:
    index()
    before = rows(library)
    (music / "disc 2").rename(music / "disc two")
    (music / "a.wav").rename(music / "renamed.wav")
    summary = index()
    assert counts(summary) == {"moved": 3, "unchanged": 2}
    assert summary.audio_s == 0
    after = rows(library)
    assert set(after) == {"renamed.wav", "b.flac", "c.mp3", "d.wav", "e.ogg"}
    assert after["renamed.wav"].content_hash == before["a.wav"].content_hash
    assert after["renamed.wav"].seconds == before["a.wav"].seconds
    assert library.paths_of(hash_content(music / "disc two/d.wav")) == [
        str(music / "disc two/d.wav")
    ]
    assert len(library.tracks()) == 5


def test_a_file_moved_out_of_its_root_is_followed(
    index, library: Library, music: Path, tmp_path: Path
) -> None:
    index()
    other = tmp_path / "other"
    other.mkdir()
    shutil.move(music / "a.wav", other / "a.wav")
    assert counts(index(other)) == {"moved": 1}
    assert rows(library)["a.wav"].path == str(other / "a.wav")
    assert len(library.ledger()) == 5


def test_identical_files_are_one_track(index, library: Library, music: Path) -> None:
    for number in range(4):  # enough for two of them to be under way at once
        shutil.copy(music / "a.wav", music / f"copy {number}.wav")
    assert counts(index()) == {"indexed": 9, "copies": 4}
    track_id = hash_content(music / "a.wav")
    assert len(library.tracks()) == 5
    assert len(library.paths_of(track_id)) == 5
    assert library.store.live_paths()[track_id] == library.paths_of(track_id)
    (music / "a.wav").unlink()
    assert counts(index()) == {"unchanged": 8, "missing": 1}
    assert len(library.paths_of(track_id)) == 4
    assert counts(index(prune=True)) == {"unchanged": 8, "pruned": 1}
    assert track_id in library.tracks().track_ids


def test_a_deleted_file_is_missing_until_pruned(
    index, library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index()
    track_id = hash_content(music / "a.wav")
    kept = music.parent / "kept.wav"
    shutil.move(music / "a.wav", kept)
    assert counts(index()) == {"unchanged": 4, "missing": 1}
    assert rows(library)["a.wav"].state is State.MISSING
    assert track_id not in library.store.live_paths()
    assert library.paths_of(track_id) == []
    assert track_id in library.tracks().track_ids

    # Back again, it answers again without being read.
    shutil.move(kept, music / "a.wav")
    with monkeypatch.context() as patch:
        no_workers(patch)
        assert counts(index()) == {"unchanged": 5}
    assert rows(library)["a.wav"].state is State.INDEXED

    (music / "a.wav").unlink()
    index()
    assert counts(index(prune=True)) == {"unchanged": 4, "pruned": 1}
    assert "a.wav" not in rows(library)
    assert track_id not in library.tracks().track_ids
    assert library.store.segments_of([track_id]) == {}


def test_prune_forgets_only_below_the_folders_named(index, library: Library, music: Path) -> None:
    index()
    (music / "a.wav").unlink()
    (music / "disc 2" / "d.wav").unlink()
    assert counts(index(music / "disc 2", prune=True)) == {"unchanged": 1, "pruned": 1}
    assert set(rows(library)) == {"a.wav", "b.flac", "c.mp3", "e.ogg"}


def test_failures_are_kept_with_their_reasons(index, library: Library, music: Path) -> None:
    (music / "empty.mp3").touch()
    write(music / "silent.wav", np.zeros(44100, np.float32))
    os.mkfifo(music / "pipe.mp3")
    summary = index()
    assert counts(summary) == {"indexed": 5, "failed": 3}
    reasons = {Path(row.path).name: row.reason or "" for row in summary.failures}
    assert reasons["empty.mp3"].startswith("empty")
    assert reasons["silent.wav"].startswith("silent")
    assert "named pipe" in reasons["pipe.mp3"]
    assert reasons == {n: r.reason for n, r in rows(library).items() if r.state is State.FAILED}

    assert counts(index()) == {"unchanged": 5, "failed_earlier": 3}
    assert counts(index(retry_failed=True)) == {"unchanged": 5, "failed_earlier": 3}
    record(music / "empty.mp3", 20)
    (music / "silent.wav").unlink()
    (music / "pipe.mp3").unlink()
    assert counts(index()) == {"indexed": 1, "unchanged": 5}
    assert {row.state for row in library.ledger()} == {State.INDEXED}
    assert len(library.ledger()) == 6


def test_a_good_file_that_turns_bad(index, library: Library, music: Path) -> None:
    index()
    track_id = hash_content(music / "a.wav")
    (music / "a.wav").write_bytes(b"no longer audio")
    assert counts(index()) == {"unchanged": 4, "failed": 1}
    assert track_id not in library.tracks().track_ids


def test_a_damaged_file_that_can_be_used_has_a_note(index, library: Library, music: Path) -> None:
    whole = (music / "a.wav").read_bytes()
    (music / "a.wav").write_bytes(whole[: len(whole) * 3 // 4])
    assert counts(index()) == {"indexed": 5}
    row = rows(library)["a.wav"]
    assert row.state is State.INDEXED
    assert "cut short" in (row.reason or "")
    assert [Path(r.path).name for r in library.status().noted] == ["a.wav"]
    os.utime(music / "a.wav")
    index()
    assert rows(library)["a.wav"].reason == row.reason


def test_tags_are_stored(index, library: Library, music: Path) -> None:
    file = FLAC(music / "b.flac")
    file.update({"title": "It's", "artist": "Ärzte", "album": "B", "date": "2003-01-01"})
    file.save()
    index()
    tracks = library.tracks()
    tags = dict(zip(tracks.track_ids, tracks.tags, strict=True))
    assert tags[hash_content(music / "b.flac")] == Tags("It's", "Ärzte", "B", 2003)
    assert tags[hash_content(music / "a.wav")] == Tags()


def test_names_with_odd_bytes_quotes_and_breaks(index, library: Library, music: Path) -> None:
    names = [b"caf\xe9.wav", b"it's; DROP TABLE.wav", b"line\nbreak.wav", b"100%.wav"]
    for name in names:
        try:
            shutil.copy(os.fsencode(music / "a.wav"), os.fsencode(music) + b"/" + name)
        except OSError:
            pytest.skip("this file system takes no such names")
    (music / "a.wav").unlink()
    assert counts(index()) == {"indexed": 8, "copies": 3}
    (track_id,) = [i for i, paths in library.store.live_paths().items() if len(paths) == 4]
    found = {os.path.basename(os.fsencode(path)) for path in library.paths_of(track_id)}
    assert found == set(names)
    for name in names:
        assert library.find(os.fsdecode(os.fsencode(music) + b"/" + name)) == track_id
    for name in names:
        os.unlink(os.fsencode(music) + b"/" + name)
    assert counts(index(prune=True)) == {"unchanged": 4, "pruned": 4}
    assert len(library.ledger()) == 4


def test_a_missing_root_marks_nothing(index, library: Library, music: Path) -> None:
    index()
    before = library.ledger()
    shutil.rmtree(music)
    with pytest.raises(PartwiseError, match="music does not exist"):
        index(prune=True)
    assert library.ledger() == before


def test_an_emptied_root_is_not_pruned(
    index, library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index()
    tracks = library.tracks().track_ids
    music.rename(music.parent / "away")
    music.mkdir()
    away = [f"nothing was found in {music}, where 5 files were"]
    for _ in range(2):  # also where a run has marked them already
        summary = index()
        assert (counts(summary), summary.away) == ({"missing": 5}, away)
        with pytest.raises(PruneRefused, match=f"prune forgets nothing: {away[0]}: is") as refused:
            index(prune=True)
        assert counts(refused.value.summary) == {"missing": 5}
    assert library.tracks().track_ids == tracks
    # Mounted again, nothing is heard.
    music.rmdir()
    (music.parent / "away").rename(music)
    with monkeypatch.context() as patch:
        no_workers(patch)
        summary = index(prune=True)
    assert (counts(summary), summary.away) == ({"unchanged": 5}, [])
    shutil.rmtree(music)
    music.mkdir()
    assert counts(index(prune_anyway=True)) == {"pruned": 5}
    assert (library.ledger(), library.tracks().track_ids) == ([], [])


def test_a_cue_sheet_is_noted(index, library: Library, music: Path) -> None:
    (music / "b.cue").write_text('FILE "b.flac" WAVE\n TRACK 01 AUDIO\n TRACK 02 AUDIO\n')
    summary = index()
    assert (counts(summary), summary.noted) == ({"indexed": 5}, 1)
    note = "its cue sheet of 2 tracks is not read: the file is one track"
    assert {name: row.reason for name, row in rows(library).items() if row.reason} == {
        "b.flac": note
    }
    assert index().noted == 0


def test_a_tree_that_moved_is_not_away(index, library: Library, music: Path) -> None:
    index()
    (music / "sorted").mkdir()
    for path in list(music.glob("*.*")):
        path.rename(music / "sorted" / path.name)
    (music / "disc 2").rename(music / "sorted" / "disc 2")
    summary = index(prune=True)
    assert (counts(summary), summary.away) == ({"moved": 5}, [])


def test_no_audio_at_all(library: Library, tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("text")
    with pytest.raises(PartwiseError, match=r"no audio files in .*texts \(left aside: 1 \.txt\)$"):
        library.index([tmp_path / "texts"], model=tiny_model)
    assert not library.path.exists()


def test_what_was_indexed_before_it_was_thrown_away_is_missing(
    index, library: Library, music: Path
) -> None:
    """Left aside is counted, and what lies in a bin by now answers no more until it is named."""
    index()
    (music / "cover.jpg").touch()
    bin_folder = music / "#recycle"
    bin_folder.mkdir()
    song = next(path for path in sorted(music.rglob("*")) if path.suffix in (".flac", ".wav"))
    song.rename(bin_folder / song.name)
    summary = index()
    assert counts(summary) == {"unchanged": 4, "missing": 1}
    assert (summary.left_aside, summary.not_entered) == ({".jpg": 1}, {"#recycle": 1})
    assert counts(index(music, bin_folder)) == {"unchanged": 4, "moved": 1}
    assert counts(index()) == {"unchanged": 4, "missing": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [({"jobs": 0}, "--jobs is 0"), ({"nice": 20}, "--nice is 20"), ({"nice": -1}, "--nice is -1")],
)
def test_options_out_of_range(library: Library, music: Path, options, message: str) -> None:
    with pytest.raises(PartwiseError, match=message):
        library.index(music, **options)
    assert not library.path.exists()


def test_a_model_that_is_not_there(library: Library, music: Path, tmp_path: Path) -> None:
    with pytest.raises(PartwiseError, match=r"nothing\.onnx"):
        library.index(music, model=tmp_path / "nothing.onnx")
    assert not library.path.exists()


def test_a_stopped_run_keeps_what_is_done(
    library: Library, music: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexing, "_UPDATE_S", 0.0)
    listener = StopAfter(2)
    summary = library.index(music, jobs=1, model=tiny_model, reporter=listener, stop=listener.stop)
    assert summary.interrupted
    assert 2 <= summary.indexed < 5
    assert summary.left == 5 - summary.indexed
    assert len(library.ledger()) == len(library.tracks()) == summary.indexed
    rest = library.index(music, jobs=1, model=tiny_model)
    assert counts(rest) == {"indexed": summary.left, "unchanged": summary.indexed}


def test_progress_reaches_the_end(index, library: Library) -> None:
    class Listener(StopAfter):
        last: Progress | None = None

        def update(self, progress: Progress) -> None:
            self.last = progress

    listener = Listener(0)
    index(reporter=listener)
    assert listener.last is not None
    assert listener.last.files_done == listener.last.files_total == 5
    assert listener.last.audio_s > 9
    assert listener.last.left_s == 0


def test_status(index, library: Library, music: Path) -> None:
    (music / "empty.mp3").touch()
    index()
    (music / "a.wav").unlink()
    index()
    status = library.status()
    assert (status.tracks, status.indexed) == (5, 4)
    assert [Path(row.path).name for row in status.failed] == ["empty.mp3"]
    assert [Path(row.path).name for row in status.missing] == ["a.wav"]
    assert status.segments == library.store.segments.count()
    assert status.audio_s == pytest.approx(library.tracks().duration_s.sum())
    assert status.bytes_on_disk > 1000
    assert status.replacement is None


def test_tracks_are_read_again_only_when_they_change(index, library: Library, music: Path) -> None:
    index()
    first = library.tracks()
    assert library.tracks() is first
    record(music / "new.wav", 30)
    index()
    assert len(Library(library.path).tracks()) == 6


def test_a_disk_that_takes_a_name_in_any_letters(
    index, library: Library, music: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index()
    fold_names_below(music.parent, monkeypatch)
    other = music.with_name(music.name.upper())
    no_workers(monkeypatch)
    assert counts(index(other)) == {"unchanged": 5}
    assert [kept.path for kept in read_folders(library.path)] == [str(music)]
    song = next(music.rglob("*.*"))
    asked = other / str(song.relative_to(music)).upper()
    found = [hit.track_id for hit in library.search(asked)]
    assert found == [hit.track_id for hit in library.search(song)]
    assert hash_content(song) not in found  # it is the song of the library, not a file beside it
