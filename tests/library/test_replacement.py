"""Another model: the old vectors answer until every file has been heard by the new one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from partwise.embedding.encoder import load_encoder
from partwise.library.index import run as indexing
from partwise.library.library import Library
from partwise.paths import hash_content
from recordings import StopAfter, counts, record
from tiny_model import write_tiny_model


@pytest.fixture
def other_model(tmp_path: Path) -> Path:
    """A model of other dimensions than ``tiny_model``."""
    return write_tiny_model(tmp_path / "other model", seed=1, dim=8)


@pytest.fixture
def library(tmp_path: Path, music: Path, tiny_model: Path) -> Library:
    library = Library(tmp_path / "library")
    library.index(music, jobs=1, model=tiny_model)
    return library


def tables(library: Library) -> set[str]:
    return {path.name for path in library.path.glob("*.lance")}


def test_it_takes_over_and_the_old_tables_go(
    library: Library, music: Path, tiny_model: Path, other_model: Path
) -> None:
    old, new = load_encoder(tiny_model).digest, load_encoder(other_model).digest
    assert library.tracks().vectors.shape == (5, 5, 16)
    listener = StopAfter(99)
    summary = library.index(music, jobs=1, model=other_model, reporter=listener)
    assert counts(summary) == {"indexed": 5}
    assert summary.replaced
    (sentence,) = listener.said
    assert old in sentence
    assert new in sentence
    assert "5 files" in sentence
    assert "re-embedded" in sentence
    assert "about" in sentence
    # The object that was open all the time sees it.
    assert library.store.digest == new
    assert library.tracks().vectors.shape == (5, 5, 8)
    assert tables(library) == {"ledger.lance", f"tracks_{new}.lance", f"segments_{new}.lance"}
    assert {row.model_digest for row in library.ledger()} == {new}
    assert counts(library.index(music, jobs=1, model=other_model)) == {"unchanged": 5}


def test_the_time_it_takes_is_told_from_the_rate(
    library: Library, music: Path, other_model: Path
) -> None:
    from dataclasses import replace

    from partwise.library.tables.manifest import Rate, read_manifest, write_manifest

    audio_s = library.tracks().duration_s.sum()
    manifest = replace(read_manifest(library.path), rate=Rate(audio_s=100, wall_s=50, jobs=2))
    write_manifest(library.path, manifest)
    listener = StopAfter(99)
    library.index(music, jobs=2, model=other_model, reporter=listener)
    assert f"about {audio_s / 2:.0f} s" in listener.said[0]


def test_the_old_model_answers_while_the_new_one_is_not_done(
    library: Library,
    music: Path,
    tiny_model: Path,
    other_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(indexing, "_UPDATE_S", 0.0)
    before = library.tracks()
    listener = StopAfter(2)
    first = library.index(music, jobs=1, model=other_model, reporter=listener, stop=listener.stop)
    assert first.interrupted
    assert 0 < first.indexed < 5
    reader = Library(library.path)
    assert reader.store.digest == load_encoder(tiny_model).digest
    assert reader.tracks().track_ids == before.track_ids
    assert (reader.tracks().vectors == before.vectors).all()
    assert set(reader.store.live_paths()) == set(before.track_ids)
    change = reader.status().replacement
    assert change is not None
    assert (change.files_done, change.files_total) == (first.indexed, 5)
    assert change.model.digest == load_encoder(other_model).digest

    # The second run goes on where the first was stopped.
    second = library.index(music, jobs=1, model=other_model)
    assert counts(second) == {"indexed": 5 - first.indexed, "unchanged": first.indexed}
    assert second.replaced
    assert library.status().replacement is None
    assert library.tracks().vectors.shape == (5, 5, 8)


def test_back_to_the_old_model_half_way(
    library: Library,
    music: Path,
    tiny_model: Path,
    other_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = tables(library)
    with monkeypatch.context() as patch:
        patch.setattr(indexing, "_UPDATE_S", 0.0)
        listener = StopAfter(2)
        library.index(music, jobs=1, model=other_model, reporter=listener, stop=listener.stop)
    assert tables(library) > before
    record(music / "new.wav", 30)
    assert counts(library.index(music, jobs=1, model=tiny_model)) == {"indexed": 1, "unchanged": 5}
    assert tables(library) == before
    assert library.status().replacement is None
    assert len(library.tracks()) == 6
    assert {row.model_digest for row in library.ledger()} == {load_encoder(tiny_model).digest}


def test_files_of_other_folders_are_heard_too(
    library: Library, music: Path, other_model: Path
) -> None:
    summary = library.index(music / "disc 2", jobs=1, model=other_model)
    assert counts(summary) == {"indexed": 5}
    assert summary.replaced


def test_files_out_of_reach_keep_the_old_model(
    library: Library, music: Path, tmp_path: Path, tiny_model: Path, other_model: Path
) -> None:
    old, new = load_encoder(tiny_model).digest, load_encoder(other_model).digest
    disk = tmp_path / "disk"
    record(disk / "x.wav", 40)
    library.index(disk, jobs=1, model=tiny_model)
    track_id = hash_content(disk / "x.wav")
    shutil.move(disk, tmp_path / "unplugged")
    summary = library.index(music, jobs=1, model=other_model)
    assert not summary.replaced
    assert summary.waiting == [str(disk / "x.wav")]
    assert library.store.digest == old
    assert track_id in library.tracks().track_ids

    # Plugged in again, it is all that is left to do.
    shutil.move(tmp_path / "unplugged", disk)
    summary = library.index(disk, jobs=1, model=other_model)
    assert counts(summary) == {"indexed": 1}
    assert summary.replaced
    assert library.store.digest == new
    assert len(library.tracks()) == 6


def test_prune_gives_up_what_is_out_of_reach(
    library: Library, music: Path, tmp_path: Path, tiny_model: Path, other_model: Path
) -> None:
    disk = tmp_path / "disk"
    record(disk / "x.wav", 40)
    library.index(disk, jobs=1, model=tiny_model)
    shutil.rmtree(disk)
    summary = library.index(music, jobs=1, model=other_model, prune=True)
    assert summary.replaced
    assert summary.pruned == 1
    assert len(library.ledger()) == len(library.tracks()) == 5
