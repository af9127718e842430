"""Headers that give the sound a wrong length: it is heard to the end of the file."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partwise.audio.channels import channel_blocks, is_as_it_seems
from partwise.audio.decode import decode
from partwise.audio.lengths import MendedFile, mended
from partwise.audio.readers import Report, read
from sounds import RATE_HZ, tone

SECONDS = 3.0
SAMPLES = tone(SECONDS, 440.0)
# Of each kind of file, where its own length and that of its sound stand, and how.
FIELDS = {
    "WAV": ("<I", lambda head: (4, head.index(b"data") + 4)),
    "RF64": ("<Q", lambda head: (20, 28)),
    "W64": ("<Q", lambda head: (16, head.index(b"data") + 16)),
    "AIFF": (">I", lambda head: (4, head.index(b"SSND") + 4)),
    "AU": (">I", lambda head: (8, 8)),
    "CAF": (">q", lambda head: (head.index(b"data") + 4, head.index(b"data") + 4)),
}


def written(path: Path, kind: str, whole: int | None = None, sound: int | None = None) -> Path:
    """A recording of SAMPLES whose header gives these numbers; None leaves them right."""
    soundfile.write(str(path), SAMPLES, RATE_HZ, "PCM_16", format=kind)
    data = bytearray(path.read_bytes())
    form, places = FIELDS[kind]
    for place, number in zip(places(data), (whole, sound), strict=True):
        if number is not None:
            struct.pack_into(form, data, place, number)
    path.write_bytes(data)
    return path


def heard(path: Path) -> tuple[str, ...]:
    """Its notes, once it is sure that all of it is heard, and played."""
    audio = decode(path)
    np.testing.assert_allclose(audio.samples, SAMPLES, atol=1e-4)
    played = sum(len(block) for block, _ in channel_blocks(path))
    assert played == len(SAMPLES)
    return audio.notes


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("number", [0, 36, 30_000])
def test_a_length_that_was_never_filled_in_or_is_too_small(tmp_path: Path, kind: str, number: int):
    path = written(tmp_path / "a.bin", kind, number, number)
    [note] = heard(path)
    assert note.startswith("its header gives the sound ")
    assert note.endswith(" bytes: heard to the end")
    assert not is_as_it_seems(path)  # a browser would play what the header says


@pytest.mark.parametrize("kind", FIELDS)
def test_right_lengths_are_left_alone(tmp_path: Path, kind: str):
    path = written(tmp_path / "a.bin", kind)
    assert heard(path) == ()
    assert is_as_it_seems(path)


@pytest.mark.parametrize(("whole", "sound"), [(0, None), (36, None), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_what_a_pipe_leaves_is_no_fault(tmp_path: Path, whole: int, sound: int | None):
    assert heard(written(tmp_path / "a.wav", "WAV", whole, sound)) == ()


@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
@pytest.mark.parametrize("odd", [0, 1])
def test_chunks_behind_the_sound_are_not_sound(tmp_path: Path, kind: str, odd: int):
    """Tags of 20 kB behind the sound, also where the padding of an odd length was forgotten."""
    path = written(tmp_path / "a.bin", kind)
    data = path.read_bytes()
    order = "<" if kind == "WAV" else ">"
    chunk = b"LIST" + struct.pack(order + "I", 20_000) + b"\x01" * 20_000
    path.write_bytes(data + b"\x07" * odd + chunk)
    form, places = FIELDS[kind]
    changed = bytearray(path.read_bytes())
    place = places(data)[1]
    struct.pack_into(form, changed, place, struct.unpack_from(form, data, place)[0] + odd)
    path.write_bytes(changed)
    audio = decode(path)
    assert len(audio.samples) == len(SAMPLES)
    assert audio.notes == ()


@pytest.mark.parametrize("behind", [b"ID3\x04" + b"\x55" * 30_000, bytes(200_000), b"\x55" * 900])
def test_scraps_behind_the_sound_are_not_sound(tmp_path: Path, behind: bytes):
    """A tag without a chunk, space that a recorder reserved, and what fills a sector."""
    path = written(tmp_path / "a.wav", "WAV")
    path.write_bytes(path.read_bytes() + behind)
    audio = decode(path)
    assert len(audio.samples) == len(SAMPLES)
    assert audio.notes == ()


def test_a_header_alone_is_no_sound(tmp_path: Path):
    path = written(tmp_path / "a.wav", "WAV", 0, 0)
    path.write_bytes(path.read_bytes()[:44])
    with pytest.raises(Exception, match="no audio can be decoded from it"):
        decode(path)


def test_more_than_four_gibibytes_are_read_to_their_end(tmp_path: Path):
    """Such a length does not fit: it began anew at 0. The file has holes and takes no space."""
    path = written(tmp_path / "a.wav", "WAV")
    length = (1 << 32) + 400_000
    with open(path, "r+b") as file:
        file.seek(40)
        file.write(struct.pack("<I", length - (1 << 32)))
        file.seek(44 + length - 4)
        file.write(b"\x01\x02\x03\x04")
    with open(path, "rb", buffering=0) as file:
        seen, note = mended(file)
        assert note == "its header gives the sound 400,000 of 4,295,367,296 bytes: heard to the end"
        assert isinstance(seen, MendedFile) and seen.overlong
        blocks = read(seen, "WAV", Report(), lambda samples, _: samples[0])
        assert next(blocks).samples.dtype == np.int16  # from FFmpeg: libsndfile would end early
