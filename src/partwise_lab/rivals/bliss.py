"""bliss-audio, what MPD and its clients have: 23 features of tempo, timbre, loudness and chroma.

It decodes files itself, so each segment is written to a temporary WAV; it then works at 22.05 kHz
in mono, whatever it was given, and needs 8192 samples of that.

The published wheel of 0.2.0 for x86-64 uses AVX-512 without asking: on a processor without it the
process dies of an illegal instruction, Python with it. So the first file is analysed by a process
of its own, and where that dies this rival is refused in a sentence.
"""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

from partwise.errors import PartwiseError
from partwise_lab.rivals.distance import euclidean
from partwise_lab.rivals.needs import BENCH, checked, need

_SHORTEST = 8192  # samples: the window of its chroma
_FEATURES = 23
_ANALYSE = "import sys, bliss_audio; bliss_audio.Song(sys.argv[1]).analysis"


class Bliss:
    """The analysis of `bliss_audio.Song` and its own Euclidean distance.

    Segments go through 16-bit WAV files, so samples beyond full scale are clipped. Values that
    bliss leaves undefined become 0, the middle of its range.
    """

    name = "bliss"
    about = "bliss-audio: 23 features of tempo, timbre, loudness and chroma, Euclidean"
    sample_rate_hz = 22050
    bytes_per_segment = 4 * _FEATURES

    def __init__(self) -> None:
        need(self.name, "bliss_audio", f"{BENCH} (it is published for Linux on x86-64)")
        with tempfile.TemporaryDirectory() as folder:
            noise = 0.1 * np.random.default_rng(0).standard_normal(self.sample_rate_hz)
            path = self._write(Path(folder), noise.astype(np.float32))
            ended = subprocess.run(
                [sys.executable, "-c", _ANALYSE, path], capture_output=True, text=True
            )
        if ended.returncode == -signal.SIGILL:
            raise PartwiseError(
                "the rival bliss cannot run here: the installed bliss_audio uses instructions "
                "(AVX-512) that this processor lacks: leave bliss out or use another machine"
            )
        if ended.returncode:
            last = (ended.stderr.strip().splitlines() or ["no message"])[-1]
            raise PartwiseError(
                f"the rival bliss cannot run here: bliss_audio ended with {ended.returncode} "
                f"on a file of noise ({last}): leave bliss out or install bliss_audio again"
            )

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples], 0.37 s at least, to float32 [segments, 23]."""
        song = importlib.import_module("bliss_audio").Song  # without types
        samples = checked(samples, self.name, _SHORTEST, self.sample_rate_hz)
        with tempfile.TemporaryDirectory() as folder:
            analyses = [song(self._write(Path(folder), segment)).analysis for segment in samples]
        return np.nan_to_num(np.array(analyses, dtype=np.float32))

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, 23] to float64 [segments, segments]."""
        return euclidean(features)

    def _write(self, folder: Path, segment: np.ndarray) -> str:
        path = folder / "segment.wav"
        soundfile.write(path, segment, self.sample_rate_hz, subtype="PCM_16")
        return str(path)
