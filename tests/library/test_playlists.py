import os
from pathlib import Path
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

import pytest

from partwise import PartwiseError
from partwise.library.media.playlists import (
    Entry,
    m3u8_bytes,
    relative_path,
    write_m3u8,
    write_xspf,
    xspf_bytes,
)

NAMES = [
    "plain.mp3",
    "with space & <angle>.mp3",
    "#comment.mp3",
    "12:30 blues.mp3",
    " leading.mp3",
    "trailing ",
    "100%25.mp3",
    "Café – ångström 東京.flac",
    "two\nlines.mp3",
    os.fsdecode(b"odd \xff\xfe bytes.mp3"),
]


@pytest.fixture
def songs(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "music" / "album"
    folder.mkdir(parents=True)
    paths = []
    for number, name in enumerate(NAMES):
        path = folder / name
        path.write_text(str(number))
        paths.append(path)
    return paths


def read_m3u8(playlist: Path) -> list[Path]:
    """What a player does: strict UTF-8, lines without '#', stripped, relative to the folder."""
    paths = []
    for line in playlist.read_bytes().decode("utf-8").split("\n"):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("file://"):
            paths.append(Path(os.fsdecode(unquote_to_bytes(line.removeprefix("file://")))))
        else:
            paths.append(playlist.parent / line)
    return paths


def read_xspf(playlist: Path) -> list[Path]:
    tree = ElementTree.parse(playlist)
    locations = [node.text or "" for node in tree.iterfind(".//{http://xspf.org/ns/0/}location")]
    assert all(location.isascii() and " " not in location for location in locations)
    return [playlist.parent / os.fsdecode(unquote_to_bytes(location)) for location in locations]


@pytest.mark.parametrize("folder", ["lists", "music/album", ".", "music/lists/deep"])
@pytest.mark.parametrize(
    ("write", "read"), [(write_m3u8, read_m3u8), (write_xspf, read_xspf)], ids=["m3u8", "xspf"]
)
def test_every_path_leads_back_to_its_file(write, read, folder, songs, tmp_path):
    out = tmp_path / folder / "out.list"
    out.parent.mkdir(parents=True, exist_ok=True)
    write(out, [Entry(path, duration_s=12.5) for path in songs])
    assert [path.read_text() for path in read(out)] == [str(n) for n in range(len(NAMES))]


@pytest.mark.parametrize(
    ("write", "read"), [(write_m3u8, read_m3u8), (write_xspf, read_xspf)], ids=["m3u8", "xspf"]
)
def test_paths_are_relative_so_that_the_folder_can_move(write, read, songs, tmp_path):
    out = tmp_path / "music" / "lists" / "out.list"
    out.parent.mkdir()
    write(out, [Entry(path) for path in songs[:4]])
    moved = tmp_path / "elsewhere"
    (tmp_path / "music").rename(moved)
    assert [path.read_text() for path in read(moved / "lists" / "out.list")] == list("0123")


def test_a_playlist_in_a_linked_folder_goes_up_by_the_real_parent(songs, tmp_path):
    real = tmp_path / "disk" / "lists"
    real.mkdir(parents=True)
    (tmp_path / "music" / "lists").symlink_to(real)
    out = tmp_path / "music" / "lists" / "out.m3u8"
    write_m3u8(out, [Entry(songs[0])])
    assert [path.read_text() for path in read_m3u8(out)] == ["0"]
    assert relative_path(songs[0], out) == "../../music/album/plain.mp3"


def test_m3u8_lines(tmp_path):
    out = tmp_path / "out.m3u8"
    write_m3u8(
        out,
        [
            Entry(tmp_path / "a.mp3", "Song", "Band", duration_s=59.6),
            Entry(tmp_path / "b.mp3", "A\nB\u2028C", duration_s=None),
            Entry(tmp_path / "c d.mp3", duration_s=3.0),
        ],
    )
    assert out.read_text("utf-8").splitlines() == [
        "#EXTM3U",
        "#EXTINF:60,Band - Song",
        "a.mp3",
        "#EXTINF:-1,A B C",
        "b.mp3",
        "#EXTINF:3,c d",
        "c d.mp3",
    ]


def test_xspf_fields(tmp_path):
    out = tmp_path / "out.xspf"
    write_xspf(
        out,
        [Entry(tmp_path / "a&b.mp3", "Bell \x07 <x>", "Bänd", "Album", duration_s=1.2345)],
        title="like a.mp3",
    )
    root = ElementTree.fromstring(out.read_bytes())
    space = "{http://xspf.org/ns/0/}"
    assert root.tag == f"{space}playlist" and root.get("version") == "1"
    assert root.findtext(f"{space}title") == "like a.mp3"
    track = root.find(f"{space}trackList/{space}track")
    assert track is not None
    assert {node.tag.removeprefix(space): node.text for node in track} == {
        "location": "a%26b.mp3",
        "title": "Bell \ufffd <x>",
        "creator": "Bänd",
        "album": "Album",
        "duration": "1234",
    }


@pytest.mark.parametrize("write", [write_m3u8, write_xspf])
def test_a_failed_write_keeps_the_old_playlist(write, tmp_path, monkeypatch):
    out = tmp_path / "out.list"
    write(out, [Entry(tmp_path / "old.mp3")])
    before = out.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PartwiseError, match=r"out\.list: No space left on device"):
        write(out, [Entry(tmp_path / "new.mp3")])
    assert out.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out.list"]


@pytest.mark.parametrize("write", [write_m3u8, write_xspf])
def test_a_place_that_cannot_be_written_is_one_sentence(write, tmp_path):
    with pytest.raises(PartwiseError, match=r"nowhere/out: No such file or directory"):
        write(tmp_path / "nowhere" / "out", [])
    with pytest.raises(PartwiseError, match="it is a folder"):
        write(tmp_path, [])
    (tmp_path / "file").write_text("")
    with pytest.raises(PartwiseError, match="Not a directory"):
        write(tmp_path / "file" / "out", [])


def test_a_playlist_is_as_readable_as_any_new_file(tmp_path):
    (tmp_path / "ordinary").write_text("")
    write_m3u8(tmp_path / "out.m3u8", [])
    assert (tmp_path / "out.m3u8").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_without_a_place_paths_are_absolute(tmp_path: Path):
    entries = [Entry(tmp_path / "a b.mp3", "A"), Entry(tmp_path / "line\nbreak.mp3")]
    lines = m3u8_bytes(entries).decode().splitlines()
    assert lines[2] == str(tmp_path / "a b.mp3")
    assert lines[4].startswith("file:///") and "line%0Abreak.mp3" in lines[4]
    assert f"<location>file://{tmp_path}/a%20b.mp3</location>" in xspf_bytes(entries).decode()
