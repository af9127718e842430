"""Which files a folder holds, without reading any of them."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from partwise.library.index.planning import Scan, scan
from partwise.paths import path_to_text


def put(path: Path, contents: bytes = b"audio") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)
    return path


def names(result: Scan, folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in result.files]


def test_files_by_suffix_in_any_case_in_order(tmp_path: Path) -> None:
    for name in ("b.mp3", "A.FLAC", "sub/c.Wav", "notes.txt", "cover.jpg", "mp3", "._b.mp3"):
        put(tmp_path / name)
    assert names(scan([tmp_path]), tmp_path) == ["A.FLAC", "b.mp3", "sub/c.Wav"]


def test_stat_is_taken_along(tmp_path: Path) -> None:
    path = put(tmp_path / "a.mp3", b"12345")
    os.utime(path, ns=(1, 1_600_000_000_123_456_789))
    found = scan([tmp_path]).files[str(path)]
    assert (found.size, found.mtime_ns) == (5, 1_600_000_000_123_456_789)


def test_a_root_can_be_a_file_of_any_suffix(tmp_path: Path) -> None:
    path = put(tmp_path / "recording.unknown")
    assert list(scan([path]).files) == [str(path)]


def test_roots_inside_each_other_give_files_once(tmp_path: Path) -> None:
    put(tmp_path / "sub" / "a.mp3")
    assert names(scan([tmp_path / "sub", tmp_path]), tmp_path) == ["sub/a.mp3"]


def test_a_missing_root_is_an_error_that_names_it(tmp_path: Path) -> None:
    put(tmp_path / "a.mp3")
    with pytest.raises(PartwiseError, match=r"nowhere does not exist"):
        scan([tmp_path, tmp_path / "nowhere"])


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    music, outside = tmp_path / "music", tmp_path / "outside"
    put(music / "a.mp3")
    put(outside / "b.mp3")
    (music / "linked").symlink_to(outside)
    (music / "linked.mp3").symlink_to(outside / "b.mp3")
    (music / "loop").symlink_to(music)
    (outside / "back").symlink_to(music)
    assert names(scan([music]), music) == ["a.mp3", "linked.mp3", "linked/b.mp3"]


def test_a_linked_folder_keeps_its_real_name(tmp_path: Path) -> None:
    """A link that sorts before the folder it names must not rename the folder's files."""
    put(tmp_path / "jazz" / "a.mp3")
    (tmp_path / "a link").symlink_to(tmp_path / "jazz")
    assert names(scan([tmp_path]), tmp_path) == ["jazz/a.mp3"]


def test_names_that_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "dangling.mp3").symlink_to("nothing")
    (tmp_path / "dangling.txt").symlink_to("nothing")
    (tmp_path / "loop.mp3").symlink_to("loop.mp3")
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "album.mp3").mkdir()
    put(tmp_path / "album.mp3" / "a.mp3")
    found = scan([tmp_path])
    assert names(found, tmp_path) == ["album.mp3/a.mp3"]
    assert {os.path.basename(path): reason for path, reason in found.problems.items()} == {
        "dangling.mp3": "dangling symbolic link to nothing",
        "loop.mp3": "symbolic link that leads back to itself",
        "pipe.wav": "not a regular file but a named pipe",
    }


