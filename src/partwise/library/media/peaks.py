"""What a recording looks like as a wave, and how loud it is, kept on disk.

A recording is read once, in frames of 20 ms: the highest sample and the root mean square over all
channels. Everything that is drawn or levelled later comes from those frames: the wave at any
number of points, and the loudness of the whole or of a passage.

Loudness is the RMS over the louder half of blocks of 400 ms, so that pauses and fade-outs do not
count. It is brought to -23 dBFS, but never so far that a sample would pass -1 dBFS (the decibel is
for what a converter reaches between samples).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partwise.atomic import replacing
from partwise.audio.channels import channel_blocks
from partwise.audio.decode import DecodeError
from partwise.audio.segment import SILENCE_DBFS

FRAME_S = 0.02
REFERENCE_DBFS = -23.0
CEILING_DBFS = -1.0
_FRAMES_IN_BLOCK = 20  # 400 ms
# Quieter than anything: what is told of digital silence, for which decibels have no number.
_FLOOR_DBFS = -120.0


@dataclass(frozen=True)
class Wave:
    """A recording in frames of 20 ms.

    peak, rms : float32 [frames], of full scale, over all channels; a peak may be above 1.
    """

    peak: np.ndarray
    rms: np.ndarray

    @property
    def duration_s(self) -> float:
        return len(self.peak) * FRAME_S

    def points(self, count: int) -> np.ndarray:
        """float32 [min(count, frames)] in 0..1: the highest samples of equal stretches."""
        frames = len(self.peak)
        count = max(1, min(count, frames))
        starts = np.arange(count) * frames // count
        return np.clip(np.maximum.reduceat(self.peak, starts), 0.0, 1.0)

    def passage(self, start_s: float, end_s: float) -> Wave:
        """The frames between two times, at least one."""
        first = min(max(int(start_s / FRAME_S), 0), len(self.peak) - 1)
        last = max(first + 1, int(np.ceil(min(end_s, self.duration_s) / FRAME_S)))
        return Wave(self.peak[first:last], self.rms[first:last])

    @property
    def rms_dbfs(self) -> float:
        """RMS over the louder half of its blocks of 400 ms, in dB below full scale."""
        power = self.rms.astype(np.float64) ** 2
        starts = np.arange(0, len(power), _FRAMES_IN_BLOCK)
        sizes = np.diff(np.append(starts, len(power)))
        blocks = np.add.reduceat(power, starts)
        louder = np.argsort(blocks / sizes)[len(blocks) // 2 :]
        mean = blocks[louder].sum() / sizes[louder].sum()
        return max(_FLOOR_DBFS, float(10 * np.log10(mean))) if mean > 0 else _FLOOR_DBFS

    @property
    def gain_db(self) -> float:
        """What to add to play it at -23 dBFS without clipping; 0 for silence."""
        loudness_dbfs = self.rms_dbfs
        highest = float(self.peak.max())
        if loudness_dbfs < SILENCE_DBFS or highest <= 0:
            return 0.0
        return min(REFERENCE_DBFS - loudness_dbfs, CEILING_DBFS - 20 * float(np.log10(highest)))


def measure(path: Path, stopped: Callable[[], bool] = lambda: False) -> Wave:
    """Read a recording; memory does not grow with its length but by 100 bytes a second.

    stopped : as in ``channel_blocks``. Raises DecodeError where nothing can be decoded.
    """
    peaks, powers = [], []
    rest = np.empty((0, 1), np.float32)
    frame = 1
    for block, rate_hz in channel_blocks(path, stopped):
        frame = max(1, round(rate_hz * FRAME_S))
        samples = np.concatenate([rest, block]) if len(rest) else block
        whole = len(samples) // frame
        _note(samples[: whole * frame].reshape(whole, frame * samples.shape[1]), peaks, powers)
        rest = samples[whole * frame :]
    if len(rest):
        _note(rest.reshape(1, -1), peaks, powers)
    if not peaks:
        raise DecodeError(path, "there is no audio in it")
    return Wave(np.concatenate(peaks), np.sqrt(np.concatenate(powers)))


def _note(frames: np.ndarray, peaks: list[np.ndarray], powers: list[np.ndarray]) -> None:
    """frames : float32 [n, samples]. Samples that are no numbers, or absurd, are silence."""
    if not frames.size:
        return
    frames = np.where(np.abs(frames) < 1e4, frames, np.float32(0))
    peaks.append(np.abs(frames).max(axis=1))
    powers.append(np.mean(np.square(frames), axis=1))


def peaks_file(library: Path, track_id: str) -> Path:
    """Where the frames of a track are kept."""
    return library / "cache" / "peaks" / f"{track_id}.npy"


def read_wave(file: Path) -> Wave | None:
    """Frames that were kept; None where there are none, or the file is damaged."""
    try:
        frames = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    if frames.ndim != 2 or frames.shape[0] != 2 or not frames.shape[1] or frames.dtype != "f2":
        return None
    return Wave(*frames.astype(np.float32))


def keep_wave(file: Path, wave: Wave) -> Wave:
    """Keep frames as float16 [2, frames]; returns them as they will be read.

    A disk that is full, or a library that may not be written, costs the time of the next reading.
    """
    frames = np.stack([wave.peak, wave.rms]).astype(np.float16)
    with suppress(OSError):
        os.makedirs(file.parent, exist_ok=True)
        with replacing(file) as out:
            np.save(out, frames, allow_pickle=False)
    return Wave(*frames.astype(np.float32))
