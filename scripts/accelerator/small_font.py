"""SoundFonts and drum samples made small enough to carry: half the sample rate, and Vorbis.

Stems are rendered at 22.05 kHz, so a font's samples need no more. A font travels as two files: its
tables (the SoundFont without samples, xz) and all its samples one after the other as Ogg Vorbis,
which spares the headers that sf3 spends on every sample. `restore` makes a plain sf2 of them again,
because FluidSynth decodes an sf3 at every start.
"""

from __future__ import annotations

import io
import lzma
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from partwise.errors import PartwiseError

# Records of SoundFont 2.04, sections 7.5 to 7.10.
_BAG = np.dtype([("generators", "<u2"), ("modulators", "<u2")])
_GENERATOR = np.dtype([("kind", "<u2"), ("amount", "<i2")])
_INSTRUMENT = np.dtype([("name", "S20"), ("bag", "<u2")])
_SAMPLE = np.dtype(
    [
        ("name", "V20"),
        ("start", "<u4"),
        ("end", "<u4"),
        ("loop_start", "<u4"),
        ("loop_end", "<u4"),
        ("rate_hz", "<u4"),
        ("key", "u1"),
        ("correction", "i1"),
        ("link", "<u2"),
        ("kind", "<u2"),
    ]
)
_PLACE = ("end", "loop_start", "loop_end", "start", "rate_hz")
_RIGHT, _LEFT = 2, 4  # of a stereo pair
# Generators that move a zone's start, end or loop by a number of samples.
_OFFSETS = (0, 1, 2, 3, 4, 12, 45, 50)
_SAMPLE_ID = 53
# The standard asks for as many zeros behind each sample, and for no shorter loops.
_GAP = 46
_SHORTEST_LOOP = 32
# An offset in a zone is counted in frames of the sample, so where offsets are used the frames must
# stay; but nobody hears one frame of a loop of this many.
_HEARD = 1000
_BLOCK = 1 << 16


@dataclass
class Font:
    """The three lists of a SoundFont.

    info : payload of LIST INFO
    samples : int16 [frames], all samples one after the other
    tables : the chunks of LIST pdta in their order
    """

    info: bytes
    samples: np.ndarray
    tables: dict[bytes, bytes]


def shrink(path: Path, tables: Path, sound: Path, rate_hz: int = 22050, quality: float = 0.3):
    """Write `path` (sf2) as `tables` (.xz) and `sound` (.ogg).

    rate_hz : no sample keeps a higher rate, except where zones point into it.
    quality : of Vorbis, 0..1.
    """
    font = parse(path.read_bytes(), path)
    resample(font, rate_hz)
    _write_vorbis(sound, font.samples, rate_hz, quality)
    font.samples = font.samples[:0]
    tables.write_bytes(lzma.compress(serialise(font), preset=9))


def restore(tables: Path, sound: Path, path: Path) -> None:
    """Write the sf2 that `shrink` made `tables` and `sound` of."""
    font = parse(lzma.decompress(tables.read_bytes()), tables)
    blocks = []
    with soundfile.SoundFile(sound) as file:
        while len(block := file.read(_BLOCK, dtype="float32")):
            # Vorbis overshoots; whole numbers read directly would wrap around.
            blocks.append(np.clip(np.rint(block * 32768.0), -32768, 32767).astype("<i2"))
    font.samples = np.concatenate(blocks) if blocks else font.samples
    path.write_bytes(serialise(font))


