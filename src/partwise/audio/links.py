"""The links of a chained Ogg file: whole streams one behind the other, as radio records them.

FFmpeg goes on through a chain only as long as rate and channels stay the same, so each link is
given to it as a file of its own.
"""

from __future__ import annotations

import os
import re
from typing import BinaryIO

_FIRST_PAGE = re.compile(rb"OggS\x00[\x02\x06]")
_CHUNK_BYTES = 1 << 20


class Part:
    """The bytes from ``start`` to ``end`` of a file, as far as decoders use one."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._start = start
        self._end = end

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._end - self._file.tell())
        return self._file.read(left if size < 0 else min(size, left))

    def tell(self) -> int:
        return self._file.tell() - self._start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: self._start, os.SEEK_END: self._end}.get(whence, self._file.tell())
        if base + offset < self._start:
            raise OSError("a position in front of the file")
        return self._file.seek(base + offset) - self._start


def links_of(file: BinaryIO) -> list[BinaryIO]:
    """The file itself, or the links of a chain, each as a file; left at its start."""
    file.seek(0)
    chained = file.read(4) == b"OggS"
    starts = _starts(file) if chained else []
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if len(starts) < 2:
        return [file]
    ends = [*starts[1:], size]
    return [Part(file, *bounds) for bounds in zip(starts, ends, strict=True)]  # type: ignore[misc]


def _starts(file: BinaryIO) -> list[int]:
    """Where first pages stand that follow no first page: streams side by side are one link."""
    starts: list[int] = []
    behind = -1  # where the last first page ends
    position, rest = 0, b""
    while True:
        file.seek(position + len(rest))
        chunk = file.read(_CHUNK_BYTES)
        if not chunk:
            return starts
        data = rest + chunk
        for match in _FIRST_PAGE.finditer(data):
            at = position + match.start()
            if at != behind:
                starts.append(at)
            file.seek(at + 26)
            count = (file.read(1) or b"\0")[0]
            behind = at + 27 + count + sum(file.read(count))
        rest = data[-5:]
        position += len(data) - len(rest)
