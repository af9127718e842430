"""A piece of a data set: which files its stems are made of, and how they are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile

from partwise.audio.decode import decode
from partwise.audio.resample import resample
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part

# on_skip(what, reason): told of everything that is left out, a piece or a stem.
OnSkip = Callable[[str, str], None]


@dataclass(frozen=True)
class Recording:
    """One file, or one audio stream of a file that holds several, that a stem is made of.

    FLAC, which `partwise-lab render` writes, is read with soundfile, so that a machine that trains
    on it does without PyAV.
    """

    path: Path
    stream: int | None = None

    @property
    def size(self) -> int:
        """Of the file, in bytes."""
        return self.path.stat().st_size

    def __str__(self) -> str:
        return str(self.path) if self.stream is None else f"{self.path} (stream {self.stream})"

    def seconds(self) -> float:
        """Length as the header tells it. Raises PartwiseError where the file cannot be opened."""
        if not self.path.is_file():
            raise PartwiseError(f"{self} is missing")
        if self.stream is None:
            try:
                about = soundfile.info(self.path)
                return self._positive(about.frames / about.samplerate)
            except (soundfile.LibsndfileError, RuntimeError, ZeroDivisionError):
                pass  # FFmpeg may know it
        import av
        from av.error import FFmpegError

        try:
            with av.open(str(self.path)) as container:
                stream = container.streams.audio[self.stream or 0]
                if stream.duration is not None and stream.time_base is not None:
                    return self._positive(float(stream.duration * stream.time_base))
                return self._positive((container.duration or 0) / 1e6)
        except (FFmpegError, IndexError, OSError, ValueError) as error:
            cause = "it has no such stream" if isinstance(error, IndexError) else "it is not audio"
            raise PartwiseError(f"{self} cannot be read: {cause}") from None

    def _positive(self, seconds: float) -> float:
        if seconds <= 0.0:
            raise PartwiseError(f"{self} cannot be read: there is no audio in it")
        return seconds

    def read(self, sample_rate_hz: int) -> np.ndarray:
        """float32 mono [samples]. Raises PartwiseError where nothing can be decoded."""
        if self.stream is None:
            if self.path.suffix.lower() == ".flac":
                with suppress(soundfile.LibsndfileError, RuntimeError):
                    samples, rate_hz = soundfile.read(self.path, dtype="float32", always_2d=True)
                    return resample(samples.mean(axis=1), rate_hz, sample_rate_hz)
            return decode(self.path, sample_rate_hz).samples
        import av
        from av.error import FFmpegError

        blocks: list[np.ndarray] = []
        rate_hz = sample_rate_hz
        try:
            with av.open(str(self.path)) as container:
                converter = av.AudioResampler(format="fltp")
                for frame in container.decode(audio=self.stream):
                    rate_hz = frame.sample_rate
                    blocks += [f.to_ndarray().mean(axis=0) for f in converter.resample(frame)]
        except (FFmpegError, IndexError, OSError, ValueError) as error:
            if not blocks:
                raise PartwiseError(f"stem {self} cannot be read: {error}") from None
        if not blocks:
            raise PartwiseError(f"stem {self} cannot be read: nothing can be decoded from it")
        return resample(np.concatenate(blocks), rate_hz, sample_rate_hz)


Stem = tuple[Recording, ...]  # what is summed to one stem


@dataclass(frozen=True)
class StemPiece:
    """One piece of a data set and the stems it has.

    name : unique in its data set; title : equal for versions of one composition, for splits.
    stems : part -> the recordings whose sum is its stem.
    tempo_bpm : where the data set tells it.
    unknown : parts without a stem of their own that may sound inside another one (the pianos and
        guitars in MUSDB18's `other`): whether they are present is not known.
    rest : recordings that hold several parts, so that they are no stem, only part of the mix.
    players : who plays all of its parts, where they play the same way in other pieces too.
    """

    name: str
    title: str
    stems: Mapping[Part, Stem]
    tempo_bpm: float | None = None
    unknown: frozenset[Part] = frozenset()
    rest: Stem = ()
    players: str | None = None

    @cached_property
    def seconds(self) -> float:
        """Length of the longest stem, as the files' headers tell it."""
        return max(r.seconds() for stem in self.stems.values() for r in stem)

    def read(self, part: Part, sample_rate_hz: int) -> np.ndarray:
        """The stem as float32 mono [samples] at `sample_rate_hz`.

        Its recordings are resampled, padded to the longest and summed. Raises PartwiseError when
        one of them cannot be read.
        """
        return summed([recording.read(sample_rate_hz) for recording in self.stems[part]])

    def read_rest(self, sample_rate_hz: int) -> np.ndarray:
        """What sounds in the mix beside the stems, as float32 mono [samples], perhaps none."""
        return summed([recording.read(sample_rate_hz) for recording in self.rest])


def cause_of(error: Exception) -> str:
    """What a reader of records failed of, in one line."""
    text = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return text.splitlines()[0] if text else type(error).__name__


def summed(signals: Sequence[np.ndarray]) -> np.ndarray:
    """The sum of float32 [samples] of any lengths, as long as the longest."""
    if len(signals) == 1:
        return signals[0]
    total = np.zeros(max((len(s) for s in signals), default=0), dtype=np.float32)
    for signal in signals:
        total[: len(signal)] += signal
    return total


def assemble(
    name: str,
    title: str,
    recordings: Mapping[Part, Sequence[Recording]],
    on_skip: OnSkip,
    *,
    tempo_bpm: float | None = None,
    unknown: frozenset[Part] = frozenset(),
    rest: Sequence[Recording] = (),
    players: str | None = None,
) -> StemPiece | None:
    """A piece of the stems whose recordings can all be opened; None where that leaves none.

    A stem that is missing some of its recordings would be another sound, so it is left out whole.
    """
    stems: dict[Part, Stem] = {}
    for part in PARTS:
        if not recordings.get(part):
            continue
        try:
            for recording in recordings[part]:
                recording.seconds()
        except PartwiseError as error:
            on_skip(f"{name}: {part}", str(error))
            continue
        stems[part] = tuple(recordings[part])
    if not stems:
        on_skip(name, "it has no usable stem")
        return None
    return StemPiece(name, title, stems, tempo_bpm, unknown - set(stems), tuple(rest), players)
