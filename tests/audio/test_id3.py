"""Frames of ID3v2: mutagen writes them, or they are put together byte by byte."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from mutagen import id3

from partwise.audio.id3 import id3_frames, id3_picture

PNG = b"\x89PNG\r\n\x1a\n\xff\0\0\xff\xe0picture"
TEXT = b"\3text"


def frames(tag: bytes) -> list[tuple[str, bytes]]:
    return list(id3_frames(io.BytesIO(tag)))


def seven_bits(number: int) -> bytes:
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def frame(name: bytes, contents: bytes, flags: int = 0, size: bytes | None = None) -> bytes:
    return name + (size or seven_bits(len(contents))) + bytes([0, flags]) + contents


def tag(version: int, body: bytes, flags: int = 0) -> bytes:
    return b"ID3" + bytes([version, 0, flags]) + seven_bits(len(body)) + body


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("description", ["", "Näme", "歌"])
def test_what_mutagen_writes(tmp_path: Path, version: int, description: str) -> None:
    written = id3.ID3()
    written.add(id3.TIT2(encoding=3, text="Title"))
    written.add(id3.TPE1(encoding=1, text="Artist"))
    written.add(id3.USLT(encoding=1, text="la " * 200))
    kind = id3.Encoding.LATIN1 if description.isascii() else id3.Encoding.UTF16
    written.add(id3.APIC(encoding=kind, mime="image/png", type=3, desc=description, data=PNG))
    path = tmp_path / "tag"
    path.write_bytes(b"")
    written.save(path, v2_version=version)
    found = dict(frames(path.read_bytes()))
    assert found.keys() == {"TIT2", "TPE1", "USLT", "APIC"}
    assert b"Title" in found["TIT2"] or "Title".encode("utf-16") in found["TIT2"]
    assert found["TPE1"].startswith(b"\1" + "Artist".encode("utf-16"))
    assert id3_picture("APIC", found["APIC"]) == (3, PNG)


def test_names_and_pictures_of_version_2_2() -> None:
    def old(name: bytes, contents: bytes) -> bytes:
        return name + len(contents).to_bytes(3, "big") + contents

    picture = b"\1PNG\3" + "é".encode("utf-16") + b"\0\0" + PNG
    found = dict(frames(tag(2, old(b"TT2", TEXT) + old(b"PIC", picture))))
    assert found == {"TIT2": TEXT, "PIC": picture}
    assert id3_picture("PIC", picture) == (3, PNG)
    assert frames(tag(3, frame(b"TT2\0", TEXT))) == [("TIT2", TEXT)]


def test_what_was_done_to_contents_is_undone() -> None:
    packed = zlib.compress(TEXT)
    size = seven_bits(len(TEXT))
    body = frame(b"TIT2", size + packed, 0x08 | 0x01)
    body += frame(b"TPE1", b"g" + TEXT, 0x40)
    body += frame(b"TALB", TEXT, 0x04)  # encrypted
    body += frame(b"TPE2", size + b"not packed", 0x08 | 0x01)
    body += frame(b"PRIV", b"\xff\0\xe0", 0x02)
    assert frames(tag(4, body)) == [("TIT2", TEXT), ("TPE1", TEXT), ("PRIV", b"\xff\xe0")]
    body = frame(b"TIT2", len(TEXT).to_bytes(4, "big") + packed, 0x80) + frame(b"TALB", TEXT, 0x40)
    assert frames(tag(3, body)) == [("TIT2", TEXT)]
    body = frame(b"PRIV", b"\xff\0\xe0", size=(2).to_bytes(4, "big")) + frame(b"TIT2", TEXT)
    assert frames(tag(3, body, 0x80)) == [("PRIV", b"\xff\xe0"), ("TIT2", TEXT)]


def test_sizes_as_itunes_once_wrote_them() -> None:
    long = b"\3" + b"x" * 299
    body = frame(b"COMM", long, size=len(long).to_bytes(4, "big")) + frame(b"TIT2", TEXT)
    assert frames(tag(4, body)) == [("COMM", long), ("TIT2", TEXT)]
    body = frame(b"COMM", long) + frame(b"TIT2", TEXT) + bytes(500)
    assert frames(tag(4, body)) == [("COMM", long), ("TIT2", TEXT)]


def test_extended_headers_and_footers() -> None:
    body = (6).to_bytes(4, "big") + bytes(6) + frame(b"TIT2", TEXT)
    assert frames(tag(3, body, 0x40)) == [("TIT2", TEXT)]
    body = seven_bits(6) + b"\1\0" + frame(b"TIT2", TEXT)
    assert frames(tag(4, body, 0x40)) == [("TIT2", TEXT)]
    file = io.BytesIO(tag(4, frame(b"TIT2", TEXT), 0x10) + b"3DI4567890" + b"sound")
    assert list(id3_frames(file)) == [("TIT2", TEXT)]
    assert file.read() == b"sound"


@pytest.mark.parametrize("length", range(25))
def test_a_tag_that_is_cut_short(length: int) -> None:
    whole = tag(4, frame(b"TIT2", TEXT) + frame(b"TPE1", TEXT))
    found = frames(whole[:length])
    assert found in ([], [("TIT2", TEXT[: length - 20])])


@pytest.mark.parametrize(
    "contents", [b"\0image/png", b"\7image/png\0\3\0", b"\1image/png\0\3a", b"\0"]
)
def test_no_picture(contents: bytes) -> None:
    with pytest.raises((ValueError, LookupError)):
        id3_picture("APIC", contents)
