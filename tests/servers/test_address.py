"""Addresses of servers, as they are typed and as songs are called by them."""

from __future__ import annotations

from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from partwise.paths import absolute, is_address, path_to_text, shown, text_to_path
from partwise.servers.address import parse_server, parted


@pytest.mark.parametrize(
    ("typed", "root", "asked"),
    [
        ("subsonic://me@Music.Example.com", "subsonic://music.example.com", "https://"),
        ("subsonic+http://me@nas:4533/", "subsonic://nas:4533", "http://"),
        ("subsonic+https://nas/music/rest", "subsonic://nas/music", "https://"),
        ("subsonic://a%40b@[::1]:99", "subsonic://[::1]:99", "https://"),
    ],
)
def test_what_is_typed(typed: str, root: str, asked: str) -> None:
    address = parse_server(typed)
    assert address.root == root and str(address) == asked + root.removeprefix("subsonic://")
    song = address.of_song("a/b ä?")
    assert parted(song) == (root, "a/b ä?") and is_address(song)


@pytest.mark.parametrize(
    "typed",
    [
        "me@nas",
        "http://nas",
        "subsonic://",
        "subsonic://me@",
        "subsonic://nas:port",
        "subsonic://nas/../x",
        "subsonic://nas/x?y=1",
        "subsonic://na s",
    ],
)
def test_what_is_no_address(typed: str) -> None:
    with pytest.raises(PartwiseError, match="is no address of a server"):
        parse_server(typed)


@pytest.mark.parametrize("typed", ["subsonic://me:secret@nas", "http://me:secret@nas"])
def test_a_password_on_the_command_line_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(PartwiseError) as caught:
        parse_server(typed)
    assert "secret" not in str(caught.value)


def test_an_address_survives_the_ways_of_paths() -> None:
    address = "subsonic://nas:4533/music/so%2F1"
    for form in (address, str(Path(address))):
        assert path_to_text(form) == absolute(form) == shown(form) == address
    assert text_to_path(address) == address
    assert not is_address("/subsonic:/a") and not is_address("subsonic")
