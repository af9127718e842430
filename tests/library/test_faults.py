"""Files, workers and disks that fail while a run is on."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from partwise.hearing import process as hearing_process
from partwise.library.library import Library
from partwise.library.stores.faults import storage_errors
from partwise.library.tables.ledger import State
from partwise.library.tables.lock import WriterLock
from partwise.library.tables.reader import Store
from recordings import counts, record


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "library")


def reasons(library: Library) -> dict[str, str]:
    return {
        Path(row.path).name: row.reason or ""
        for row in library.ledger()
        if row.state is State.FAILED
    }


def test_a_crash_costs_one_file(
    library: Library,
    music: Path,
    tiny_model: Path,
    misbehaving: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = ["aborts", "is killed", "grows", "vanishes", "surprises"]
    for number, name in enumerate(names):
        record(music / f"{name}.wav", 20 + number)
    summary = library.index(music, jobs=2, model=tiny_model)
    assert counts(summary) == {"indexed": 5, "failed": 5}
    assert reasons(library) == {
        "aborts.wav": "the decoder crashed while reading it (SIGABRT)",
        "is killed.wav": "its worker was killed while reading it",
        "grows.wav": "changed while being read",
        "vanishes.wav": "vanished while being read",
        "surprises.wav": "RuntimeError: what a surprise",
    }
    assert len(library.tracks()) == 5

    # What is not the file's own fault is tried again; what is gone is forgotten.
    monkeypatch.setenv("PYTHONPATH", "")
    summary = library.index(music, jobs=2, model=tiny_model)
    assert counts(summary) == {"indexed": 2, "unchanged": 5, "failed_earlier": 2}
    assert set(reasons(library)) == {"aborts.wav", "surprises.wav"}
    summary = library.index(music, jobs=2, model=tiny_model, retry_failed=True)
    assert counts(summary) == {"indexed": 2, "unchanged": 7}
    assert len(library.tracks()) == 9


def test_copies_of_a_file_that_fails_are_heard_themselves(
    library: Library, music: Path, tiny_model: Path, misbehaving: None
) -> None:
    """The first of them vanishes, or crashes, while the others wait for what it holds."""
    contents = record(music / "1 vanishes.wav", 30).read_bytes()
    for name in ("2 aborts.wav", "3 sound.wav", "4 sound.wav"):
        (music / name).write_bytes(contents)
    summary = library.index(music, jobs=4, model=tiny_model)
    assert summary.failed <= 2
    assert summary.indexed == 9 - summary.failed
    found = {
        Path(path).name for path in library.paths_of(library.find(music / "3 sound.wav") or "")
    }
    assert {"3 sound.wav", "4 sound.wav"} <= found
    assert len(library.tracks()) == 6


def test_a_file_that_takes_for_ever_is_given_up(
    library: Library,
    music: Path,
    tiny_model: Path,
    misbehaving: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearing_process, "_LIMIT_S", 2.0)
    monkeypatch.setattr(hearing_process, "_LIMIT_BYTES_PER_S", 1e9)
    record(music / "takes long.wav", 30)
    assert counts(library.index(music, jobs=2, model=tiny_model)) == {"indexed": 5, "failed": 1}
    assert reasons(library) == {"takes long.wav": "given up after 0 minutes"}


def test_workers_that_cannot_start(
    library: Library,
    music: Path,
    tmp_path: Path,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import os; os._exit(3)")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    with pytest.raises(PartwiseError, match=r"a worker process ended at its start \(exit status 3"):
        library.index(music, jobs=2, model=tiny_model)
    monkeypatch.setenv("PYTHONPATH", "")
    assert counts(library.index(music, jobs=2, model=tiny_model)) == {"indexed": 5}


def test_a_file_that_cannot_be_opened_keeps_its_track(
    library: Library, music: Path, tiny_model: Path
) -> None:
    library.index(music, jobs=1, model=tiny_model)
    track_id = library.find(music / "a.wav")
    os.utime(music / "a.wav")
    (music / "a.wav").chmod(0)
    if os.access(music / "a.wav", os.R_OK):
        pytest.skip("this user reads every file")
    summary = library.index(music, jobs=1, model=tiny_model)
    assert counts(summary) == {"unchanged": 4, "failed": 1}
    assert reasons(library) == {"a.wav": "permission denied"}
    assert track_id in library.tracks().track_ids
    assert counts(library.index(music, jobs=1, model=tiny_model))["failed_earlier"] == 1
    (music / "a.wav").chmod(0o600)
    summary = library.index(music, jobs=1, model=tiny_model)
    assert counts(summary) == {"indexed": 1, "copies": 1, "unchanged": 4}


def test_two_indexers(library: Library, music: Path, tiny_model: Path) -> None:
    library.index(music / "disc 2", jobs=1, model=tiny_model)
    before = library.ledger()
    message = f"process {os.getpid()} is writing to the library at"
    with WriterLock(library.path), pytest.raises(PartwiseError, match=message):
        library.index(music, jobs=1, model=tiny_model)
    assert library.ledger() == before


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("lance error: LanceError(IO): No space left on device (os error 28), x.rs:1"),
    ],
)
def test_a_full_disk_is_one_sentence(error: Exception, tmp_path: Path) -> None:
    with (
        pytest.raises(PartwiseError, match=r"no space left .* what was stored before is intact"),
        storage_errors(tmp_path),
    ):
        raise error


def test_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    with (
        pytest.raises(PartwiseError, match=f"the library {tmp_path} cannot be written"),
        storage_errors(tmp_path),
    ):
        raise OSError(errno.EROFS, "Read-only file system")


def test_other_errors_are_not_disguised(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), storage_errors(tmp_path):
        raise ZeroDivisionError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, 120 kB large."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    try:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=120k", "tmpfs", str(folder)], capture_output=True
        )
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    if mounted.returncode != 0:
        pytest.skip("mounting a small disk takes root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(small_disk: Path, tmp_path: Path, tiny_model: Path) -> None:
    music = tmp_path / "many"
    for number in range(8):
        record(music / "1" / f"{number}.wav", number, 1.0)
    for number in range(24):
        record(music / "2" / f"{number}.wav", 10 + number, 60.0)
    library = Library(small_disk / "library")
    library.index(music / "1", jobs=1, model=tiny_model)
    before, vectors = library.ledger(), library.tracks().vectors
    with pytest.raises(PartwiseError, match=r"no space left .* what was stored before is intact"):
        library.index(music, jobs=2, model=tiny_model)
    reader = Library.open(library.path)
    assert set(before) <= set(reader.ledger())
    assert len(reader.tracks()) >= 8
    stored = {row.content_hash for row in reader.ledger()}
    assert stored <= set(reader.tracks().track_ids)

    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    summary = library.index(music, jobs=2, model=tiny_model)
    assert summary.usable == 32
    assert len(library.tracks()) == len(library.ledger()) == 32
    assert library.store.segments.count() == library.tracks().segments.sum()
    assert {tuple(v.ravel()) for v in vectors} <= {
        tuple(v.ravel()) for v in Store(library.path).track_vectors().vectors
    }
