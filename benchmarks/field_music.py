"""Real music for the cases of field.py: passages of the demo's pieces, in whatever is asked."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from field_case import ROOT, ffmpeg

PIECES = sorted((ROOT / "src" / "partwise" / "demo" / "audio").glob("*.opus"))
RATE_HZ = 44100
SECONDS = 20.0
# In this one all five parts are heard.
FULL = 11


@lru_cache(maxsize=4)
def _whole(piece: int) -> np.ndarray:
    samples, rate_hz = soundfile.read(PIECES[piece], dtype="float32", always_2d=True)
    return soxr.resample(samples, rate_hz, RATE_HZ)


def passage(piece: int = FULL, start_s: float = 5.0, seconds: float = SECONDS) -> np.ndarray:
    """Stereo, float32 [n, 2], at RATE_HZ."""
    whole = _whole(piece % len(PIECES))
    first = round(start_s * RATE_HZ)
    found = whole[first : first + round(seconds * RATE_HZ)]
    return np.repeat(found, 2, axis=1) if found.shape[1] == 1 else found


def wav(
    path: Path,
    piece: int = FULL,
    start_s: float = 5.0,
    seconds: float = SECONDS,
    subtype: str = "PCM_16",
    kind: str = "WAV",
) -> Path:
    """Write a passage; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, passage(piece, start_s, seconds), RATE_HZ, subtype, format=kind)
    return path


def flac(path: Path, piece: int = FULL, start_s: float = 5.0, seconds: float = 10.0) -> Path:
    """The same as FLAC, whatever the name ends in."""
    return wav(path, piece, start_s, seconds, kind="FLAC")


def encoded(path: Path, source: Path, *options: str, beside: Path | None = None) -> Path:
    """A file made of another by ffmpeg, without its tags. Raises NotRun where it cannot.

    beside : a second input.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    second = () if beside is None else ("-i", beside)
    ffmpeg("-i", source, *second, "-map_metadata", "-1", *options, path)
    return path


def dsf(path: Path, seconds: float = 6.0) -> Path:
    """A DSF file: one bit, 64 times 44.1 kHz, stereo, by a modulator of first order."""
    samples = passage(seconds=seconds)
    bits = []
    for channel in samples.T:
        fine = np.repeat(0.5 + 0.45 * channel.astype(np.float64), 64)
        steps = np.diff(np.floor(np.cumsum(fine)), prepend=0.0) > 0
        packed = np.packbits(steps, bitorder="little")
        bits.append(np.pad(packed, (0, -len(packed) % 4096)).reshape(-1, 4096))
    data = np.stack(bits, axis=1).tobytes()  # blocks of 4096 bytes, channel by channel

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, "little")

    form = [(1, 4), (0, 4), (2, 4), (2, 4), (64 * RATE_HZ, 4), (1, 4)]
    form += [(64 * len(samples), 8), (4096, 4), (0, 4)]
    head = b"fmt " + number(52, 8) + b"".join(number(*pair) for pair in form)
    body = head + b"data" + number(12 + len(data), 8) + data
    path.write_bytes(b"DSD " + number(28, 8) + number(28 + len(body), 8) + number(0, 8) + body)
    return path