def test_odd_bytes_in_names(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9.mp3"
    try:
        with open(name, "wb"):
            pass
    except OSError:
        pytest.skip("this file system takes no such names")
    assert list(scan([tmp_path]).files) == [path_to_text(name)]


def test_an_unreadable_folder_is_a_problem_and_not_covered(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    put(closed / "a.mp3")
    put(tmp_path / "b.mp3")
    closed.chmod(0)
    try:
        if os.access(closed, os.R_OK):
            pytest.skip("this user reads every folder")
        found = scan([tmp_path])
    finally:
        closed.chmod(0o700)
    assert names(found, tmp_path) == ["b.mp3"]
    assert found.problems == {str(closed): "folder cannot be read: permission denied"}
    assert not found.covers(str(closed / "a.mp3"))
    assert found.covers(str(tmp_path / "gone.mp3"))


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As above, for a user who may read everything: the system says no."""
    put(tmp_path / "closed" / "a.mp3")
    put(tmp_path / "b.mp3")
    listed = os.scandir

    def scandir(path):
        if path == str(tmp_path / "closed"):
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = scan([tmp_path])
    assert names(found, tmp_path) == ["b.mp3"]
    assert list(found.problems.values()) == ["folder cannot be read: permission denied"]
    assert not found.covers(str(tmp_path / "closed" / "a.mp3"))


def test_the_library_itself_is_not_searched(tmp_path: Path) -> None:
    put(tmp_path / "a.mp3")
    put(tmp_path / "library" / "b.mp3")
    assert names(scan([tmp_path], tmp_path / "library"), tmp_path) == ["a.mp3"]


def test_a_folder_that_goes_away_meanwhile(tmp_path: Path, monkeypatch) -> None:
    put(tmp_path / "a" / "a.mp3")
    put(tmp_path / "b" / "b.mp3")
    listed = os.scandir

    def scandir(path):
        if path == str(tmp_path / "a"):
            shutil.rmtree(tmp_path / "b")
        return listed(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = scan([tmp_path])
    assert names(found, tmp_path) == ["a/a.mp3"]
    assert not found.problems


def test_stop_ends_the_scan(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        scan([tmp_path], None, stop)


def test_what_is_left_aside_is_counted_by_ending(tmp_path: Path) -> None:
    for name in ("a.mp3", "b.JPG", "sub/c.jpg", "d.pdf", "README", "Mr. Big", "._a.mp3", "e.m3u8"):
        put(tmp_path / name)
    found = scan([tmp_path])
    assert found.aside == {".jpg": 2, ".pdf": 1, "without ending": 2, "._*": 1, ".m3u8": 1}
    assert names(found, tmp_path) == ["a.mp3"]


@pytest.mark.parametrize(
    "bin_name",
    "#recycle/$RECYCLE.BIN/.Trash-1000/.Trashes/.stversions/@eaDir/.AppleDouble/@Recycle"
    "/lost+found/.sync/#Snapshot/.recycle/System Volume Information".split("/"),
)
def test_bins_and_former_versions_are_left_out_unless_named(tmp_path: Path, bin_name: str) -> None:
    put(tmp_path / "a.mp3")
    gone = put(tmp_path / "albums" / bin_name / "deep" / "b.mp3")
    found = scan([tmp_path])
    assert names(found, tmp_path) == ["a.mp3"]
    assert found.not_entered == {bin_name: 1}
    assert found.leaves_out(str(gone)) and not found.leaves_out(str(tmp_path / "a.mp3"))
    named = tmp_path / "albums" / bin_name
    for roots in ([named], [named / "deep"], [tmp_path, named], [gone]):
        found = scan(roots)
        assert str(gone) in found.files
        assert not found.not_entered


def test_folders_with_nomedia_are_left_out_unless_named(tmp_path: Path) -> None:
    put(tmp_path / "a.mp3")
    put(tmp_path / "private" / ".nomedia", b"")
    put(tmp_path / "private" / "b.mp3")
    put(tmp_path / "private" / "sub" / "c.mp3")
    found = scan([tmp_path])
    assert names(found, tmp_path) == ["a.mp3"]
    assert found.not_entered == {".nomedia": 1}
    both = ["private/b.mp3", "private/sub/c.mp3"]
    named = scan([tmp_path / "private"])
    assert (names(named, tmp_path), named.aside) == (both, {})
    assert names(scan([tmp_path, tmp_path / "private"]), tmp_path) == ["a.mp3", *both]


def test_names_that_only_look_like_bins_are_entered(tmp_path: Path) -> None:
    for name in ("Trash", "Recycle", ".hidden", "Lost & Found", ".Trash-talk"):
        put(tmp_path / name / "a.mp3")
    found = scan([tmp_path])
    assert len(found.files) == 5
    assert not found.not_entered


def test_a_link_into_a_bin_is_entered_by_its_own_name(tmp_path: Path) -> None:
    put(tmp_path / "music" / "a.mp3")
    put(tmp_path / "#recycle" / "b.mp3")
    (tmp_path / "music" / "kept").symlink_to(tmp_path / "#recycle")
    (tmp_path / "music" / ".Trashes").symlink_to(tmp_path / "#recycle")
    found = scan([tmp_path / "music"])
    assert names(found, tmp_path) == ["music/a.mp3", "music/kept/b.mp3"]
    assert found.not_entered == {".Trashes": 1}
