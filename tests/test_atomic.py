"""Files that are written whole, whatever their names lead to."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from partwise.atomic import followed, is_plain, is_stdout, replacing, write_whole
from partwise.hearing.child import environment


def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_whole(path, "one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space") as raised:
        write_whole(path, "three")
    assert raised.value.filename == str(path)
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]
    assert path.read_bytes() == b"two"


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "lists").mkdir()
    target, link, second = tmp_path / "lists/a", tmp_path / "link", tmp_path / "second"
    link.symlink_to("lists/a")  # of a file that is yet to be made
    second.symlink_to("link")
    for content in ("new", "old"):
        write_whole(second, content)
        assert (second.is_symlink(), link.is_symlink(), target.read_text()) == (True, True, content)
    os.link(target, tmp_path / "other name")
    write_whole(link, "third")
    assert (tmp_path / "other name").read_text() == "third"
    assert sorted(path.name for path in target.parent.iterdir()) == ["a"]
    link.unlink()
    link.symlink_to("second")
    assert not is_plain(link) and not is_stdout(link)
    with pytest.raises(OSError, match="ymbolic link"):
        write_whole(link, "a circle")


def test_mode_and_owner_stay(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_whole(path, "new")
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 54321)
    before = path.stat()
    write_whole(path, "again")
    after = path.stat()
    kept = ("st_mode", "st_uid", "st_gid")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert path.read_text() == "again" and after.st_ino != before.st_ino


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EPERM])
def test_a_name_that_cannot_be_taken_is_written_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    path = tmp_path / "mounted alone"
    path.write_text("a long one from before")

    def refused(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", refused)
    write_whole(path, "new")
    assert path.read_text() == "new"
    with pytest.raises(OSError, match=os.strerror(number)):
        write_whole(tmp_path / "not there", "new")
    assert [file.name for file in tmp_path.iterdir()] == ["mounted alone"]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_disk_that_cannot_be_asked_to_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fsync(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    write_whole(tmp_path / "a", "whole")
    assert (tmp_path / "a").read_text() == "whole"
    number = errno.EIO  # the disk went wrong
    with pytest.raises(OSError, match=os.strerror(number)):
        write_whole(tmp_path / "a", "lost")
    assert (tmp_path / "a").read_text() == "whole"


def test_a_pipe_and_a_device_stay_what_they_are(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_bytes()))
    reader.start()
    with pytest.raises(ZeroDivisionError), replacing(link) as file:  # nothing reaches the reader
        file.write(b"half")
        _ = 1 // 0
    write_whole(link, "all of it")
    reader.join(10)
    assert heard == [b"all of it"]
    assert stat.S_ISFIFO(pipe.stat().st_mode) and link.is_symlink()
    assert not is_plain(link)
    full = tmp_path / "full"
    full.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        write_whole(full, "too much")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "link", "pipe"]


def test_open_files_are_written_to_where_they_stand(tmp_path: Path) -> None:
    read, write = os.pipe()
    assert followed(f"/dev/fd/{write}") == write
    write_whole(Path(f"/dev/fd/{write}"), "to the pipe")
    assert os.read(read, 100) == b"to the pipe"
    os.close(read)
    os.close(write)
    with pytest.raises(OSError, match="Bad file descriptor"):
        write_whole(Path(f"/dev/fd/{write}"), "closed")
    # A link to standard output, among what is printed, in a file: never its own place anew.
    (tmp_path / "link").symlink_to("/proc/self/fd/1")
    program = """
from pathlib import Path
from partwise.atomic import is_stdout, write_whole
print("before")
for name in ("-", "link"):
    assert is_stdout(name)
    write_whole(Path(name), name + "\\n")
print("after")
"""
    with open(tmp_path / "out", "wb") as out:
        subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, stdout=out, env=environment(), check=True
        )
    assert (tmp_path / "out").read_text() == "before\n-\nlink\nafter\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "out"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_must_not_be_written_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("kept")
    path.chmod(0o444)
    with pytest.raises(PermissionError):
        write_whole(path, "new")
    assert path.read_text() == "kept"
