"""The blocks of tags in a file: every kind that stands in it, not only that of its format.

Which there are is found out here, by the file's own bytes: an MP3 may have an APEv2 tag beside
or instead of ID3, a FLAC or an AAC an ID3 tag in front, a WAV or AIFF its tags in one of several
chunks. mutagen parses the kinds that are not simple (ID3 is in ``id3``), and FFmpeg reads what is
left: Matroska, CAF and others.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, BinaryIO

from partwise.audio.container import read_head, sniff
from partwise.audio.id3 import id3_frames

# Chunks of more are no tags: pictures of some megabytes are usual.
_MOST_CHUNK_BYTES = 64 * 2**20
_MOST_CHUNKS = 10_000
_ID3V1_BYTES = 128
# Of AIFF, and of INFO in a WAV, by the names that other kinds of tags give them.
_AIFF_TEXTS = {b"NAME": "title", b"AUTH": "artist"}
_INFO_TEXTS = {
    b"INAM": "title",
    b"IART": "artist",
    b"IPRD": "album",
    b"ICRD": "date",
    b"IGNR": "genre",
}


class Id3(dict[str, list[bytes]]):
    """The frames of an ID3v2 tag: contents by name."""


def tag_blocks(file: BinaryIO) -> Iterator[Any]:
    """The blocks of tags of a file, those that count first; see ``tags`` for the order.

    A block is an ``Id3``, an object of mutagen, or a mapping of names to bytes in an encoding that
    nobody knows. Never raises: a block that cannot be read is left out.
    """
    kinds = ()
    with suppress(Exception):
        head = read_head(file)
        kinds = _OF_CONTAINER.get(head[:4]) or _OF_CONTAINER.get(sniff(head), ())
    for blocks_of in (*kinds, _id3, _ape, _id3v1):
        with suppress(Exception):  # a tag parser meets any bytes at all
            file.seek(0)
            yield from blocks_of(file)


def tags_of_ffmpeg(file: BinaryIO) -> Mapping[str, str]:
    """What FFmpeg reads of a file's tags, by its names for them. Never raises."""
    from partwise.audio import readers

    found: dict[str, str] = {}
    with suppress(Exception):
        file.seek(0)
        with readers.open_with_av(readers.Source(file)) as container:
            found = dict(readers.audio_of(container).metadata)
            if container.format.name != "ogg":  # the name of a stream: "Stereo", "English"
                found.pop("title", None)
            found |= container.metadata
    return found


# --- kinds of tags


def _id3(file: BinaryIO) -> Iterator[Any]:
    while file.read(3) == b"ID3":  # some programs put a tag in front of another
        file.seek(-3, os.SEEK_CUR)
        block = Id3()
        for name, contents in id3_frames(file):
            block.setdefault(name, []).append(contents)
        yield block


def _id3v1(file: BinaryIO) -> Iterator[Any]:
    file.seek(-_ID3V1_BYTES, os.SEEK_END)
    tag = file.read(_ID3V1_BYTES)
    if tag.startswith(b"TAG"):
        fields = {"title": tag[3:33], "artist": tag[33:63], "album": tag[63:93], "date": tag[93:97]}
        # 255 is none, and 0, which is Blues, what is left where nobody chose any.
        genre = b"" if tag[127] in (0, 255) else b"%d" % tag[127]
        yield {name: field.split(b"\0")[0] for name, field in fields.items()} | {"genre": genre}


def _ape(file: BinaryIO) -> Iterator[Any]:
    from mutagen.apev2 import APEv2

    yield APEv2(file)


def _flac(file: BinaryIO) -> Iterator[Any]:
    from mutagen.flac import FLAC

    yield FLAC(file)


def _ogg(file: BinaryIO) -> Iterator[Any]:
    import mutagen
    from mutagen import oggflac, oggopus, oggspeex, oggvorbis

    kinds = [oggvorbis.OggVorbis, oggopus.OggOpus, oggflac.OggFLAC, oggspeex.OggSpeex]
    yield mutagen.File(file, options=kinds)  # type: ignore[attr-defined]


def _mp4(file: BinaryIO) -> Iterator[Any]:
    from mutagen.mp4 import MP4

    yield MP4(file)


def _asf(file: BinaryIO) -> Iterator[Any]:
    from mutagen.asf import ASF

    yield ASF(file)


def _dsf(file: BinaryIO) -> Iterator[Any]:
    # The header ends with the place of an ID3 tag.
    file.seek(int.from_bytes(file.read(28)[20:], "little"))
    yield from _id3(file)


def _chunked(file: BinaryIO) -> Iterator[Any]:
    """WAV, AIFF and DSDIFF: ID3 in a chunk, then what their own chunks say."""
    texts: dict[str, bytes] = {}
    for name, data in _chunks(file):
        if name.upper() == b"ID3 ":
            yield from _id3(io.BytesIO(data()))
        elif name == b"LIST":
            info = data()
            if info[:4] == b"INFO":
                for part, text in _chunks_in(io.BytesIO(info[4:]), "little", 4):
                    if part in _INFO_TEXTS:
                        texts.setdefault(_INFO_TEXTS[part], text().split(b"\0")[0])
        elif name in _AIFF_TEXTS:
            texts.setdefault(_AIFF_TEXTS[name], data().split(b"\0")[0])
    yield texts


_Chunk = tuple[bytes, Callable[[], bytes]]


def _chunks(file: BinaryIO) -> Iterator[_Chunk]:
    """Name and contents of each chunk of a file that consists of them."""
    kind = file.read(4)
    size_bytes = 8 if kind == b"FRM8" else 4
    file.seek(size_bytes + 4, os.SEEK_CUR)  # how long it is, and what it is
    order = "little" if kind in (b"RIFF", b"RF64", b"BW64") else "big"
    return _chunks_in(file, order, size_bytes)


def _chunks_in(file: BinaryIO, order: Any, size_bytes: int) -> Iterator[_Chunk]:
    at, end, long = file.tell(), file.seek(0, os.SEEK_END), None
    for _ in range(_MOST_CHUNKS):
        if at + 4 + size_bytes > end:
            return
        file.seek(at)
        head = file.read(4 + size_bytes)
        size = int.from_bytes(head[4:], order)
        at += len(head)
        if head[:4] == b"data" and size == 2**32 - 1:
            if long is None:
                return  # from a pipe: all the rest is sound
            size = long

        def data(here: int = at, size: int = size) -> bytes:
            file.seek(here)
            return file.read(min(size, _MOST_CHUNK_BYTES))

        if head[:4] == b"ds64":  # sizes of a WAV of more than 4 GiB
            long = int.from_bytes(data()[8:16], "little")
        yield head[:4], data
        at += size + size % 2


# By the first bytes or by ``sniff``: the tags that belong to the format.
_OF_CONTAINER: dict[bytes | str | None, tuple[Callable[..., Iterator[Any]], ...]] = {
    "FLAC": (_flac,),
    "Ogg": (_ogg,),
    "MP4": (_mp4,),
    "WMA": (_asf,),
    "WAV": (_chunked,),
    "AIFF": (_chunked,),
    b"FRM8": (_chunked,),
    b"DSD ": (_dsf,),
}
