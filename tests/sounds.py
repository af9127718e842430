"""Synthetic sounds for tests, and their files in every format the decoder reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import av
import av.audio
import numpy as np
import soundfile

from partwise.parts import Part
from tiny_model import part_hz

RATE_HZ = 22050


def tone(
    seconds: float = 5.0, hz: float = 440.0, rate_hz: int = RATE_HZ, amplitude: float = 0.3
) -> np.ndarray:
    """A sine, float32 [n]."""
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (amplitude * np.sin(2 * np.pi * hz * time_s)).astype(np.float32)


def sound(places: Mapping[Part, float], seconds: float = 5.0, rate_hz: int = RATE_HZ) -> np.ndarray:
    """A sound in which the tiny model hears exactly the named parts, float32 [n].

    places : for each part, where in its range its sine stands, 0..1. Two sounds that share a
    part's place share that part's embedding, whatever else they hold.
    """
    sines = [tone(seconds, part_hz(part, place), rate_hz, 0.15) for part, place in places.items()]
    return np.asarray(sum(sines), np.float32)


def write(
    path: str | Path, samples: np.ndarray, rate_hz: int = RATE_HZ, subtype: str | None = None
) -> Path:
    """Write float32 [n] or [n, channels] in the format of the suffix (wav, aiff, flac, mp3, ogg).

    Written in blocks: libsndfile 1.2.2 crashes on a long Ogg written at once.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(str(path), "w", rate_hz, channels, subtype) as file:
        for start in range(0, len(samples), 65536):
            file.write(samples[start : start + 65536])
    return path


def encode(
    path: str | Path,
    samples: np.ndarray,
    rate_hz: int = RATE_HZ,
    *,
    codec: str,
    container: str | None = None,
    bit_rate: int | None = None,
    options: dict[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Path:
    """Write float32 [n] or [n, channels] with one of PyAV's encoders (aac, alac, wmav2, ...).

    options : of FFmpeg's muxer. tags : by FFmpeg's names.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = samples.reshape(len(samples), -1).astype(np.float32)
    layout = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}[samples.shape[1]]
    if codec == "alac" and layout == "7.1":
        layout = "7.1(wide)"  # the only eight that ALAC knows
    with av.open(str(path), "w", format=container, options=options or {}) as file:
        stream = file.add_stream(codec, rate=rate_hz, layout=layout)
        assert isinstance(stream, av.audio.AudioStream)
        file.metadata.update(tags or {})
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for start in range(0, len(samples), 4096):
            block = samples[start : start + 4096].reshape(1, -1)  # interleaved
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout=layout)
            frame.sample_rate = rate_hz
            frame.pts = start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path
