"""From stems to a recording: levels, a light bus, an encoded and tagged file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import av
import mutagen.oggopus
import numpy as np
from scipy import signal

from demo_composer.effects import eq, room, squash
from demo_composer.sound import SAMPLE_RATE_HZ
from partwise.parts import Part

# Loudness of each part in the mix, in LUFS while it plays.
LEVELS_LUFS: dict[Part, float] = {
    Part.DRUMS: -20.0,
    Part.BASS: -20.0,
    Part.PIANO: -22.0,
    Part.GUITAR: -22.0,
    Part.OTHER: -23.0,
}
PEAK_DBFS = -2.0  # leaves room for what the codec adds
BIT_RATE = 42_000

# K weighting of ITU-R BS.1770-4 at 48 kHz.
_K_WEIGHTING = np.array(
    [
        [1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241,
         0.73248077421585],
        [1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621],
    ]
)  # fmt: skip


def loudness_lufs(x: np.ndarray) -> float:
    """Mean loudness of the 0.4 s blocks within 20 dB of the loudest one (mono, 48 kHz)."""
    weighted = np.asarray(signal.sosfilt(_K_WEIGHTING, x))
    block = int(0.4 * SAMPLE_RATE_HZ)
    power = np.mean(weighted[: len(x) // block * block].reshape(-1, block) ** 2, axis=1)
    power = power[power > power.max() / 100]
    return float(-0.691 + 10 * np.log10(np.mean(power) + 1e-12))


def levelled(stems: Mapping[Part, np.ndarray], seed: int) -> dict[Part, np.ndarray]:
    """Stems at the loudness of their part, a little louder or softer from piece to piece."""
    rng = np.random.default_rng([seed, 100])
    out = {}
    for part, stem in stems.items():
        target = LEVELS_LUFS[part] + rng.uniform(-1.5, 1.5)
        out[part] = stem * 10 ** ((target - loudness_lufs(stem)) / 20)
    return out


def mixed(stems: Mapping[Part, np.ndarray], seed: int) -> np.ndarray:
    """float64 [samples]: the sum of levelled stems through a bus that differs between pieces."""
    rng = np.random.default_rng([seed, 101])
    x = np.sum(list(stems.values()), axis=0)
    x = eq(("low", 150, rng.uniform(-1.5, 1.5)), ("high", 5000, rng.uniform(-1.5, 1.5)))(
        x, SAMPLE_RATE_HZ
    )
    x = room(float(rng.uniform(0.6, 1.6)), float(rng.uniform(0.02, 0.08)))(x, SAMPLE_RATE_HZ)
    x = squash(-6, 2.0, 0.2)(x, SAMPLE_RATE_HZ)
    fade = int(0.8 * SAMPLE_RATE_HZ)
    x[-fade:] *= np.linspace(1, 0, fade) ** 2
    return x * 10 ** (PEAK_DBFS / 20) / np.max(np.abs(x))


def encode(x: np.ndarray, path: Path, tags: Mapping[str, str]) -> None:
    """Write mono float [samples] as Ogg Opus with ``tags``; the same bytes for the same input."""
    with av.open(str(path), "w", format="ogg", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libopus", rate=SAMPLE_RATE_HZ, layout="mono")
        stream.bit_rate = BIT_RATE
        stream.codec_context.options = {"flags": "+bitexact"}
        block = SAMPLE_RATE_HZ
        for start in range(0, len(x), block):
            samples = x[None, start : start + block].astype(np.float32)
            frame = av.AudioFrame.from_ndarray(samples, format="flt", layout="mono")
            frame.sample_rate = SAMPLE_RATE_HZ
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    file = mutagen.oggopus.OggOpus(path)
    for name, value in tags.items():
        file[name] = value
    file.save()
