"""Tags of every format, and of files whose tags are broken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mutagen
import pytest
from mutagen import asf, id3

from partwise.audio.tags import NO_TAGS, Tags, read_tags
from sounds import encode, tone, write

WANTED = Tags(title="Näme", artist="One; Two", album="Album", year=1969)


def opened(path: Path, easy: bool = False) -> Any:
    file = mutagen.File(path, easy=easy)  # type: ignore[attr-defined]
    assert file is not None
    return file


def tagged_easily(path: Path) -> None:
    file = opened(path, easy=True)
    if file.tags is None:
        file.add_tags()
    file["title"] = ["Näme"]
    file["artist"] = ["One", "Two"]
    file["album"] = ["Album"]
    file["date"] = ["1969-07-20"]
    file.save()


@pytest.mark.parametrize("name", ["a.mp3", "a.flac", "a.ogg", "a.m4a"])
def test_formats_with_easy_names(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.m4a":
        encode(path, tone(1.0), codec="aac")
    else:
        write(path, tone(1.0))
    tagged_easily(path)
    assert read_tags(str(path)) == WANTED


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
def test_id3_in_wav_and_aiff(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, tone(1.0))
    file = opened(path)
    file.add_tags()
    file.tags.add(id3.TIT2(text="Näme"))
    file.tags.add(id3.TPE1(text=["One", "Two"]))
    file.tags.add(id3.TALB(text="Album"))
    file.tags.add(id3.TDRC(text="1969-07-20"))
    file.save()
    assert read_tags(str(path)) == WANTED


def test_wma(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.wma", tone(1.0), codec="wmav2", container="asf", bit_rate=64000)
    file = asf.ASF(path)
    file["Title"] = "Näme"
    file["Author"] = ["One", "Two"]
    file["WM/AlbumTitle"] = "Album"
    file["WM/Year"] = "1969"
    file.save()
    assert read_tags(str(path)) == WANTED


def test_no_tags(tmp_path: Path) -> None:
    assert read_tags(str(write(tmp_path / "a.wav", tone(1.0)))) == NO_TAGS
    assert read_tags(str(write(tmp_path / "a.flac", tone(1.0)))) == NO_TAGS


@pytest.mark.parametrize(
    ("date", "year"), [("2004", 2004), ("12/1999", 1999), ("unknown", None), ("0000", None)]
)
def test_year(tmp_path: Path, date: str, year: int | None) -> None:
    path = write(tmp_path / "a.flac", tone(1.0))
    file = opened(path)
    file["date"] = date
    file.save()
    assert read_tags(str(path)).year == year


def test_line_breaks_and_blanks_are_cleaned(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", tone(1.0))
    file = opened(path)
    file["title"] = " two\r\nlines\x00 "
    file["artist"] = "  "
    file.save()
    assert read_tags(str(path)) == Tags(title="two lines")


@pytest.mark.parametrize("contents", [b"", b"ID3" + b"\xff" * 40, b"fLaC" + b"\x00" * 5])
def test_broken_files_have_no_tags(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(contents)
    assert read_tags(str(path)) == NO_TAGS
    assert read_tags(str(tmp_path / "not there.mp3")) == NO_TAGS
