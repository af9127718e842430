"""A folder of music for tests that need real music: the demo's recordings under other tags."""

from __future__ import annotations

import base64
import shutil
import struct
import zlib
from pathlib import Path

from partwise.demo.groups import load_groups

BANDS = ("The Amber Trio", "Night Ferry", "Paper Kites Club", "Lantern & Sons", "Half Moon Radio")
# Whoever shows a tag must show it as text.
HOSTILE_TITLE = "<script>alert(1)</script>"
HOSTILE_ARTIST = '"><img src=x onerror=alert(2)>'
HOSTILE_PIECE = 4
COVERED_PIECE = 0
FIRST_YEAR = 1980  # of the first piece; the others follow, a year each


def demo_music(folder: Path, pieces: int | None = None) -> list[Path]:
    """Copy the first ``pieces`` demo recordings to ``folder``, with five artists and many years.

    One has script in its title and artist, one a cover picture in its tags, and those of the second
    artist lie in a folder of their own with a cover beside them.
    """
    groups = load_groups()
    copies = []
    for number, piece in enumerate(groups.pieces[:pieces]):
        band = BANDS[number % len(BANDS)]
        home = folder / band if number % len(BANDS) == 1 else folder
        home.mkdir(parents=True, exist_ok=True)
        copy = home / piece.file
        shutil.copyfile(groups.path(piece), copy)
        _retag(copy, number, band)
        copies.append(copy)
    covered = folder / BANDS[1]
    if covered.exists():
        (covered / "cover.png").write_bytes(png(96, (70, 110, 160), (240, 190, 90)))
    return copies


def _retag(path: Path, number: int, band: str) -> None:
    from mutagen.flac import Picture
    from mutagen.oggopus import OggOpus

    tags = OggOpus(path)
    tags["artist"] = band
    tags["album"] = "Who plays with whom"
    tags["date"] = str(FIRST_YEAR + number)
    if number == HOSTILE_PIECE:
        tags["title"] = HOSTILE_TITLE
        tags["artist"] = HOSTILE_ARTIST
    if number == COVERED_PIECE:
        picture = Picture()
        picture.type, picture.mime = 3, "image/png"
        picture.data = png(96, (150, 60, 70), (250, 240, 220))
        tags["metadata_block_picture"] = base64.b64encode(picture.write()).decode()
    tags.save()


def png(size: int, ground: tuple[int, int, int], disc: tuple[int, int, int]) -> bytes:
    """A square picture of a disc."""
    middle, radius = (size - 1) / 2, size / 3
    rows = b"".join(
        b"\0"
        + b"".join(
            bytes(disc if (x - middle) ** 2 + (y - middle) ** 2 < radius**2 else ground)
            for x in range(size)
        )
        for y in range(size)
    )

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
