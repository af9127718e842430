"""Drives, shares and backslashes, where text is made of paths or paths are compared."""

from __future__ import annotations

import pytest

from partwise.library import holdings
from partwise.library.media import playlists
from partwise.library.media.playlists import Entry, m3u8_bytes, xspf_bytes
from windows_names import WINDOWS


@pytest.fixture(autouse=True)
def on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playlists, "os", WINDOWS)
    monkeypatch.setattr(holdings, "os", WINDOWS)


@pytest.mark.parametrize(
    ("path", "line", "address"),
    [
        (
            r"C:\Music\Röyksopp\Eple.mp3",
            "../Music/Röyksopp/Eple.mp3",
            "../Music/R%C3%B6yksopp/Eple.mp3",
        ),
        (r"C:\Lists\#1.mp3", "./#1.mp3", "%231.mp3"),
        (r"D:\Music\a b.mp3", r"D:\Music\a b.mp3", "file:///D:/Music/a%20b.mp3"),
        (r"\\nas\music\a.mp3", r"\\nas\music\a.mp3", "file://nas/music/a.mp3"),
    ],
)
def test_playlists_lead_to_drives_and_shares(path: str, line: str, address: str) -> None:
    out = r"C:\Lists\list.m3u8"
    written = m3u8_bytes([Entry(path, title="x")], out).decode("utf-8")
    assert written.splitlines()[-1] == line
    assert f"<location>{address}</location>" in xspf_bytes([Entry(path, title="x")], out).decode()


def test_a_path_of_a_whole_playlist_has_its_names_in_windows_own_form() -> None:
    assert m3u8_bytes([Entry(r"C:\Music\a.mp3")]).decode().splitlines()[-1] == r"C:\Music\a.mp3"
    assert playlists.common_folder([r"C:\Music\a\1.mp3", r"C:\Music\b\2.mp3"]) == r"C:\Music"
    assert playlists.common_folder([r"C:\Music\1.mp3", r"D:\Music\2.mp3"]) is None


def test_folders_of_two_drives_and_a_share_are_three() -> None:
    files = [
        *(r"C:\Music\a\1.mp3", r"c:\music\b\2.mp3", r"D:\Music\a\1.mp3", r"D:\Music\a\2.mp3"),
        *(r"\\nas\music\live\1.mp3", r"\\nas\music\live\2.mp3", r"\\old\music\live\3.mp3"),
    ]
    assert holdings.common_folders(files) == [
        r"C:\Music",
        r"D:\Music\a",
        r"\\nas\music\live",
        r"\\old\music\live",
    ]
