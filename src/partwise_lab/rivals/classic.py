"""Rivals without a network: what most papers compare with, and what players of music have.

`Mfcc` is the baseline of most papers. `Musly` is musly's timbre measure: a Gaussian of 25 MFCCs,
Jensen-Shannon divergence, and mutual proximity (Schnitzer et al., ISMIR 2011), which turns a
distance into how few of the others are nearer to either of the two; musly estimates it against a
sample of the tracks, which it calls the style. Here the style is the segments at hand. `Bliss` is
bliss-audio, which MPD and its clients have.
"""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from partwise.errors import PartwiseError
from partwise.hearing.child import ended_with_parent
from partwise_lab.rivals.common import BENCH, checked, euclidean, need, symmetric

_COEFFICIENTS = 20
_WINDOW = 2048  # librosa's; a shorter segment would be padding for the most part
# Of musly: means, covariances and the logarithm of their determinant, float32; and the segments
# of a style at most, as it advises.
_TRACK_BYTES = 1404
_STYLE = 1000
# Of bliss: samples, the window of its chroma.
_SHORTEST = 8192
_FEATURES = 23
_ANALYSE = "import sys, bliss_audio; bliss_audio.Song(sys.argv[1]).analysis"


class Mfcc:
    """20 MFCCs with librosa's settings, their mean and deviation over time: 40 values.

    The distance is Euclidean after each value has been brought to mean 0 and deviation 1 over the
    segments at hand, so that the first coefficient, which is loudness, does not drown the others.
    Silence gives a finite vector.
    """

    name = "mfcc"
    about = "MFCC statistics: mean and deviation of 20 coefficients (librosa's settings), Euclidean"
    sample_rate_hz = 22050
    bytes_per_segment = 4 * 2 * _COEFFICIENTS

    def __init__(self) -> None:
        need(self.name, "librosa")

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples] to float32 [segments, 40]."""
        samples = checked(samples, self.name, _WINDOW, self.sample_rate_hz)
        return np.stack([self._statistics(segment) for segment in samples])

    def distances(self, features: np.ndarray) -> np.ndarray:
        """[segments, 40] to float64 [segments, segments]."""
        spread = features.std(axis=0)
        scaled = (features - features.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
        return euclidean(scaled)

    def _statistics(self, segment: np.ndarray) -> np.ndarray:
        import librosa

        # One by one: librosa cuts what is 80 dB below the loudest of all that it is given at once.
        coefficients = librosa.feature.mfcc(
            y=segment, sr=self.sample_rate_hz, n_mfcc=_COEFFICIENTS, n_fft=_WINDOW
        )  # [20, frames]
        return np.concatenate([coefficients.mean(axis=1), coefficients.std(axis=1)])


class Musly:
    """What `pymusly.MuslyJukebox("timbre")` makes of segments.

    The features are musly's serialised models, which hold for any jukebox. Of silence it makes no
    model (all its values are NaN): such a segment stays out of the style and is at the largest
    distance, 1, from every other. A segment under a second gives a sentence.
    """

    name = "musly"
    about = "musly: timbre (Gaussian of 25 MFCCs), mutual proximity over the segments at hand"
    sample_rate_hz = 22050
    bytes_per_segment = _TRACK_BYTES

    def __init__(self) -> None:
        need(self.name, "pymusly")

    def embed(self, samples: np.ndarray) -> np.ndarray:
        """float32 [segments, samples] to uint8 [segments, 1404]."""
        samples = checked(samples, self.name, self.sample_rate_hz, self.sample_rate_hz)
        jukebox = _jukebox()
        models = [
            jukebox.serialize_track(jukebox.track_from_audiodata(segment)) for segment in samples
        ]
        return np.frombuffer(b"".join(models), np.uint8).reshape(len(samples), -1)

    def distances(self, features: np.ndarray) -> np.ndarray:
        """uint8 [segments, 1404] to float64 [segments, segments], 0..1."""
        distance = np.ones((len(features), len(features)))
        sounding = np.flatnonzero(_is_model(features))
        if len(sounding):
            jukebox = _jukebox()
            tracks = [jukebox.deserialize_track(row.tobytes()) for row in features[sounding]]
            chosen = np.random.default_rng(0).permutation(len(tracks))[:_STYLE]
            jukebox.set_style([tracks[i] for i in chosen])
            known = list(zip(jukebox.add_tracks(tracks), tracks, strict=True))
            found = np.array([jukebox.compute_similarity(seed, known) for seed in known])
            # Undefined where all are the same: none is nearer than another.
            distance[np.ix_(sounding, sounding)] = np.nan_to_num(found, nan=0.0)
        return symmetric(distance)


def _jukebox() -> Any:
    """A new one each time, as it keeps the tracks that it was given. It decodes no files here."""
    return importlib.import_module("pymusly").MuslyJukebox("timbre", decoder="none")


def _is_model(features: np.ndarray) -> np.ndarray:
    """Which rows are models and not what musly makes of silence: bool [segments]."""
    # musly serialises in network byte order.
    values = np.ascontiguousarray(features).view(">f4")  # [segments, 351]
    return np.all(np.isfinite(values), axis=1)


class Bliss:
    """The analysis of `bliss_audio.Song` and its own Euclidean distance.

    It decodes files itself, and works at 22.05 kHz in mono. The published wheel of 0.2.0 for x86-64
    uses AVX-512 without asking: on a processor without it the process dies of an illegal
    instruction, Python with it. So the first file is analysed by a process of its own, and where
    that dies this rival is refused in a sentence.

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
                ended_with_parent([sys.executable, "-c", _ANALYSE, path]),
                capture_output=True,
                text=True,
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
