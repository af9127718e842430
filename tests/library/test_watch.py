"""Watching folders: what counts as a change, when it has come to rest, and folders that go away."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partwise.library.index import watch as watching
from partwise.library.index.watch import Watch, follow, is_network, outermost
from partwise.library.library import Library
from partwise.paths import path_to_text
from recordings import counts, record

QUIET_S = 0.6


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder with something in it."""
    (tmp_path / "music" / "old").mkdir(parents=True)
    (tmp_path / "music" / "old" / "a.mp3").write_bytes(b"a")
    return tmp_path / "music"


@pytest.fixture(params=["told", "polling"])
def watch(request: pytest.FixtureRequest, music: Path, tmp_path: Path) -> Iterator[Watch]:
    """The folder is watched, and its first run is over."""
    polling = request.param == "polling"
    # Whoever looks through folders sees times of change in whole seconds.
    quiet_s = 1.6 if polling else QUIET_S
    watch = Watch(tmp_path / "music" / "library", quiet_s=quiet_s, poll_s=0.2)
    watch.add(str(music), polling=polling)
    assert watch.rested() == [str(music)]
    time.sleep(1.0)  # until its thread has looked at everything
    yield watch
    watch.close()


def wait_for(look: Callable[[], object], seconds: float = 15.0) -> object:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if found := look():
            return found
        time.sleep(0.05)
    return look()


def test_a_new_file_is_told_when_it_has_come_to_rest(watch: Watch, music: Path):
    started_s = time.monotonic()
    (music / "old" / "b.mp3").write_bytes(b"b")
    assert wait_for(watch.rested) == [str(music / "old")]
    assert time.monotonic() - started_s >= QUIET_S
    assert watch.rested() == []


def test_what_is_written_for_long_is_waited_for(watch: Watch, music: Path):
    """Ten pieces, one every fifth of a second: told once, after the last."""
    with open(music / "old" / "long.wav", "wb", buffering=0) as file:
        for _ in range(10):
            file.write(b"piece" * 1000)
            time.sleep(0.2)
            assert watch.rested() == []
        ended_s = time.monotonic()
    assert wait_for(watch.rested) == [str(music / "old")]
    assert time.monotonic() - ended_s >= QUIET_S - 0.3


def test_folders_that_come_move_and_go(watch: Watch, music: Path):
    (music / "new" / "deep").mkdir(parents=True)
    (music / "new" / "deep" / "c.flac").write_bytes(b"c")
    told = wait_for(watch.rested)
    assert isinstance(told, list) and told[0] in (str(music), str(music / "new"))
    (music / "new").rename(music / "newer")
    assert wait_for(watch.rested) == [str(music)]
    (music / "newer" / "deep" / "c.flac").unlink()
    assert wait_for(watch.rested) == [str(music / "newer" / "deep")]


def test_what_is_no_recording_is_not_told(watch: Watch, music: Path):
    (music / "library").mkdir()
    (music / "library" / "x.mp3").write_bytes(b"the library's own")
    (music / "#recycle").mkdir()
    (music / "#recycle" / "thrown.mp3").write_bytes(b"away")
    (music / "old" / "cover.jpg").write_bytes(b"picture")
    time.sleep(watch.quiet_s + 1.5)
    assert watch.rested() == []


def test_a_folder_that_is_away_is_left_alone_until_it_is_back(watch: Watch, music: Path):
    """As a disk is: the folder it was mounted on is there, and empty."""
    music.rename(music.with_name("elsewhere"))
    assert wait_for(lambda: watch.rested() or watch.states()[str(music)] == "away") is True
    music.mkdir()
    time.sleep(0.3)
    assert watch.rested() == [] and watch.states() == {str(music): "away"}
    music.rmdir()
    music.with_name("elsewhere").rename(music)
    assert wait_for(watch.rested) == [str(music)]
    assert watch.states()[str(music)] in ("watching", "polling")


def test_watched_no_more(watch: Watch, music: Path):
    watch.remove(str(music))
    assert watch.states() == {}
    (music / "b.mp3").write_bytes(b"b")
    time.sleep(watch.quiet_s + 1.0)
    assert watch.rested() == []


def test_what_the_system_cannot_watch_is_looked_through(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import watchfiles

    real = watchfiles.watch

    def limited(*args, force_polling: bool, **options):
        if not force_polling:
            raise OSError(28, "OS file watch limit reached")
        return real(*args, force_polling=True, **options)

    monkeypatch.setattr(watchfiles, "watch", limited)
    watch = Watch(tmp_path / "library", quiet_s=QUIET_S, poll_s=0.2)
    watch.add(str(music), polling=False)
    assert wait_for(lambda: watch.states()[str(music)] == "polling") is True
    watch.close()


def test_a_run_that_fails_is_tried_again(
    music: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """And files that were still being written are looked at once more."""
    monkeypatch.setattr(watching, "_RETRY_S", 0.2)
    watch = Watch(tmp_path / "library", quiet_s=QUIET_S)
    watch.add(str(music))
    asked: list[list[str]] = []
    stop = threading.Event()

    def run(folders: list[str]) -> list[str] | None:
        asked.append(folders)
        if len(asked) == 3:
            return [path_to_text(music / "old" / "a.mp3")]
        if len(asked) == 4:
            stop.set()
            return []
        return None

    follow(watch, run, stop, look_s=0.05)
    watch.close()
    assert asked == [[str(music)]] * 3 + [[str(music / "old")]]


def test_files_that_changed_just_now_are_left_for_the_next_run(tmp_path: Path, tiny_model: Path):
    """And are heard whole when they have come to rest; those that are old are heard now."""
    for number in range(3):
        path = record(tmp_path / "music" / f"{number}.wav", number)
        os.utime(path, (1e9, 1e9))
    whole = (tmp_path / "music" / "2.wav").read_bytes()
    (tmp_path / "music" / "2.wav").write_bytes(whole[: len(whole) // 2])
    library = Library(tmp_path / "library")
    summary = library.index(tmp_path / "music", model=tiny_model, jobs=1, quiet_s=5.0)
    assert counts(summary) == {"indexed": 2}
    assert summary.unfinished == [str(tmp_path / "music" / "2.wav")]
    assert len(library.ledger()) == 2
    path = tmp_path / "music" / "2.wav"
    path.write_bytes(whole)
    os.utime(path, (1e9, 1e9))
    summary = library.index(tmp_path / "music", model=tiny_model, jobs=1, quiet_s=5.0)
    assert counts(summary) == {"indexed": 1, "unchanged": 2} and summary.unfinished == []


def test_network_drives_are_known_by_their_mounts(tmp_path: Path):
    here = os.path.realpath(tmp_path)
    table = tmp_path / "mounts"
    table.write_text(
        "/dev/sda1 / ext4 rw 0 0\n"
        f"nas:/music {here}/my\\040music nfs4 rw 0 0\n"
        f"/dev/sdb1 {here}/my\\040music/disk ext4 rw 0 0\n"
    )
    assert not is_network(f"{here}/local", str(table))
    assert is_network(f"{here}/my music/album", str(table))
    assert not is_network(f"{here}/my music/disk/album", str(table))
    assert not is_network(here, str(tmp_path / "none"))


def test_folders_inside_others_are_not_named():
    assert outermost(["/m/b/c", "/m/a", "/m/b", "/m/bb"]) == ["/m/a", "/m/b", "/m/bb"]
