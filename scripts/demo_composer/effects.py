"""What happens to a stem between the instrument and the desk: filters, drive, rooms, movement.

Each function returns an effect: float [samples], sample rate in Hz -> float [samples].
"""

from __future__ import annotations

import numpy as np
from scipy import signal

from demo_composer.players import Effect


def _biquad(kind: str, hz: float, gain_db: float, q: float, rate_hz: int) -> np.ndarray:
    """Second-order section [1, 6] of the Audio EQ Cookbook."""
    w = 2 * np.pi * hz / rate_hz
    a = 10 ** (gain_db / 40)
    alpha = np.sin(w) / (2 * q)
    cos = np.cos(w)
    if kind == "peak":
        b = [1 + alpha * a, -2 * cos, 1 - alpha * a]
        d = [1 + alpha / a, -2 * cos, 1 - alpha / a]
    else:
        sign = 1 if kind == "low" else -1
        root = 2 * np.sqrt(a) * alpha
        b = [
            a * ((a + 1) - sign * (a - 1) * cos + root),
            sign * 2 * a * ((a - 1) - sign * (a + 1) * cos),
            a * ((a + 1) - sign * (a - 1) * cos - root),
        ]
        d = [
            (a + 1) + sign * (a - 1) * cos + root,
            sign * -2 * ((a - 1) + sign * (a + 1) * cos),
            (a + 1) + sign * (a - 1) * cos - root,
        ]
    return np.array([[*b, *d]]) / d[0]


def eq(*bands: tuple[str, float, float]) -> Effect:
    """Bands of (kind, Hz, dB); kind is ``low`` or ``high`` (shelves) or ``peak``."""

    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        for kind, hz, gain_db in bands:
            q = 1.0 if kind == "peak" else 0.7
            x = np.asarray(signal.sosfilt(_biquad(kind, hz, gain_db, q, rate_hz), x))
        return x

    return apply


def lowpass(hz: float, order: int = 2) -> Effect:
    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        return np.asarray(signal.sosfilt(signal.butter(order, hz, fs=rate_hz, output="sos"), x))

    return apply


def highpass(hz: float, order: int = 2) -> Effect:
    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        sos = signal.butter(order, hz, "highpass", fs=rate_hz, output="sos")
        return np.asarray(signal.sosfilt(sos, x))

    return apply


def drive(amount_db: float) -> Effect:
    """Soft saturation of the signal brought to a common level, raised by ``amount_db``."""

    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        level = np.sqrt(np.mean(x**2)) + 1e-9
        # At four times the rate, so that the new harmonics do not fold back.
        up = signal.resample_poly(x / level * 0.2 * 10 ** (amount_db / 20), 4, 1)
        return np.asarray(signal.resample_poly(np.tanh(up), 1, 4))[: len(x)] * level

    return apply


def room(seconds: float, wet: float, *, pre_delay_s: float = 0.01, tone_hz: float = 5000) -> Effect:
    """A room whose sound dies away by 60 dB in ``seconds``; ``wet`` is its share, 0..1."""

    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        rng = np.random.default_rng(round(seconds * 1000))
        time = np.arange(int(seconds * 1.2 * rate_hz)) / rate_hz
        tail = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
        tail = lowpass(tone_hz, 1)(tail, rate_hz)
        tail = np.concatenate([np.zeros(int(pre_delay_s * rate_hz)), tail])
        tail /= np.sqrt(np.sum(tail**2))
        return (1 - wet) * x + wet * signal.fftconvolve(x, tail)[: len(x)]

    return apply


def echo(seconds: float, feedback: float, wet: float) -> Effect:
    """Repeats every ``seconds``, each ``feedback`` times as loud as the one before."""

    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        out = x.copy()
        delay, level = int(seconds * rate_hz), wet
        for repeat in range(1, 6):
            shift = repeat * delay
            if shift >= len(x):
                break
            out[shift:] += level * x[:-shift]
            level *= feedback
        return out

    return apply


def _moving_delay(x: np.ndarray, rate_hz: int, rate: float, centre_s: float, depth_s: float):
    time = np.arange(len(x))
    delay = (centre_s + depth_s * np.sin(2 * np.pi * rate * time / rate_hz)) * rate_hz
    return np.interp(time - delay, time, x, left=0.0)


def chorus(rate: float = 0.8, depth_s: float = 0.003, wet: float = 0.5) -> Effect:
    """A second voice whose pitch wavers ``rate`` times a second."""

    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        return (1 - wet / 2) * x + wet * _moving_delay(x, rate_hz, rate, 0.015, depth_s)

    return apply


def vibrato(rate: float, depth_s: float) -> Effect:
    """The pitch itself wavers."""

    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        return _moving_delay(x, rate_hz, rate, depth_s * 2, depth_s)

    return apply


def tremolo(rate: float, depth: float) -> Effect:
    """The loudness wavers ``rate`` times a second, by ``depth`` of itself."""

    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        time = np.arange(len(x)) / rate_hz
        return x * (1 - depth / 2 + depth / 2 * np.sin(2 * np.pi * rate * time))

    return apply


def squash(threshold_db: float = -8.0, ratio: float = 4.0, release_s: float = 0.12) -> Effect:
    """A compressor; the threshold is relative to the loudest 50 ms of the signal."""

    def apply(x: np.ndarray, rate_hz: int) -> np.ndarray:
        hop = rate_hz // 200
        frames = np.pad(x, (0, -len(x) % hop)).reshape(-1, hop)
        level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)
        over = np.maximum(0.0, level_db - (level_db.max() + threshold_db)) * (1 - 1 / ratio)
        keep = np.exp(-1 / (release_s * 200))
        held = 0.0
        for i, value in enumerate(over):  # fast attack, slow release
            held = max(value, held * keep)
            over[i] = held
        gain = np.interp(
            np.arange(len(x)), np.arange(len(over)) * hop + hop / 2, 10 ** (-over / 20)
        )
        return x * gain

    return apply
