"""What listeners hear: moments cut out of recordings, all equally loud.

Every clip has the same length, rate and format, so that neither size nor sound quality of a file
tells them apart. Loudness is the root mean square, at the level that the page plays at.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from partwise.audio.decode import DecodeError, stream
from partwise.audio.segment import is_silent, rms_dbfs

RATE_HZ = 44100
LEVEL_DBFS = -23.0
PEAK = 0.97  # of full scale, the highest that a clip reaches
_FADE_S = 0.03
_LEVEL_CHECK_S = 6.0


def excerpt(path: Path, start_s: float, end_s: float) -> np.ndarray:
    """A moment of a recording, mono float32 [n] at ``RATE_HZ``.

    Raises DecodeError where the file ends before, or has nothing to hear there.
    """
    first, last = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
    blocks, decoded = [], 0
    audio = stream(path, RATE_HZ, block_s=5.0)
    try:
        for block in audio:
            blocks.append(block[max(0, first - decoded) : max(0, last - decoded)])
            decoded += len(block)
            if decoded >= last:
                break
    finally:
        audio.close()
    if decoded < last:
        raise DecodeError(path, f"it ends before {end_s:.1f} s")
    samples = np.concatenate(blocks)
    if is_silent(samples):
        raise DecodeError(path, f"there is nothing to hear at {start_s:.1f}-{end_s:.1f} s")
    return samples


def equally_loud(clips: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The clips of one trial with short fades, at one loudness: ``LEVEL_DBFS``, float32 [n] each.

    Where a peak would not fit, all of them are lowered together.
    """
    levelled = []
    for clip in clips:
        faded = clip * _fades(len(clip))
        levelled.append(faded * 10.0 ** ((LEVEL_DBFS - rms_dbfs(faded)) / 20.0))
    highest = max(float(np.abs(clip).max()) for clip in levelled)
    lower = min(1.0, PEAK / highest)
    return [(clip * lower).astype(np.float32) for clip in levelled]


def _fades(length: int) -> np.ndarray:
    ramp = np.sin(np.linspace(0.0, np.pi / 2.0, round(_FADE_S * RATE_HZ))) ** 2
    gain = np.ones(length)
    gain[: len(ramp)] = ramp
    gain[-len(ramp) :] = ramp[::-1]
    return gain


def level_check() -> np.ndarray:
    """Pink noise as loud as every clip, to set the volume by: no song is given away."""
    length = round(_LEVEL_CHECK_S * RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(length))
    hz = np.fft.rfftfreq(length, 1.0 / RATE_HZ)
    spectrum *= (hz > 60.0) / np.sqrt(np.maximum(hz, 60.0))
    return equally_loud([np.fft.irfft(spectrum, length)])[0]


def to_flac(samples: np.ndarray) -> bytes:
    """float32 [n] as 16-bit FLAC: how clips are kept."""
    return _encoded(samples, "FLAC")


def wav_of(flac: bytes) -> bytes:
    """A kept clip as WAV: how clips are sent. Its size depends on nothing but the length."""
    import soundfile

    samples, _ = soundfile.read(io.BytesIO(flac), dtype="int16")
    return _encoded(samples, "WAV")


def _encoded(samples: np.ndarray, container: str) -> bytes:
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, samples, RATE_HZ, format=container, subtype="PCM_16")
    return file.getvalue()
