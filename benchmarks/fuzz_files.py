"""Small sound files of every format that can be written here, and seeded ways of damaging them."""

from __future__ import annotations

import base64
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import mutagen
import numpy as np
import soundfile
from mutagen import id3
from mutagen.asf import ASFByteArrayAttribute  # pyright: ignore[reportPrivateImportUsage]
from mutagen.flac import Picture

from bad_files import tune

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from sounds import encode

SECONDS = 2.0


@dataclass(frozen=True)
class Format:
    """One way of keeping sound. suffix : of its files; the rest says how one is written.

    codec, container : FFmpeg's names; without a codec libsndfile's format and subtype.
    """

    name: str
    suffix: str
    codec: str | None = None
    container: str = ""
    rate_hz: int = 44100
    bit_rate: int | None = None


# Formats without an encoder here (APE, Musepack, DSF, TAK, Shorten, AMR) are not among them.
FORMATS = {
    made.name: made
    for made in (
        Format("wav 16", "wav", container="WAV/PCM_16"),
        Format("wav 24", "wav", container="WAV/PCM_24"),
        Format("wav float", "wav", container="WAV/FLOAT"),
        Format("wav adpcm", "wav", "adpcm_ms", "wav"),
        Format("rf64", "wav", container="RF64/PCM_16"),
        Format("w64", "w64", container="W64/PCM_16"),
        Format("aiff", "aiff", container="AIFF/PCM_16"),
        Format("au", "au", container="AU/PCM_16"),
        Format("caf", "caf", container="CAF/PCM_16"),
        Format("caf alac", "caf", container="CAF/ALAC_16"),
        Format("flac", "flac", container="FLAC/PCM_16"),
        Format("flac in ogg", "oga", "flac", "ogg"),
        Format("vorbis", "ogg", container="OGG/VORBIS"),
        Format("opus", "opus", "libopus", "ogg", 48000),
        Format("mp3", "mp3", "libmp3lame", "mp3", bit_rate=128_000),
        Format("mp2", "mp2", "mp2", "mp2"),
        Format("m4a aac", "m4a", "aac", "ipod"),
        Format("m4a alac", "m4a", "alac", "ipod"),
        Format("aac", "aac", "aac", "adts"),
        Format("ac3", "ac3", "ac3", "ac3"),
        Format("wma", "wma", "wmav2", "asf", bit_rate=128_000),
        Format("wavpack", "wv", "wavpack", "wv"),
        Format("tta", "tta", "tta", "tta"),
        Format("mka flac", "mka", "flac", "matroska"),
        Format("mka opus", "mka", "libopus", "matroska", 48000),
        Format("webm", "webm", "libopus", "webm", 48000),
        Format("avi", "mka", "mp2", "avi"),
        Format("mpegts", "m4a", "aac", "mpegts"),
    )
}


@cache
def original(name: str, folder: Path) -> bytes:
    """The bytes of a sound file of this format: two seconds, tags, and a cover if it can."""
    made = FORMATS[name]
    path = folder / f"original {name}.{made.suffix}"
    samples = tune(SECONDS, made.rate_hz, seed=len(name), channels=2)
    if made.codec is None:
        container, subtype = made.container.split("/")
        soundfile.write(path, samples, made.rate_hz, format=container, subtype=subtype)
    else:
        encode(
            path,
            samples,
            made.rate_hz,
            codec=made.codec,
            container=made.container,
            bit_rate=made.bit_rate,
            options={"fflags": "+bitexact"},  # no random numbers and no time of day in the file
        )
    _tag(path)
    data = bytearray(path.read_bytes())
    if data.startswith(b"OggS"):  # libsndfile gives every stream a random number
        for page in _ogg_pages(data):
            data[page + 14 : page + 18] = b"ogg1"
        _mend_ogg_sums(data)
    return bytes(data)


def _tag(path: Path) -> None:
    """Title, artist, year and a front cover, where mutagen can write them."""
    try:
        file = mutagen.File(path)  # type: ignore[attr-defined]
        if file is None:
            return
        if file.tags is None:
            file.add_tags()
    except mutagen.MutagenError:  # type: ignore[attr-defined]
        return
    kind = type(file).__name__
    if isinstance(file.tags, id3.ID3):
        file.tags.add(id3.TIT2(encoding=3, text="A título"))
        file.tags.add(id3.TPE1(encoding=1, text="Någon"))
        file.tags.add(id3.TDRC(encoding=0, text="1999-12-31"))
        file.tags.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="front", data=_png()))
    elif kind == "MP4":
        file["\xa9nam"], file["\xa9ART"], file["\xa9day"] = "A título", "Någon", "1999"
        file["covr"] = [_png()]
    elif kind == "ASF":
        file["Title"], file["Author"], file["WM/Year"] = "A título", "Någon", "1999"
        picture = struct.pack("<bI", 3, len(_png())) + "image/png\0\0".encode("utf-16-le") + _png()
        file["WM/Picture"] = [ASFByteArrayAttribute(picture)]
    else:  # Vorbis comments and APEv2
        file["title"], file["artist"], file["date"] = "A título", "Någon", "1999"
        if kind == "FLAC":
            file.add_picture(_picture())
        elif kind.startswith("Ogg"):
            file["metadata_block_picture"] = base64.b64encode(_picture().write()).decode()
    file.save()


def _picture() -> Picture:
    picture = Picture()
    picture.type, picture.mime, picture.data = 3, "image/png", _png()
    return picture


@cache
def _png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 16, 8, 2, 0, 0, 0))
    noise = np.random.default_rng(0).integers(0, 256, (16, 1 + 48), np.uint8)
    noise[:, 0] = 0
    pixels = chunk(b"IDAT", zlib.compress(noise.tobytes()))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


