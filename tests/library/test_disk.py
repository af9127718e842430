"""A disk that cannot hold a library: one sentence, nothing half made, and searches work."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.stores.faults import storage_errors, translated
from partwise.library.tables.disk import check_disk
from recordings import counts

SENTENCE = "cannot hold a library that is written to, only one that is searched: it lacks"


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Library:
    from recordings import record

    home = tmp_path_factory.mktemp("good")
    for number in range(3):
        record(home / "music" / f"{number}.wav", number)
    library = Library(home / "library")
    library.index(home / "music", jobs=1, model=tiny_model)
    return library


@pytest.fixture(params=["link", "replace"])
def poor_disk(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder below which a call that Lance makes fails as it does on exFAT or over a network."""
    disk = tmp_path / "disk"
    disk.mkdir()
    real = getattr(os, request.param)
    number = errno.EPERM if request.param == "link" else errno.ENOTSUP

    def refused(source, target, **options):
        if str(disk) in os.fspath(target):
            raise OSError(number, os.strerror(number), source, None, target)
        return real(source, target, **options)

    monkeypatch.setattr(os, request.param, refused)
    return disk


def test_nothing_is_begun(poor_disk: Path, good: Library, tiny_model: Path) -> None:
    music = good.path.parent / "music"
    for place in (poor_disk / "a" / "b" / "library", poor_disk):
        with pytest.raises(PartwiseError, match=SENTENCE):
            Library(place).index(music, jobs=1, model=tiny_model)
        assert list(poor_disk.iterdir()) == []


def test_a_copied_library_is_searched(poor_disk: Path, good: Library, tiny_model: Path) -> None:
    copied = Library(shutil.copytree(good.path, poor_disk / "library"))
    before = sorted(path for path in copied.path.rglob("*"))
    music = good.path.parent / "music"
    for write in (
        lambda: copied.index(music, jobs=1, model=tiny_model),
        lambda: copied.check(repair=True, model=tiny_model),
    ):
        with pytest.raises(PartwiseError, match=SENTENCE):
            write()
    assert len(copied.search(music / "0.wav")) == 2
    assert copied.check(model=tiny_model).sound
    assert sorted(path for path in copied.path.rglob("*")) == before


@pytest.mark.parametrize("number", [1, 38, 95])
def test_what_the_store_says_is_translated(number: int, good: Library) -> None:
    error = RuntimeError(
        "lance error: LanceError(IO): Generic LocalFileSystem error: Unable to rename file:"
        f" Some words (os error {number}), /home/somebody/commit.rs:1663:50"
    )
    with pytest.raises(PartwiseError, match=SENTENCE), storage_errors(good.path):
        raise error
    assert SENTENCE in str(translated(error, str(good.path), "ledger"))
    other = RuntimeError(str(error).replace(f"error {number})", "error 5)"))
    assert "`partwise check --repair` mends it" in str(translated(other, str(good.path), "ledger"))


def test_a_run_that_fails_later_leaves_nothing_either(
    good: Library, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = good.path.parent / "music"
    (tmp_path / "made before").mkdir()

    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    for name in ("partwise.library.tables.lock.check_disk", "partwise.library.tables.lock.lock"):
        with monkeypatch.context() as patch:
            patch.setattr(name, refused)
            for place in (tmp_path / "a" / "library", tmp_path / "made before"):
                with pytest.raises((PartwiseError, OSError), match="ock"):
                    Library(place).index(music, jobs=1, model=tiny_model)
        assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == ["made before"]
    summary = Library(tmp_path / "made before").index(music, jobs=1, model=tiny_model)
    assert counts(summary) == {"indexed": 3}


@pytest.fixture
def exfat(tmp_path: Path) -> Iterator[Path]:
    """A real one, for root on Linux with exfatprogs and exfat-fuse."""
    image, disk = tmp_path / "image", tmp_path / "stick"
    disk.mkdir()
    with open(image, "wb") as file:
        file.truncate(64 << 20)

    def done(*command: str | Path) -> str:
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            pytest.skip(f"no exFAT can be mounted here: {error}")

    done("mkfs.exfat", image)
    loop = done("losetup", "--find", "--show", image).strip()
    try:
        done("mount.exfat-fuse", loop, disk)
        yield disk
        subprocess.run(["umount", "--lazy", disk], check=True)
    finally:
        subprocess.run(["losetup", "--detach", loop], check=True)


def test_on_exfat(exfat: Path, good: Library, tiny_model: Path) -> None:
    music = good.path.parent / "music"
    with pytest.raises(PartwiseError, match=SENTENCE):
        Library(exfat / "a" / "library").index(music, jobs=1, model=tiny_model)
    with pytest.raises(PartwiseError, match=SENTENCE):
        check_disk(exfat)
    assert list(exfat.iterdir()) == []
    copied = Library(shutil.copytree(good.path, exfat / "library"))
    with pytest.raises(PartwiseError, match=SENTENCE):
        copied.index(music, jobs=1, model=tiny_model)
    assert len(copied.search(music / "0.wav")) == 2
    # Music may lie there.
    shutil.copytree(music, exfat / "music")
    summary = Library(good.path.parent / "other").index(exfat / "music", jobs=1, model=tiny_model)
    assert counts(summary) == {"indexed": 3}
