"""What the first bytes of files say."""

from __future__ import annotations

import io

import pytest

from partwise.audio.container import (
    declared_bytes,
    not_audio,
    ogg_has_end,
    read_head,
    sniff,
)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "WAV"),
        (b"FORM\x00\x00\x00\x24AIFFCOMM", "AIFF"),
        (b"fLaC\x00\x00\x00\x22", "FLAC"),
        (b"OggS\x00\x02", "Ogg"),
        (b"\x00\x00\x00\x20ftypM4A ", "MP4"),
        (bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"), "WMA"),
        (b"\xff\xfb\x90\x64", "MP3"),  # MPEG 1 layer III, 128 kbit/s, 44.1 kHz
        (b"\xff\xf1\x50\x80", "AAC"),
        (b"\xff\xff\xff\xff", None),  # an undefined bit rate
        (b"RIFF\x24\x00\x00\x00AVI LIST", None),
        (b"plain text", None),
        (b"", None),
    ],
)
def test_sniff(head: bytes, name: str | None):
    assert sniff(head) == name


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"just a few words", "text"),
        ("Motörhead, Sigur Rós".encode(), "text"),
        ("Motörhead".encode("latin-1") * 9, "text"),
        (b"line\r\n" * 700 + "é".encode()[:1], "text"),  # cut within a character
        ("wide".encode("utf-16"), "text"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG image"),
        (b"MThd\x00\x00\x00\x06", "MIDI notes"),
        (b"\x00\x01\x02\x03 unknown", None),
        (bytes(range(128, 256)), None),
    ],
)
def test_not_audio(head: bytes, kind: str | None):
    assert not_audio(head) == kind


def test_head_begins_behind_tags():
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 1, 0])  # seven bits a byte: 128 bytes follow
    file = io.BytesIO(tag + bytes(128) + tag + bytes(128) + b"fLaC")
    assert read_head(file) == b"fLaC"
    assert file.tell() == 0


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b"RIFF\x24\x01\x00\x00WAVE", 0x124 + 8),
        (b"FORM\x00\x00\x01\x24AIFF", 0x124 + 8),
        (b"RIFF\xff\xff\xff\xffWAVE", None),  # written to a pipe
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"fLaC\x00\x00\x00\x22", None),
    ],
)
def test_declared_bytes(head: bytes, size: int | None):
    assert declared_bytes(head) == size


def test_ogg_end_mark():
    page = b"OggS\x00%c" + bytes(20)
    assert ogg_has_end(io.BytesIO(page % 2 + bytes(90000) + page % 4 + bytes(900)))
    assert not ogg_has_end(io.BytesIO(page % 2 + bytes(900) + page % 0 + bytes(900)))
    assert not ogg_has_end(io.BytesIO(page % 2 + bytes(90000)))
