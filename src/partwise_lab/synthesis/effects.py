"""Effects on a stem, as between an instrument and the desk: equaliser, drive, compressor, room...

A chain is drawn once for a part of a piece and is part of that part's identity. Everything is plain
NumPy on float32 mono [samples], and an effect is a name and its settings, so that a chain can be
written to metadata.json and applied again. A chain keeps the stem's loudness (its RMS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soxr

from partwise.parts import Part

_FRAMES_HZ = 200  # how often the compressor looks at the level


@dataclass(frozen=True)
class Effect:
    """One effect: a name of `EFFECTS` and its settings."""

    name: str
    settings: dict[str, float]


def apply_chain(chain: Sequence[Effect], samples: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """float32 [samples]: the stem after every effect of the chain, as loud as before (RMS)."""
    wet = samples
    for effect in chain:
        wet = EFFECTS[effect.name](wet, sample_rate_hz, **effect.settings)
    before, after = _rms(samples), _rms(wet)
    return (wet * (before / after if after > 0 else 1.0)).astype(np.float32)


def draw_chain(part: Part, rng: np.random.Generator, *, room: bool = True) -> list[Effect]:
    """A chain such as the part often goes through; possibly empty. `room` allows a room."""
    chances = _CHANCES[part]
    chain = []
    for name in _ORDER:
        chance = chances.get(name, 0.0)
        # Every draw is made whether it is used or not: one chance does not shift the others.
        used, settings = rng.random() < chance, _DRAWS[name](rng)
        if used and (room or name != "room"):
            chain.append(Effect(name, {key: round(value, 4) for key, value in settings.items()}))
    return chain


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


# The effects. Each takes samples and their rate, then its settings.


def _convolved(samples: np.ndarray, impulse: np.ndarray) -> np.ndarray:
    """[samples]: convolved with an impulse response, block by block (overlap-add)."""
    size = 1 << max(14, (4 * len(impulse) - 1).bit_length())
    hop = size - len(impulse) + 1
    blocks = np.pad(samples, (0, -len(samples) % hop)).reshape(-1, hop)
    spectrum = np.fft.rfft(blocks, size) * np.fft.rfft(impulse, size)
    ringing = np.fft.irfft(spectrum, size)  # [blocks, size]
    out = ringing[:, :hop]
    out[1:, : size - hop] += ringing[:-1, hop:]
    return out.reshape(-1)[: len(samples)]


def _equaliser(samples: np.ndarray, rate_hz: int, **bands: float) -> np.ndarray:
    """Low shelf, bell and high shelf (the second-order sections of the Audio EQ Cookbook)."""
    z = np.exp(-2j * np.pi * np.fft.rfftfreq(4096))
    response = np.ones(len(z), dtype=complex)
    for kind in ("low", "bell", "high"):
        b, a = _section(kind, bands[f"{kind}_hz"] / rate_hz, bands[f"{kind}_db"])
        response *= (b[0] + z * (b[1] + z * b[2])) / (a[0] + z * (a[1] + z * a[2]))
    return _convolved(samples, np.fft.irfft(response).astype(np.float32))


def _section(kind: str, frequency: float, gain_db: float) -> tuple[list[float], list[float]]:
    """Coefficients (b, a) of a shelf or a bell at `frequency` (cycles per sample, below 0.5)."""
    w = 2 * np.pi * min(frequency, 0.45)
    amplitude = 10 ** (gain_db / 40)
    cos = np.cos(w)
    if kind == "bell":
        alpha = np.sin(w) / 2  # a quality of 1: a bit over an octave wide
        return (
            [1 + alpha * amplitude, -2 * cos, 1 - alpha * amplitude],
            [1 + alpha / amplitude, -2 * cos, 1 - alpha / amplitude],
        )
    sign = 1 if kind == "low" else -1
    slope = 2 * np.sqrt(amplitude) * np.sin(w) / (2 * 0.7071)
    up, down = amplitude + 1, amplitude - 1
    return (
        [
            amplitude * (up - sign * down * cos + slope),
            sign * 2 * amplitude * (down - sign * up * cos),
            amplitude * (up - sign * down * cos - slope),
        ],
        [
            up + sign * down * cos + slope,
            -sign * 2 * (down + sign * up * cos),
            up + sign * down * cos - slope,
        ],
    )


def _drive(samples: np.ndarray, rate_hz: int, *, drive_db: float) -> np.ndarray:
    """Soft saturation of the signal brought to a common level and raised by `drive_db`."""
    level = _rms(samples) or 1.0
    # At twice the rate, so that fewer of the new harmonics fold back.
    up = soxr.resample(samples.astype(np.float32), rate_hz, 2 * rate_hz, quality="MQ")
    bent = np.tanh(up * np.float32(0.2 / level * 10 ** (drive_db / 20)))
    down = soxr.resample(bent, 2 * rate_hz, rate_hz, quality="MQ")[: len(samples)]
    return np.pad(down, (0, len(samples) - len(down)))


def _compressor(
    samples: np.ndarray, rate_hz: int, *, threshold_db: float, ratio: float, release_s: float
) -> np.ndarray:
    """Levels above the threshold (relative to the loudest 5 ms) are divided by the ratio."""
    hop = max(1, rate_hz // _FRAMES_HZ)
    frames = np.pad(samples, (0, -len(samples) % hop)).reshape(-1, hop)
    level_db = 10 * np.log10(np.mean(np.square(frames), axis=1) + 1e-10)
    over = np.maximum(0.0, level_db - (level_db.max() + threshold_db)) * (1 - 1 / ratio)
    keep, held = float(np.exp(-1 / (release_s * _FRAMES_HZ))), 0.0
    reduction = []
    for value in over.tolist():  # attack within a frame, slow release
        held = max(value, held * keep)
        reduction.append(held)
    gain = (10 ** (-np.array(reduction) / 20)).astype(np.float32)
    return samples * _between(gain, hop, len(samples))


def _chorus(
    samples: np.ndarray, rate_hz: int, *, speed_hz: float, depth_ms: float, wet: float
) -> np.ndarray:
    """A second voice 15 ms behind whose pitch wavers `speed_hz` times a second."""
    time = np.arange(len(samples), dtype=np.float64)
    delay_s = 0.015 + depth_ms / 1000 * np.sin(2 * np.pi * speed_hz / rate_hz * time)
    second = np.interp(time - delay_s * rate_hz, time, samples, left=0.0)
    return (1 - wet / 2) * samples + wet * second


def _tremolo(samples: np.ndarray, rate_hz: int, *, speed_hz: float, depth: float) -> np.ndarray:
    """The loudness wavers `speed_hz` times a second by `depth` (0..1) of itself."""
    hop = max(1, rate_hz // 400)
    frames = np.arange(-(-len(samples) // hop), dtype=np.float32) * hop / rate_hz
    gain = 1 - depth / 2 + depth / 2 * np.sin(2 * np.pi * speed_hz * frames)
    return samples * _between(gain.astype(np.float32), hop, len(samples))


def _delay(
    samples: np.ndarray, rate_hz: int, *, delay_s: float, feedback: float, wet: float
) -> np.ndarray:
    """Repeats every `delay_s`, each `feedback` times as loud as the one before."""
    out = samples.copy()
    shift, level = max(1, round(delay_s * rate_hz)), wet
    for repeat in range(1, 6):
        start = repeat * shift
        if start >= len(samples):
            break
        out[start:] += np.float32(level) * samples[:-start]
        level *= feedback
    return out


def _room(
    samples: np.ndarray, rate_hz: int, *, decay_s: float, wet: float, tone_hz: float, room: float
) -> np.ndarray:
    """A room whose sound dies away by 60 dB in `decay_s`; `room` is the number of the room."""
    time = np.arange(int(1.2 * decay_s * rate_hz), dtype=np.float32) / rate_hz
    noise = np.random.default_rng(int(room)).standard_normal(len(time), dtype=np.float32)
    tail = noise * 10 ** (-3 * time / decay_s)
    # A one-pole low-pass (walls take the treble), by its impulse response.
    pole = np.exp(-2 * np.pi * tone_hz / rate_hz)
    length = max(1, int(-10 / np.log(pole)))
    tail = np.convolve(tail, (pole ** np.arange(length)).astype(np.float32))
    tail *= wet / np.sqrt(np.sum(tail**2))
    impulse = np.concatenate([np.zeros(int(0.008 * rate_hz), dtype=np.float32), tail])
    impulse[0] = 1 - wet
    return _convolved(samples, impulse.astype(np.float32))


def _between(frames: np.ndarray, hop: int, length: int) -> np.ndarray:
    """[length]: straight lines through frames that lie `hop` samples apart."""
    following = np.append(frames[1:], frames[-1:])
    ramp = np.arange(hop, dtype=np.float32) / hop
    return (frames[:, None] + (following - frames)[:, None] * ramp).reshape(-1)[:length]


EFFECTS = {
    "compressor": _compressor,
    "drive": _drive,
    "equaliser": _equaliser,
    "chorus": _chorus,
    "tremolo": _tremolo,
    "delay": _delay,
    "room": _room,
}
_ORDER = tuple(EFFECTS)  # as most are wired

# How often each part goes through each effect, when it goes through any.
_CHANCES: dict[Part, dict[str, float]] = {
    Part.DRUMS: {"compressor": 0.5, "drive": 0.25, "equaliser": 0.9, "room": 0.4},
    Part.BASS: {"compressor": 0.6, "drive": 0.35, "equaliser": 0.9, "chorus": 0.15, "room": 0.1},
    Part.PIANO: {
        "compressor": 0.3,
        "drive": 0.1,
        "equaliser": 0.8,
        "chorus": 0.15,
        "tremolo": 0.1,
        "delay": 0.05,
        "room": 0.4,
    },
    Part.GUITAR: {
        "compressor": 0.4,
        "drive": 0.5,
        "equaliser": 0.9,
        "chorus": 0.25,
        "tremolo": 0.15,
        "delay": 0.2,
        "room": 0.4,
    },
    Part.OTHER: {
        "compressor": 0.3,
        "drive": 0.15,
        "equaliser": 0.8,
        "chorus": 0.25,
        "tremolo": 0.1,
        "delay": 0.2,
        "room": 0.4,
    },
}


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(low * (high / low) ** rng.random())


_DRAWS = {
    "compressor": lambda rng: {
        "threshold_db": float(rng.uniform(-24, -6)),
        "ratio": _log_uniform(rng, 2, 8),
        "release_s": _log_uniform(rng, 0.05, 0.4),
    },
    "drive": lambda rng: {"drive_db": float(rng.uniform(0, 22))},
    "equaliser": lambda rng: {
        "low_hz": _log_uniform(rng, 80, 300),
        "low_db": float(rng.uniform(-7, 7)),
        "bell_hz": _log_uniform(rng, 300, 3500),
        "bell_db": float(rng.uniform(-7, 7)),
        "high_hz": _log_uniform(rng, 2000, 7000),
        "high_db": float(rng.uniform(-9, 7)),
    },
    "chorus": lambda rng: {
        "speed_hz": _log_uniform(rng, 0.3, 2.5),
        "depth_ms": float(rng.uniform(0.5, 4)),
        "wet": float(rng.uniform(0.25, 0.8)),
    },
    "tremolo": lambda rng: {
        "speed_hz": _log_uniform(rng, 2.5, 8),
        "depth": float(rng.uniform(0.3, 0.8)),
    },
    "delay": lambda rng: {
        "delay_s": _log_uniform(rng, 0.08, 0.5),
        "feedback": float(rng.uniform(0.2, 0.6)),
        "wet": float(rng.uniform(0.15, 0.5)),
    },
    "room": lambda rng: {
        "decay_s": _log_uniform(rng, 0.2, 2.0),
        "wet": float(rng.uniform(0.08, 0.4)),
        "tone_hz": _log_uniform(rng, 1500, 8000),
        "room": float(rng.integers(1 << 16)),
    },
}
