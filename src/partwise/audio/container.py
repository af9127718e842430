"""What a file's first bytes say it holds, whatever its name claims."""

from __future__ import annotations

import os
from typing import BinaryIO

HEAD_BYTES = 4096

# (offset, bytes there, name). The names are those used in messages.
_AUDIO_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (8, b"WAVE", "WAV"),
    (8, b"AIFF", "AIFF"),
    (8, b"AIFC", "AIFF"),
    (0, b".snd", "AU"),
    (0, b"caff", "CAF"),
    (0, b"riff\x2e\x91\xcf\x11", "W64"),
    (0, b"fLaC", "FLAC"),
    (0, b"OggS", "Ogg"),
    (4, b"ftyp", "MP4"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "WMA"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
)

_OTHER_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF document"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG\r\n", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"MThd", "MIDI notes"),
    (b"\x7fELF", "a program"),
    (b"\xff\xfe", "text"),  # UTF-16; asked only after the MP3 and AAC headers, which may look so
    (b"\xfe\xff", "text"),
)


def read_head(file: BinaryIO) -> bytes:
    """The first ``HEAD_BYTES`` bytes after any ID3v2 tags; leaves the file at its start."""
    start = 0
    head = file.read(HEAD_BYTES)
    while len(head) >= 10 and head.startswith(b"ID3") and max(head[6:10]) < 0x80:
        size = 0
        for byte in head[6:10]:  # seven bits a byte, so that a tag never looks like an MP3 frame
            size = size << 7 | byte
        start += 10 + size + (10 if head[5] & 0x10 else 0)
        file.seek(start)
        head = file.read(HEAD_BYTES)
    file.seek(0)
    return head


def sniff(head: bytes) -> str | None:
    """Name of the audio container that begins with ``head``; None when it is not known."""
    for offset, magic, name in _AUDIO_MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return name
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        if head[1] & 0xF6 == 0xF0:
            return "AAC"
        # MPEG audio leaves one version, one layer, one bit rate and one sample rate undefined.
        layer, version = head[1] >> 1 & 3, head[1] >> 3 & 3
        if layer and version != 1 and head[2] >> 4 != 15 and head[2] >> 2 & 3 != 3:
            return "MP3"
    return None


def not_audio(head: bytes) -> str | None:
    """What ``head`` belongs to ("text", "a PDF document"), where that is surely not audio."""
    for magic, name in _OTHER_MAGIC:
        if head.startswith(magic):
            return name
    return "text" if _is_text(head) else None


def _is_text(head: bytes) -> bool:
    # Every audio header has NUL or other control bytes within its first few; text has none at all.
    if any(byte < 32 and byte not in b"\t\n\r\f\x1b" for byte in head):
        return False
    try:
        head[: len(head) - 3].decode("utf-8")  # the last character may be cut
        return True
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 6:
            return True
    printable = sum(32 <= byte < 127 or byte in b"\t\n\r" for byte in head)
    return printable > 0.8 * len(head)  # an old eight-bit encoding


def declared_bytes(head: bytes) -> int | None:
    """The whole file's size as a WAV or AIFF header declares it; None where it does not.

    Writers to a pipe leave 0 or the largest number there: that declares nothing.
    """
    if head[:4] == b"RIFF":
        size = int.from_bytes(head[4:8], "little")
    elif head[:4] == b"FORM":
        size = int.from_bytes(head[4:8], "big")
    else:
        return None
    return size + 8 if 0 < size < 0x7FFFFF00 else None


def ogg_has_end(file: BinaryIO) -> bool:
    """Whether the last page of an Ogg file is marked as such."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 65536))  # a page holds less than 64 KiB
    tail = file.read(65536)
    page = tail.rfind(b"OggS")
    return page >= 0 and tail[page + 5 : page + 6] > b"\x03"  # bit 2 of the page's flags


def counts_its_frames(head: bytes, name: str | None) -> bool:
    """Whether the declared duration can be trusted to tell that a file was cut short.

    An MP3 without a Xing, Info or VBRI header only has a duration guessed from its bit rate, and
    that of an Ogg file is the time of its last page.
    """
    if name == "MP3":
        return any(mark in head[:256] for mark in (b"Xing", b"Info", b"VBRI"))
    return name in ("WAV", "AIFF", "FLAC", "MP4", "WMA", "CAF", "W64", "AU")
