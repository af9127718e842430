"""Tiny data sets of the shapes that the loaders know."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile

RATE_HZ = 16000


def tone(hz: float, seconds: float = 1.0, rate_hz: int = RATE_HZ, gain: float = 0.1) -> np.ndarray:
    """float32 [samples]."""
    return (gain * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz)).astype(
        np.float32
    )


def write_tone(path: Path, hz: float, seconds: float = 1.0, rate_hz: int = RATE_HZ) -> Path:
    """A mono file of one tone; the format follows from the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(hz, seconds, rate_hz), rate_hz)
    return path


def loudest_hz(samples: np.ndarray, rate_hz: int = RATE_HZ, tones: int = 1) -> list[int]:
    """The frequencies of the loudest tones, to the nearest 10 Hz, ascending."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    found = []
    for _ in range(tones):
        at = int(spectrum.argmax())
        found.append(round(at * rate_hz / len(samples) / 10) * 10)
        spectrum[max(0, at - 20) : at + 20] = 0.0
    return sorted(found)


def write_stem_mp4(path: Path, tones_hz: list[float], rate_hz: int = 44100) -> Path:
    """An MP4 with one AAC stream per tone, as MUSDB18's `.stem.mp4`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=rate_hz, layout="mono") for _ in tones_hz]
        for stream, hz in zip(streams, tones_hz, strict=True):
            samples = tone(hz, 1.0, rate_hz)
            for first in range(0, len(samples) - 1023, 1024):
                block = samples[None, first : first + 1024]
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = rate_hz, first
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return path
