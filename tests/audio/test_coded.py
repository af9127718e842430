"""Frames of a codec in the place of samples are decoded, or refused; music never is."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from partwise.audio.channels import channel_blocks, is_as_it_seems
from partwise.audio.coded import Coding, coding_of, find_coding
from partwise.audio.decode import DecodeError, decode
from sounds import encode, tone

# One frame of DTS, 512 samples of mono at 44.1 kHz, made by FFmpeg from a sine of five periods: a
# row of them is that sine without end. PyAV has no encoder for it.
FRAME = base64.b64decode(
    "f/6AAfw8DrAgwAE4AAHvg2I3//ABAAAAABBozFIIYQhCEIQhCEIQhCEIQhCEIAAAABhfkChAgNIDSAwmQIDBpEgM"
    "JESY8eUGiyBAiQIKhZav45sDYb0Iub9cVb508Oq1C24Hx6TnrgV3IjWRwkYTS5zFuKc+J+JxES52SV2GGOh7dtgn"
    "I40h/BPOF7+jvWZwf2lcpJcN+HlJtTVe2lYHGT8nlL3xkCjqkmND5Vq/JP4uHt0f1nbIvWobZXEJs5ZHIOzw72a1"
    "md2uNncESSYiXJA0ZcmxVk1ZjpV6unEXxV2fb22CVBR7E9P//AA="
)
HZ = 44100 * 5 / 512


def dts_16() -> bytes:
    """As on a CD: each frame fills the place of its 512 samples of stereo, low bytes first."""
    frame = np.frombuffer(FRAME.ljust(2048, b"\0"), ">i2")
    return np.tile(frame, 300).astype("<i2").tobytes()


def dts_14() -> bytes:
    """The same in 14 of 16 bits, as players that are not told hear it less loud."""
    bits = np.unpackbits(np.frombuffer(FRAME, np.uint8))
    bits = np.append(bits, np.zeros(-len(bits) % 14, np.uint8)).reshape(-1, 14)
    words = bits @ (1 << np.arange(13, -1, -1))
    words = np.where(words >= 1 << 13, words - (1 << 14), words)
    frame = np.zeros(1024, "<i2")
    frame[: len(words)] = words
    return np.tile(frame, 300).tobytes()


def spdif(folder: Path, codec: str) -> bytes:
    """Bursts of IEC 61937, as they go through a cable."""
    stereo = np.repeat(tone(3.5, HZ, 48000)[:, None], 2, axis=1)
    path = encode(
        folder / f"{codec}.spdif", stereo, 48000, codec=codec, container="spdif", bit_rate=256_000
    )
    return path.read_bytes()


def put(path: Path, pcm: bytes, rate_hz: int = 44100, subtype: str = "PCM_16") -> Path:
    """PCM of stereo in a file of the kind its name says."""
    words = np.frombuffer(pcm[: len(pcm) // 4 * 4], "<i2").reshape(-1, 2)
    if subtype != "PCM_16":
        words = words.astype(np.int32) << 16
    soundfile.write(str(path), words, rate_hz, subtype)
    return path


def assert_is_decoded(path: Path, name: str) -> None:
    audio = decode(path)
    assert audio.seconds == pytest.approx(3.5, abs=0.1)
    middle = audio.samples[22050:-22050].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * audio.sample_rate_hz / len(middle) == pytest.approx(HZ, abs=2)
    assert np.sqrt(2 * np.mean(middle**2)) == pytest.approx(0.3, rel=0.05)
    assert audio.notes == (f"its samples are frames of {name}, which were decoded",)
    # What a browser would play as it is would be noise at full level.
    assert not is_as_it_seems(path)
    blocks = [block for block, _ in channel_blocks(path)]
    assert max(np.abs(block).max() for block in blocks) < 0.35


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
@pytest.mark.parametrize("made", [dts_16, dts_14])
def test_a_dts_cd(tmp_path: Path, made: Callable[[], bytes], suffix: str):
    assert_is_decoded(put(tmp_path / f"a.{suffix}", made()), "DTS")


def test_dts_in_24_bits_behind_a_gap_with_the_bytes_exchanged(tmp_path: Path):
    pcm = dts_16()
    assert_is_decoded(put(tmp_path / "24.flac", pcm, subtype="PCM_24"), "DTS")
    assert_is_decoded(put(tmp_path / "24.wav", pcm, subtype="PCM_24"), "DTS")
    swapped = np.frombuffer(pcm, "<i2").byteswap().tobytes()
    assert_is_decoded(put(tmp_path / "swapped.wav", swapped), "DTS")
    gap = put(tmp_path / "gap.wav", bytes(4 * 200_000) + pcm[1000:])
    assert decode(gap).notes == ("its samples are frames of DTS, which were decoded",)


@pytest.mark.parametrize(("codec", "name"), [("ac3", "AC-3"), ("mp2", "MPEG audio")])
def test_what_goes_through_a_cable(tmp_path: Path, codec: str, name: str):
    pcm = spdif(tmp_path, codec)
    assert_is_decoded(put(tmp_path / "a.wav", pcm, 48000), name)
    assert_is_decoded(put(tmp_path / "a.flac", pcm, 48000), name)
    swapped = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").byteswap().tobytes()
    assert_is_decoded(put(tmp_path / "b.wav", swapped, 48000), name)


def test_a_plain_file_of_frames_has_no_note(tmp_path: Path):
    path = tmp_path / "a.dts"
    path.write_bytes(FRAME * 300)
    audio = decode(path)
    assert audio.seconds == pytest.approx(3.5, abs=0.1)
    assert audio.notes == ()


def test_frames_that_cannot_be_decoded_are_refused(tmp_path: Path):
    """Bursts of a kind that FFmpeg does not take apart."""
    pcm = spdif(tmp_path, "ac3").replace(b"\x72\xf8\x1f\x4e\x01", b"\x72\xf8\x1f\x4e\x1c")
    with pytest.raises(DecodeError) as caught:
        decode(put(tmp_path / "a.wav", pcm, 48000))
    assert caught.value.reason.startswith(
        "its samples are frames of IEC 61937 (type 28), which cannot be decoded here ("
    )


def test_music_is_no_frames():
    """Sync words that stand once, by chance, or at no regular distance; loud and periodic sound."""
    rng = np.random.default_rng(0)
    noise = rng.integers(-32768, 32768, 1 << 17).astype("<i2")
    burst = np.frombuffer(b"\x72\xf8\x1f\x4e\x01\0\0\x30", "<i2")
    dts = np.frombuffer(dts_16()[:12], "<i2")
    for sync in (burst, dts):
        for places in ([500], np.sort(rng.integers(0, 60_000, 12)) * 2):
            chance = noise.copy()
            for place in places:
                chance[place : place + len(sync)] = sync
            assert coding_of(chance.tobytes()) is None
    square = np.where(np.arange(1 << 16) // 50 % 2, 32766, -32767).astype("<i2")
    for other in (square, -square, np.roll(square, 25)):
        assert coding_of(np.stack([square, other], 1).tobytes()) is None
    assert coding_of(noise.tobytes()) is None
    assert coding_of(b"") is None


def test_no_more_is_read_than_it_takes():
    read = 0

    def blocks():
        nonlocal read
        for _ in range(50):
            read += 1
            yield np.ones(1 << 16, "<i2")

    assert find_coding(blocks()) is None
    assert read == 2
    assert find_coding([np.zeros(100, "<i2"), np.zeros(0, "<i2")]) is None
    words = np.frombuffer(dts_16(), "<i2")
    gap = [np.zeros(1000, "<i2"), np.append(np.zeros(999, "<i2"), words[:65536]), words[65536:]]
    assert find_coding(gap) == Coding("DTS", "dts")
