"""Any file name goes into the ledger and comes back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from folding_disk import fold_names_below
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


def test_what_is_there_in_other_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    song = tmp_path / "Music" / "Cafe\u0301" / "A b.flac"
    song.parent.mkdir(parents=True)
    song.touch()
    asked = tmp_path / "MUSIC" / "caf\u00e9" / "a B.FLAC"
    if not asked.exists():  # a disk that keeps them apart
        assert absolute(asked) == str(asked)
        fold_names_below(tmp_path, monkeypatch)
    assert absolute(asked) == absolute(song) == str(song)
    assert absolute(asked.parent) == str(song.parent)
    assert absolute(asked.with_name("Not There")) == str(song.with_name("Not There"))


def test_two_names_that_differ_in_letters_alone_stay_two(tmp_path: Path) -> None:
    small, large = tmp_path / "mix", tmp_path / "MIX"
    small.touch()
    large.touch()
    if len(list(tmp_path.iterdir())) == 1:
        pytest.skip("this disk takes a name in any letters")
    assert [absolute(small), absolute(large)] == [str(small), str(large)]


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Music").mkdir()
    fold_names_below(tmp_path, monkeypatch)

    def refused(folder: str) -> list[str]:
        raise PermissionError(folder)

    monkeypatch.setattr(os, "listdir", refused)
    assert absolute(tmp_path / "music") == str(tmp_path / "music")


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
