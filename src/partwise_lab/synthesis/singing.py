"""A singer made from a speaker: spoken words are given the pitch and the length of notes.

It is a channel vocoder. The spectral envelope of the spoken word (what the mouth does) is kept, its
middle held as long as the note lasts, and laid on a new glottal tone with vibrato and glides. So a
speech synthesiser sings, in any register; shifting the envelope along the frequency axis makes the
singer larger or smaller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SAMPLE_RATE_HZ = 22050
_N_FFT, _HOP = 1024, 128
_LIFTER = 40  # cepstral coefficients kept: 1.8 ms, below the period of any speaker
_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))


@dataclass(frozen=True)
class Syllable:
    """One sung syllable: `start_s`, `length_s`, `pitch` in MIDI numbers, index of its `word`."""

    start_s: float
    length_s: float
    pitch: float
    word: int


@dataclass(frozen=True)
class Singer:
    """How someone sings.

    formants : above 1 is a smaller throat, 0.8..1.25
    vibrato_hz, vibrato_cents : of held notes
    glide_s : how long the pitch takes from note to note
    breath : share of noise in the tone, 0..1
    """

    formants: float
    vibrato_hz: float
    vibrato_cents: float
    glide_s: float
    breath: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Singer:
        return cls(
            formants=float(np.exp(rng.normal(0.0, 0.09))),
            vibrato_hz=float(rng.uniform(4.5, 6.8)),
            vibrato_cents=float(rng.choice([0.0, 20.0, 40.0, 70.0])),
            glide_s=float(rng.uniform(0.02, 0.12)),
            breath=float(rng.choice([0.03, 0.1, 0.3])),
        )


def draw_melody(rng: np.random.Generator, seconds: float, words: int, low: float) -> list[Syllable]:
    """A melody over `words` words in phrases with breaths between, within a ninth above `low`."""
    scale = _SCALES[rng.integers(len(_SCALES))]
    steps = [low + octave + step for octave in (0, 12) for step in scale if octave + step <= 14]
    beat_s = 60.0 / rng.uniform(70.0, 150.0)
    at, now_s, notes = len(steps) // 2, 0.0, []
    while now_s < seconds - beat_s:
        first = int(rng.integers(words))
        for number in range(int(rng.integers(4, 11))):
            length_s = beat_s * float(rng.choice([0.5, 0.5, 1.0, 1.0, 1.5, 3.0]))
            if now_s + length_s > seconds:
                break
            at = int(np.clip(at + rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 4]), 0, len(steps) - 1))
            notes.append(Syllable(now_s, length_s, steps[at], (first + number) % words))
            now_s += length_s
        now_s += beat_s * float(rng.choice([0.5, 1.0, 2.0]))
    return notes


def sing(
    notes: list[Syllable],
    speak: Callable[[int], np.ndarray],
    singer: Singer,
    seconds: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Sing notes: float32 [seconds * SAMPLE_RATE_HZ].

    speak : index of a word -> float32 mono, that word as it is spoken
    """
    samples = round(seconds * SAMPLE_RATE_HZ)
    frames = samples // _HOP + 1
    envelope = np.zeros((frames, _N_FFT // 2 + 1), dtype=np.float32)
    voiced = np.zeros(frames, dtype=np.float32)
    pitch = np.full(frames, np.nan)
    spoken = {word: _envelope(speak(word), singer.formants) for word in {n.word for n in notes}}
    for note in notes:
        start = round(note.start_s * SAMPLE_RATE_HZ / _HOP)
        count = min(round(note.length_s * SAMPLE_RATE_HZ / _HOP), frames - start)
        if count < 8:
            continue
        word, tone = spoken[note.word]
        source = _held(len(word), count)
        envelope[start : start + count] = word[source]
        voiced[start : start + count] = tone[source]
        pitch[start : start + count] = note.pitch + _vibrato(count, singer, rng)
    hz = 440.0 * 2.0 ** ((_glided(pitch, singer.glide_s) - 69.0) / 12.0)
    at = np.arange(samples) / _HOP
    hz_each = np.interp(at, np.arange(frames), hz)
    share = np.interp(at, np.arange(frames), voiced)
    buzz = _pulses(hz_each) * share * (1.0 - singer.breath)
    hiss = rng.standard_normal(samples) * (1.0 - share + 0.3 * share * singer.breath)
    out = _inverse(_spectrum(buzz + hiss, frames) * envelope, samples)
    return (out * (0.5 / max(float(np.abs(out).max()), 1e-9))).astype(np.float32)


def _envelope(word: np.ndarray, formants: float) -> tuple[np.ndarray, np.ndarray]:
    """Spectral envelope [frames, bins] of a spoken word, and how voiced each frame is, 0..1."""
    spectrum = np.abs(_spectrum(word, len(word) // _HOP + 1))
    cepstrum = np.fft.irfft(np.log(spectrum + 1e-4), axis=1)
    cepstrum[:, _LIFTER : _N_FFT - _LIFTER + 1] = 0.0
    smooth = np.exp(np.fft.rfft(cepstrum, axis=1).real)
    bins = np.arange(smooth.shape[1])
    shifted = np.stack([np.interp(bins / formants, bins, row) for row in smooth])
    low = np.square(spectrum[:, bins < _N_FFT * 2000 // SAMPLE_RATE_HZ]).sum(axis=1)
    share = low / (np.square(spectrum).sum(axis=1) + 1e-6)
    return shifted.astype(np.float32), (1.0 / (1.0 + np.exp(-12.0 * (share - 0.5)))).astype("f4")


def _held(source: int, target: int) -> np.ndarray:
    """Which frame of a word sounds in each frame of its note: the ends keep their pace."""
    onset, end = min(source, target) * 0.35, min(source, target) * 0.25
    where = np.interp(
        np.arange(target), [0, onset, target - end, target], [0, onset, source - end, source]
    )
    return np.minimum(where.astype(int), source - 1)


def _vibrato(frames: int, singer: Singer, rng: np.random.Generator) -> np.ndarray:
    """Vibrato that sets in after a quarter of a second, and a slow drift; in semitones."""
    time_s = np.arange(frames) * _HOP / SAMPLE_RATE_HZ
    depth = singer.vibrato_cents / 100.0 * np.clip((time_s - 0.25) / 0.3, 0.0, 1.0)
    wave = np.sin(2 * np.pi * (singer.vibrato_hz * time_s + rng.random()))
    return depth * wave + rng.normal(0.0, 0.08) * np.exp(-time_s / 0.15)


def _glided(pitch: np.ndarray, glide_s: float) -> np.ndarray:
    """Steps of pitch smoothed over `glide_s`; gaps are filled from their sides."""
    known = np.flatnonzero(~np.isnan(pitch))
    full = np.interp(np.arange(len(pitch)), known, pitch[known])
    width = max(1, round(glide_s * SAMPLE_RATE_HZ / _HOP))
    padded = np.pad(full, (width // 2, width - 1 - width // 2), mode="edge")
    return np.convolve(padded, np.full(width, 1.0 / width), mode="valid")


def _pulses(hz: np.ndarray) -> np.ndarray:
    """All harmonics of `hz` [samples] below Nyquist with equal strength; power about 1."""
    half = np.pi * np.cumsum(hz) / SAMPLE_RATE_HZ
    count = np.floor(0.48 * SAMPLE_RATE_HZ / hz)
    # The sum of cos(2 k half) for k = 1 .. count, in closed form.
    below = np.sin(half)
    near = np.abs(below) < 1e-4
    total = np.where(near, count, 0.0)
    ratio = np.sin((2.0 * count + 1.0) * half) / np.where(near, 1.0, below)
    return np.where(near, total, 0.5 * (ratio - 1.0)) * np.sqrt(2.0 / count)


def _spectrum(x: np.ndarray, frames: int) -> np.ndarray:
    """Centred short-time spectrum, complex [frames, bins]."""
    padded = np.pad(x, (_N_FFT // 2, _N_FFT))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP][:frames]
    return np.fft.rfft(windows * np.hanning(_N_FFT + 1)[:-1], axis=1)


def _inverse(spectrum: np.ndarray, samples: int) -> np.ndarray:
    """Overlap-add of `_spectrum`'s frames -> [samples]."""
    window = np.hanning(_N_FFT + 1)[:-1]
    frames = np.fft.irfft(spectrum, n=_N_FFT, axis=1) * window
    overlap = _N_FFT // _HOP
    blocks = frames.reshape(len(frames), overlap, _HOP)
    out = np.zeros((len(frames) + overlap, _HOP))
    for k in range(overlap):
        out[k : k + len(frames)] += blocks[:, k]
    flat = out.reshape(-1)[_N_FFT // 2 :][:samples] / (0.375 * overlap)
    return np.pad(flat, (0, samples - len(flat)))