def shrink_hit(path: Path, rate_hz: int = 22050, quality: float = 0.3, longest_s: float = 3.0):
    """The bytes of one drum sample as mono Vorbis, faded out where it is longer than `longest_s`.

    Readers go by content, so it may keep its name.
    """
    samples, from_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(samples.mean(axis=1), from_hz, rate_hz)
    if len(mono) > (longest := round(longest_s * rate_hz)):
        mono = mono[:longest]
        mono[-rate_hz // 10 :] *= np.linspace(1.0, 0.0, rate_hz // 10, dtype=np.float32)
    buffer = io.BytesIO()
    _write_vorbis(buffer, mono, rate_hz, quality)
    return buffer.getvalue()


def _write_vorbis(place: Path | io.BytesIO, samples: np.ndarray, rate_hz: int, quality: float):
    with soundfile.SoundFile(
        place,
        "w",
        samplerate=rate_hz,
        channels=1,
        format="OGG",
        subtype="VORBIS",
        compression_level=1.0 - quality,
    ) as file:
        # In blocks: libsndfile crashes on some minutes in one call.
        for start in range(0, len(samples), _BLOCK):
            file.write(samples[start : start + _BLOCK])


def resample(font: Font, rate_hz: int) -> None:
    """Bring every sample down to about `rate_hz` (mono, 16 bit as before), in place.

    A loop must stay a whole number of frames, so each looped sample gets the ratio nearest to the
    wished one at which it does; the rate in its header says so, and the pitch stays. Of a stereo
    pair both sides get the samples of the left one, because stems are mono.
    """
    original = np.frombuffer(font.tables[b"shdr"], _SAMPLE)
    records = original.copy()
    offsets = _largest_offsets(font)
    pieces: list[np.ndarray] = []
    left_of: dict[int, int] = {}
    position = 0
    for index, record in enumerate(records[:-1]):  # the last record is a terminator
        if record["kind"] & 0x8000:  # lies in a ROM that nobody has
            continue
        if (left := _left_of(original, index)) is not None:
            left_of[index] = left
            continue
        start, end = int(record["start"]), min(int(record["end"]), len(font.samples))
        loop = int(record["loop_end"]) - int(record["loop_start"])
        samples = font.samples[start:end]
        ratio = min(1.0, rate_hz / max(1, int(record["rate_hz"])))
        if offsets.get(index, 0) * _HEARD > loop:
            ratio = 1.0
        if loop > 0:
            new_loop = max(round(loop * ratio), min(loop, _SHORTEST_LOOP))
            ratio = new_loop / loop
        if ratio < 1.0 and len(samples):
            smaller = soxr.resample(samples.astype(np.float32), 1.0, ratio, "VHQ")
            samples = np.clip(np.rint(smaller), -32768, 32767).astype("<i2")
        loop_start = position + round((int(record["loop_start"]) - start) * ratio)
        record["loop_start"] = max(0, loop_start)
        record["loop_end"] = max(0, loop_start + round(loop * ratio))
        record["start"], record["end"] = position, position + len(samples)
        record["rate_hz"] = round(int(record["rate_hz"]) * ratio)
        pieces += [samples, np.zeros(_GAP, "<i2")]
        position += len(samples) + _GAP
    for right, left in left_of.items():
        for field in _PLACE:
            records[field][right] = records[field][left]
    font.samples = np.concatenate(pieces) if pieces else font.samples[:0]
    font.tables[b"shdr"] = records.tobytes()


def _left_of(records: np.ndarray, index: int) -> int | None:
    """The left side of the stereo pair whose right side this is, if it spans the same frames.

    Not every font fills the field for it in, but all keep the two side by side.
    """
    if records[index]["kind"] != _RIGHT:
        return None

    def spans(one: int) -> list[int]:
        return [int(records[one][f]) - int(records[one]["start"]) for f in _PLACE[:3]]

    for other in (int(records[index]["link"]), index - 1, index + 1):
        if (
            0 <= other < len(records) - 1
            and records[other]["kind"] == _LEFT
            and records[other]["rate_hz"] == records[index]["rate_hz"]
            and spans(other) == spans(index)
        ):
            return other
    return None


def _largest_offsets(font: Font) -> dict[int, int]:
    """Sample -> the most frames by which its instruments move a start, an end or a loop."""
    instruments = np.frombuffer(font.tables[b"inst"], _INSTRUMENT)
    bags = np.frombuffer(font.tables[b"ibag"], _BAG)["generators"].astype(int)
    generators = np.frombuffer(font.tables[b"igen"], _GENERATOR)
    largest: dict[int, int] = {}
    for first, last in zip(instruments["bag"][:-1], instruments["bag"][1:], strict=True):
        own = generators[bags[first] : bags[last]]
        moved = np.abs(own["amount"][np.isin(own["kind"], _OFFSETS)].astype(int)).max(initial=0)
        for sample in own["amount"][own["kind"] == _SAMPLE_ID].astype(int):
            largest[sample] = max(moved, largest.get(sample, 0))
    return largest


def parse(data: bytes, path: Path) -> Font:
    """The lists of an sf2. Raises PartwiseError when `data` is none, or one with packed samples."""
    try:
        if data[:4] != b"RIFF" or data[8:12] != b"sfbk":
            raise ValueError("no RIFF of the kind sfbk")
        lists = {}
        for kind, body in _chunks(data[12:]):
            if kind == b"LIST":
                lists[body[:4]] = body[4:]
        samples = dict(_chunks(lists[b"sdta"]))[b"smpl"]
        font = Font(lists[b"INFO"], np.frombuffer(samples, "<i2"), dict(_chunks(lists[b"pdta"])))
        kinds = np.frombuffer(font.tables[b"shdr"], _SAMPLE)["kind"]
    except (ValueError, KeyError, struct.error) as error:
        raise PartwiseError(f"{path} is not a SoundFont 2 file: {error}") from None
    if np.any(kinds[:-1] & 0x10):
        raise PartwiseError(f"{path} is an sf3, small already: carry it whole")
    return font


def serialise(font: Font) -> bytes:
    """The bytes of an sf2."""
    sdta = _chunk(b"smpl", font.samples.astype("<i2").tobytes())
    pdta = b"".join(_chunk(kind, body) for kind, body in font.tables.items())
    lists = ((b"INFO", font.info), (b"sdta", sdta), (b"pdta", pdta))
    return _chunk(b"RIFF", b"sfbk" + b"".join(_chunk(b"LIST", k + body) for k, body in lists))


def _chunks(data: bytes):
    """(kind, body) of each RIFF chunk in `data`."""
    position = 0
    while position + 8 <= len(data):
        kind, size = struct.unpack_from("<4sI", data, position)
        yield kind, data[position + 8 : position + 8 + size]
        position += 8 + size + (size & 1)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)
