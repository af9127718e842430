"""Pictures in tags and beside files."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3  # type: ignore[attr-defined]
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggvorbis import OggVorbis

from partwise.library.media import covers
from partwise.library.media.covers import find_cover, has_cover
from sounds import encode, tone, write

JPEG = b"\xff\xd8\xff\xe0" + b"jpeg" * 10
PNG = b"\x89PNG\r\n\x1a\n" + b"png" * 10
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


def picture(data: bytes, kind: int = 3) -> Picture:
    made = Picture()
    made.type, made.mime, made.data = kind, "image/jpeg", data
    return made


def test_mp3(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp3", tone(0.5))
    tags = ID3()
    tags.add(APIC(encoding=3, mime="text/html", type=4, desc="back", data=PNG))
    tags.add(APIC(encoding=3, mime="text/html", type=3, desc="front", data=JPEG))
    tags.save(path)
    cover = find_cover(path)
    assert cover is not None
    assert (cover.data, cover.media_type) == (JPEG, "image/jpeg")


def test_flac(tmp_path: Path) -> None:
    file = FLAC(write(tmp_path / "a.flac", tone(0.5)))
    file.add_picture(picture(PNG))
    file.save()
    cover = find_cover(tmp_path / "a.flac")
    assert cover is not None and cover.media_type == "image/png"


def test_ogg(tmp_path: Path) -> None:
    file = OggVorbis(write(tmp_path / "a.ogg", tone(0.5)))
    texts = ["no base64", base64.b64encode(picture(JPEG).write()).decode()]
    file["metadata_block_picture"] = texts
    file.save()
    cover = find_cover(tmp_path / "a.ogg")
    assert cover is not None and cover.data == JPEG


def test_mp4(tmp_path: Path) -> None:
    file = MP4(encode(tmp_path / "a.m4a", tone(0.5), 44100, codec="aac"))
    file["covr"] = [MP4Cover(PNG, MP4Cover.FORMAT_PNG)]
    file.save()
    cover = find_cover(tmp_path / "a.m4a")
    assert cover is not None and cover.data == PNG


@pytest.mark.parametrize("data", [SVG, b"<html><script>alert(1)</script>", b"", b"BM bitmap"])
def test_only_images_are_given_whatever_the_tags_call_them(tmp_path: Path, data: bytes) -> None:
    file = FLAC(write(tmp_path / "a.flac", tone(0.5)))
    file.add_picture(picture(data))
    file.save()
    (tmp_path / "cover.png").write_bytes(data)
    assert find_cover(tmp_path / "a.flac") is None
    assert not has_cover(tmp_path / "a.flac")


def test_beside_the_file_in_any_case_and_in_order(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0.5))
    assert find_cover(path) is None and not has_cover(path)
    (tmp_path / "folder.jpg").write_bytes(JPEG)
    assert has_cover(path)
    (tmp_path / "Cover.PNG").write_bytes(PNG)
    cover = find_cover(path)
    assert cover is not None and cover.data == PNG
    assert find_cover(path, beside=False) is None


def test_links_are_not_followed(tmp_path: Path) -> None:
    album = tmp_path / "album"
    path = write(album / "a.wav", tone(0.5))
    (tmp_path / "private.jpg").write_bytes(JPEG)
    (album / "cover.jpg").symlink_to(tmp_path / "private.jpg")
    (album / "folder.jpg").mkdir()
    assert find_cover(path) is None


def test_size_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.wav", tone(0.5))
    (tmp_path / "cover.jpg").write_bytes(JPEG)
    monkeypatch.setattr(covers, "MAX_BYTES", len(JPEG) - 1)
    assert find_cover(path) is None


def test_a_broken_file_has_no_cover(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"ID3\x04\x00\x00\x7f\x7f\x7f\x7fAPIC")
    assert find_cover(tmp_path / "a.mp3") is None
    assert find_cover(tmp_path / "absent.mp3") is None