# --- damage

Damage = Callable[[bytearray, np.random.Generator], None]
_FOUR_LETTERS = re.compile(rb"(?=[A-Za-z][A-Za-z ]{3})")
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate(name: str, number: int, seed: int, folder: Path) -> tuple[bytes, tuple[str, ...]]:
    """The damaged file of this number, and the names of what was done to it; always the same."""
    rng = np.random.default_rng([seed, number, *name.encode()])
    data = bytearray(original(name, folder))
    done = []
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        if not data:
            break
        damage = _DAMAGES[int(rng.integers(len(_DAMAGES)))]
        if damage is _other_header:
            other = sorted(FORMATS)[int(rng.integers(len(FORMATS)))]
            _other_header(data, rng, original(other, folder))
        else:
            damage(data, rng)
        done.append(damage.__name__.strip("_"))
    # Pages of Ogg with a wrong sum are passed over before any decoder sees them.
    if rng.random() < 0.6 and b"OggS" in data[:4]:
        _mend_ogg_sums(data)
        done.append("sums mended")
    return bytes(data), tuple(done)


def _place(data: bytearray, rng: np.random.Generator) -> int:
    """A position: as often within the first 64, 1024 or 8192 bytes as anywhere."""
    reach = int(rng.choice([64, 1024, 8192, len(data)]))
    return int(rng.integers(max(1, min(reach, len(data)))))


def _stretch(data: bytearray, rng: np.random.Generator, longest: int) -> tuple[int, int]:
    start = _place(data, rng)
    return start, min(len(data), start + int(np.exp(rng.uniform(0, np.log(longest)))))


def _bit_flips(data: bytearray, rng: np.random.Generator) -> None:
    for _ in range(int(np.exp(rng.uniform(0, np.log(64))))):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))


def _random_run(data: bytearray, rng: np.random.Generator) -> None:
    start, end = _stretch(data, rng, 512)
    data[start:end] = rng.bytes(end - start)


def _zeros(data: bytearray, rng: np.random.Generator) -> None:
    start, end = _stretch(data, rng, len(data))
    data[start:end] = bytes(end - start)


def _truncated(data: bytearray, rng: np.random.Generator) -> None:
    del data[int(rng.integers(len(data))) :]


def _removed(data: bytearray, rng: np.random.Generator) -> None:
    start, end = _stretch(data, rng, len(data))
    del data[start:end]


def _inserted(data: bytearray, rng: np.random.Generator) -> None:
    start = _place(data, rng)
    data[start:start] = rng.bytes(int(np.exp(rng.uniform(0, np.log(4096)))))


def _duplicated(data: bytearray, rng: np.random.Generator) -> None:
    start, end = _stretch(data, rng, len(data))
    data[end:end] = data[start:end] * int(rng.integers(1, 10))


def _swapped(data: bytearray, rng: np.random.Generator) -> None:
    first, second = sorted((_place(data, rng), _place(data, rng)))
    size = min(second - first, len(data) - second, int(rng.integers(1, 2048)))
    moved = data[first : first + size]
    data[first : first + size] = data[second : second + size]
    data[second : second + size] = moved


def _extreme_integer(data: bytearray, rng: np.random.Generator) -> None:
    width = int(rng.choice([1, 2, 4, 8]))
    value = int(rng.choice(_EXTREMES)) & (1 << 8 * width) - 1
    start = _place(data, rng)
    data[start : start + width] = value.to_bytes(width, str(rng.choice(["big", "little"])))  # type: ignore[arg-type]


def _length_field(data: bytearray, rng: np.random.Generator) -> None:
    """A number beside a four-letter name (RIFF, IFF, CAF: behind; MP4: before) becomes another."""
    names = [found.start() for found in _FOUR_LETTERS.finditer(data, 0, 1 << 16)]
    if not names:
        return
    at = names[int(rng.integers(len(names)))] + int(rng.choice([-4, 4]))
    if at >= 0:
        size = int(2 ** rng.uniform(0, 32))
        data[at : at + 4] = size.to_bytes(4, str(rng.choice(["big", "little"])))  # type: ignore[arg-type]


def _other_header(data: bytearray, rng: np.random.Generator, head: bytes = b"") -> None:
    """The first bytes of a file of another format, in place of the first ones or before them."""
    size = int(np.exp(rng.uniform(np.log(4), np.log(4096))))
    data[: size * int(rng.integers(2))] = head[:size]


_DAMAGES: tuple[Damage, ...] = (
    _bit_flips,
    _random_run,
    _zeros,
    _truncated,
    _removed,
    _inserted,
    _duplicated,
    _swapped,
    _extreme_integer,
    _extreme_integer,
    _length_field,
    _other_header,
)


@cache
def _ogg_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
        table.append(value)
    return tuple(table)


def _ogg_pages(data: bytearray) -> Iterator[int]:
    at = data.find(b"OggS")
    while 0 <= at <= len(data) - 27:
        yield at
        at = data.find(b"OggS", at + 4)


def _mend_ogg_sums(data: bytearray) -> None:
    """Give every page that is still one the check sum of what it holds now."""
    table = _ogg_table()
    for at in _ogg_pages(data):
        body = at + 27 + data[at + 26]
        end = min(len(data), body + sum(data[at + 27 : body]))
        data[at + 22 : at + 26] = bytes(4)
        value = 0
        for byte in data[at:end]:
            value = (value << 8 & 0xFFFFFFFF) ^ table[value >> 24 ^ byte]
        data[at + 22 : at + 26] = value.to_bytes(4, "little")
