"""The picture of a recording: the one in its tags, else one that lies beside it.

A picture is what its first bytes say it is, and only the four kinds of images that hold nothing
but an image are given out: tags may call a page of HTML or an SVG with a script "image/jpeg".
"""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from partwise.audio.id3 import id3_picture
from partwise.audio.tag_blocks import Id3, tag_blocks

MAX_BYTES = 10 * 2**20
_STEMS = ("cover", "folder", "front", "albumart")
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_FRONT = 3  # the type of picture that ID3 and FLAC call the front cover
# A folder with more entries is no album.
_MAX_ENTRIES = 5000


@dataclass(frozen=True)
class Cover:
    """An image: its bytes, and its media type by its first bytes."""

    data: bytes
    media_type: str


def find_cover(path: Path, beside: bool = True) -> Cover | None:
    """The picture of a recording, None when it has none.

    beside : whether to look in its folder as well (not for what was uploaded).
    """
    for data in _embedded(path):
        cover = _image(data)
        if cover is not None:
            return cover
    if beside:
        for data in _beside(path.parent):
            cover = _image(data)
            if cover is not None:
                return cover
    return None


def has_cover(path: Path, beside: bool = True) -> bool:
    """Whether there is a picture; remembered until the file or its folder changes."""
    try:
        changed = (os.stat(path).st_mtime_ns, os.stat(path.parent).st_mtime_ns)
    except OSError:
        return False
    return _has_cover(path, beside, changed)


@lru_cache(maxsize=100_000)
def _has_cover(path: Path, beside: bool, changed: tuple[int, int]) -> bool:
    return find_cover(path, beside) is not None


def image_type(data: bytes) -> str | None:
    """Media type of a JPEG, PNG, WebP or GIF by its first bytes; None for anything else."""
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return None


def _image(data: bytes) -> Cover | None:
    media_type = image_type(data)
    return Cover(data, media_type) if media_type and len(data) <= MAX_BYTES else None


def _embedded(path: Path) -> Iterator[bytes]:
    """Pictures in the tags, the front cover first. Never raises: bad tags hold no picture."""
    found = []
    with suppress(OSError, ValueError), open(path, "rb") as file:
        for block in tag_blocks(file):
            with suppress(Exception):  # a tag parser meets any bytes at all
                found += _pictures(block)
    for _, data in sorted(found, key=lambda picture: picture[0] != _FRONT):
        if data:
            yield bytes(data)


def _pictures(block: Any) -> Iterator[tuple[int, bytes]]:
    """(type of picture, bytes) of FLAC, ID3, Vorbis comments and MP4."""
    for picture in getattr(block, "pictures", ()):
        yield int(picture.type), picture.data
    if isinstance(block, Id3):
        for name in ("APIC", "PIC"):
            for contents in block.get(name, ()):
                with suppress(ValueError, LookupError):  # one broken picture hides no other
                    yield id3_picture(name, contents)
        return
    tags = getattr(block, "tags", block)
    if tags is None:
        return
    from mutagen.flac import Picture

    for text in _values(tags, "metadata_block_picture"):
        with suppress(Exception):
            picture = Picture(base64.b64decode(text))
            yield int(picture.type), picture.data
    for data in _values(tags, "covr"):
        yield _FRONT, bytes(data)


def _values(tags: Any, key: str) -> list[Any]:
    try:
        return list(tags.get(key) or ())
    except Exception:  # a kind of tag that does not accept this key
        return []


def _beside(folder: Path) -> Iterator[bytes]:
    """Images of the usual names in a folder, in the order of those names."""
    try:
        names = _image_names(folder, folder.stat().st_mtime_ns)
    except OSError:
        return
    for name in names:
        data = _read_small(folder / name)
        if data:
            yield data


@lru_cache(maxsize=4096)
def _image_names(folder: Path, mtime_ns: int) -> tuple[str, ...]:
    """Remembered as long as the folder is unchanged: a folder may hold thousands of tracks."""
    names: dict[tuple[int, int], str] = {}
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= _MAX_ENTRIES:
                break
            stem, ending = os.path.splitext(entry.name.lower())
            if stem in _STEMS and ending in _ENDINGS:
                names[_STEMS.index(stem), _ENDINGS.index(ending)] = entry.name
    return tuple(name for _, name in sorted(names.items()))


def _read_small(path: Path) -> bytes | None:
    """A regular file of at most 10 MB; a link is not followed, as it may lead anywhere."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            return None
        try:
            return file.read(MAX_BYTES + 1)
        except OSError:
            return None
