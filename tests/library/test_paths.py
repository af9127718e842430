"""Any file name goes into the ledger and comes back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from partwise.paths import (
    absolute,
    brief,
    is_under,
    library_folder,
    path_to_text,
    shown,
    text_to_path,
)

NAMES = [
    b"/music/plain.mp3",
    b"/music/caf\xe9.mp3",
    "/music/café 日本 🎸.mp3".encode(),
    b"/music/line\nbreak\ttab.mp3",
    b"/music/100% %41.mp3",
    b"/music/\xff\xfe.mp3",
    b"file:///music/looks like an address.mp3",
    b"file:/music/nearly one.mp3",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_text_is_utf8_and_gives_the_path_back(name: bytes) -> None:
    text = path_to_text(name)
    assert text.encode("utf-8").decode("utf-8") == text
    assert os.fsencode(text_to_path(text)) == name


def test_different_names_have_different_texts() -> None:
    assert len({path_to_text(name) for name in NAMES}) == len(NAMES)


def test_valid_text_stays_readable() -> None:
    assert path_to_text("/music/café.mp3") == "/music/café.mp3"
    assert path_to_text(b"/music/caf\xe9.mp3") == "file:///music/caf%E9.mp3"


def test_shown_is_one_printable_line() -> None:
    assert shown(b"/a/caf\xe9\n.mp3") == r"/a/caf\xe9\n.mp3"
    assert shown("/a/é.mp3") == "/a/é.mp3"


def test_is_under() -> None:
    assert is_under("/music/a/b.mp3", "/music")
    assert is_under("/music", "/music")
    assert is_under("/music", "/")
    assert not is_under("/music 2/b.mp3", "/music")


def test_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    assert absolute("x/../y.mp3") == str(tmp_path / "y.mp3")
    assert absolute("~/y.mp3") == "/home/me/y.mp3"


def test_what_is_there_in_another_form_of_unicode(tmp_path: Path) -> None:
    composed, apart = tmp_path / "Caf\u00e9", tmp_path / "Cafe\u0301"
    assert absolute(composed) == str(composed)  # nothing is there
    apart.mkdir()
    if not composed.exists():  # a disk that keeps them apart
        assert absolute(composed) == absolute(apart) == str(apart)
        composed.mkdir()
    assert absolute(composed) == str(composed)


def test_brief() -> None:
    assert brief("a\nb") == "a\\nb"
    assert brief("x" * 160) == "x" * 160
    assert brief("x" * 100_000) == "x" * 157 + "..."


def test_library_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARTWISE_LIBRARY", str(tmp_path / "chosen"))
    assert library_folder(None) == tmp_path / "chosen"
    assert library_folder(tmp_path / "named") == tmp_path / "named"
    monkeypatch.delenv("PARTWISE_LIBRARY")
    folder = library_folder(None)
    assert folder.is_absolute()
    assert folder.parts[-2:] == ("partwise", "library")
