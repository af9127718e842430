"""Headers that give the sound a wrong length, mended as they are read.

A recorder that loses its power, or a program that writes to a pipe, never comes back to fill in how
much it wrote; past 4 GiB the number does not fit. The sound then ends where the file does, and
decoders learn that from a header in which the number is right. Nothing is written to the file.
"""

from __future__ import annotations

import os
from typing import BinaryIO, Literal, NamedTuple

_Order = Literal["little", "big"]

# Less behind the declared end than this is padding or scraps, not sound.
_SCRAP_BYTES = 4096
# Other tags stand behind the last chunk without a chunk of their own.
_TRAILERS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_MOST_CHUNKS = 1000


class _Layout(NamedTuple):
    """A kind of file of chunks.

    first : where they begin. id_bytes, size_bytes : of a chunk's header. whole : its size counts
    the header. pad : where the next one begins, a multiple of this. sound : id of what is heard.
    size_at : where the file's own size stands; 0 where it has none.
    """

    first: int
    id_bytes: int
    size_bytes: int
    order: _Order
    whole: bool
    pad: int
    sound: bytes
    size_at: int = 0

    @property
    def header(self) -> int:
        return self.id_bytes + self.size_bytes


_LAYOUTS = {
    b"RIFF": _Layout(12, 4, 4, "little", False, 2, b"data", 4),
    b"RF64": _Layout(12, 4, 4, "little", False, 2, b"data"),
    b"BW64": _Layout(12, 4, 4, "little", False, 2, b"data"),
    b"RIFX": _Layout(12, 4, 4, "big", False, 2, b"data", 4),
    b"FORM": _Layout(12, 4, 4, "big", False, 2, b"SSND", 4),
    b"caff": _Layout(8, 4, 8, "big", False, 1, b"data"),
    b"riff": _Layout(40, 16, 8, "little", True, 8, b"data", 16),
}


class _Sound(NamedTuple):
    """The sound's bytes from ``start`` on, ``declared`` of them by the number at ``field``."""

    start: int
    declared: int
    field: int
    field_bytes: int
    order: _Order
    extra: int = 0  # what the number counts beside the bytes from ``start`` on
    layout: _Layout | None = None


class MendedFile:
    """A file with other bytes at some positions, as far as decoders use one.

    overlong : more sound than the header's number can say; libsndfile takes it at its word.
    """

    def __init__(self, file: BinaryIO, instead: dict[int, bytes], overlong: bool) -> None:
        self.overlong = overlong
        self._file = file
        self._instead = instead
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int = -1) -> bytes:
        start = self._file.tell()
        data = self._file.read(size)
        for at, put in self._instead.items():
            first, last = max(start, at), min(start + len(data), at + len(put))
            if first < last:
                data = data[: first - start] + put[first - at : last - at] + data[last - start :]
        return data


def mended(file: BinaryIO) -> tuple[BinaryIO, str | None]:
    """The file as decoders should see it, and a note where its header falls short of its sound.

    The file itself where the header is right, or no kind of header that is known here. It is left
    at its start.
    """
    size = file.seek(0, os.SEEK_END)
    sound = _sound_of(file)
    note, overlong = None, False
    instead: dict[int, bytes] = {}
    if sound is not None and 0 < sound.start < size:
        there = size - sound.start
        if not _is_right(file, sound, size):
            overlong = there + sound.extra >= 1 << 8 * sound.field_bytes
            instead[sound.field] = _number(there + sound.extra, sound.field_bytes, sound.order)
            if sound.declared < there:
                given = f"{sound.declared:,} of {there:,} bytes"
                note = f"its header gives the sound {given}: heard to the end"
        if sound.layout is not None and sound.layout.size_at:
            at, count = sound.layout.size_at, sound.layout.size_bytes
            declared = int.from_bytes(_bytes_at(file, at, count), sound.order)
            if instead or not sound.start <= declared <= size:
                instead[at] = _number(size - (0 if sound.layout.whole else 8), count, sound.order)
    file.seek(0)
    if not instead:
        return file, None
    return MendedFile(file, instead, overlong), note  # type: ignore[return-value]


def _number(value: int, count: int, order: _Order) -> bytes:
    return min(value, (1 << 8 * count) - 1).to_bytes(count, order)


def _is_right(file: BinaryIO, sound: _Sound, size: int) -> bool:
    """Whether the sound ends with the file, or where its header says."""
    end = sound.start + sound.declared
    if end == size:
        return True
    if end > size:
        return False
    if sound.declared and size - end < _SCRAP_BYTES:
        return True
    if sound.layout is not None and any(
        _are_chunks(file, sound.layout, at, size) for at in (end, _padded(end, sound.layout))
    ):
        return True
    # Space that a recorder reserved and did not use.
    return bool(sound.declared) and not any(
        any(_bytes_at(file, at, _SCRAP_BYTES))
        for at in (end, (end + size - _SCRAP_BYTES) // 2, size - _SCRAP_BYTES)
    )


def _are_chunks(file: BinaryIO, layout: _Layout, at: int, size: int) -> bool:
    """Whether chunks begin here; the last may be cut short, or be followed by scraps."""
    for count in range(_MOST_CHUNKS):
        head = _bytes_at(file, at, layout.header)
        if head.startswith(_TRAILERS):
            return True
        if len(head) < layout.header:
            return count > 0
        if not all(byte == 32 or (byte < 128 and chr(byte).isalnum()) for byte in head[:4]):
            return count > 0 and size - at < _SCRAP_BYTES
        at = _padded(at + layout.header + _size_in(head, layout), layout)
    return True


def _sound_of(file: BinaryIO) -> _Sound | None:
    magic = _bytes_at(file, 0, 4)
    if magic == b".snd":
        start = int.from_bytes(_bytes_at(file, 4, 4), "big")
        declared = int.from_bytes(_bytes_at(file, 8, 4), "big")
        return _Sound(start, declared, 8, 4, "big")
    layout = _LAYOUTS.get(magic)
    if layout is None:
        return None
    at, long_at = layout.first, 0
    for _ in range(_MOST_CHUNKS):
        head = _bytes_at(file, at, layout.header)
        if len(head) < layout.header:
            return None
        start = at + layout.header
        if head.startswith(layout.sound):
            field, field_bytes = at + layout.id_bytes, layout.size_bytes
            declared = _size_in(head, layout)
            if long_at and declared == 0xFFFFFFFF:  # the chunk in front has it in 64 bits
                field, field_bytes = long_at, 8
                declared = int.from_bytes(_bytes_at(file, long_at, 8), "little")
            extra = layout.header if layout.whole else 0
            return _Sound(start, declared, field, field_bytes, layout.order, extra, layout)
        if head.startswith(b"ds64"):
            long_at = start + 8
        at = _padded(start + _size_in(head, layout), layout)
    return None


def _size_in(head: bytes, layout: _Layout) -> int:
    """Of a chunk without its header, as the header gives it."""
    size = int.from_bytes(head[layout.id_bytes :], layout.order)
    return max(0, size - layout.header) if layout.whole else size


def _padded(position: int, layout: _Layout) -> int:
    return -(-position // layout.pad) * layout.pad


def _bytes_at(file: BinaryIO, position: int, count: int) -> bytes:
    try:
        file.seek(position)
    except (OSError, OverflowError):  # where a damaged header leads to
        return b""
    return file.read(count)
