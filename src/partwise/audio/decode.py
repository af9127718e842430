"""Files in, mono float32 out: whole, or in blocks of bounded memory."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from partwise.audio import container
from partwise.audio.coded import Coding
from partwise.audio.lengths import mended
from partwise.audio.mono import Downmix
from partwise.audio.resample import Resampler, check_rate
from partwise.audio.types import type_of
from partwise.errors import PartwiseError
from partwise.paths import shown

# The readers import PyAV, so they are imported when a file is decoded: a machine that only trains
# and evaluates reads stems with soundfile and does without PyAV.
if TYPE_CHECKING:
    from partwise.audio import readers

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]

# 200 dB above full scale is no recording; its power would not fit float32.
_LOUDEST = 1e10


class RecordingError(PartwiseError):
    """A file that cannot be used as a recording.

    path : the file as printable text.
    reason : the cause as a clause without the path, for the ledger.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.path = shown(path)
        self.reason = reason
        super().__init__(f"{self.path}: {reason}")

    def __reduce__(self) -> tuple:  # exceptions with two arguments do not pickle by themselves
        return type(self), (self.path, self.reason)


class DecodeError(RecordingError):
    """A file that yields no audio."""


@dataclass(frozen=True)
class Audio:
    """A mono recording.

    samples : float32 [n], full scale is 1.
    sample_rate_hz : int > 0.
    notes : what was wrong with the file though it could be used, a clause each.
    """

    samples: np.ndarray
    sample_rate_hz: int
    notes: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.sample_rate_hz


class AudioStream:
    """An iterator over a recording's mono blocks, float32 [n], n > 0.

    sample_rate_hz : the rate of the blocks; None until the first one if the file's own was asked.
    notes : what was wrong with the file, complete once the iteration has ended.
    """

    def __init__(self, path: Path, sample_rate_hz: int | None, block_s: float = 30.0) -> None:
        self.path = path
        self.sample_rate_hz = sample_rate_hz
        self.notes: list[str] = []
        self._block_s = block_s
        self._blocks = self._gathered()

    def __iter__(self) -> Iterator[np.ndarray]:
        return self

    def __next__(self) -> np.ndarray:
        return next(self._blocks)

    def close(self) -> None:
        """Close the file before the end is reached."""
        self._blocks.close()

    def _gathered(self):
        waiting: list[np.ndarray] = []
        length = 0
        for block in self._resampled():
            waiting.append(block)
            length += len(block)
            assert self.sample_rate_hz is not None
            if length >= self._block_s * self.sample_rate_hz:
                yield np.concatenate(waiting)
                waiting, length = [], 0
        if length:
            yield np.concatenate(waiting)

    def _resampled(self) -> Iterator[np.ndarray]:
        resampler: Resampler | None = None
        downmix = Downmix()
        for samples, rate_hz in self._read(downmix):
            if resampler is None or rate_hz != resampler.from_hz:
                if resampler is not None:
                    yield resampler.finish()
                self.sample_rate_hz = self.sample_rate_hz or rate_hz
                resampler = Resampler(rate_hz, self.sample_rate_hz)
            samples, notes = finite(samples)
            self.notes.extend(note for note in notes if note not in self.notes)
            yield resampler.push(samples)
        if resampler is not None:
            yield resampler.finish()
        self.notes.extend(downmix.notes())

    def _read(self, downmix: Downmix) -> Iterator[readers.Block]:
        from partwise.audio import readers

        with open_recording(self.path) as file:
            head = container.read_head(file)
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise DecodeError(self.path, "empty (0 bytes)")
            name = container.sniff(head)
            other = None if name else container.not_audio(head)
            if other:
                raise DecodeError(self.path, f"not audio: it holds {other}")
            promised = type_of(os.fsdecode(self.path))
            if name and promised and promised.container not in ("", name):
                self.notes.append(f"named as {promised.container} but holds {name}")
            declared = container.declared_bytes(head)
            cut = declared is not None and size < declared - 2
            if declared is not None and cut:
                self.notes.append(f"cut short: {size:,} of {declared:,} bytes are there")

            file, short = mended(file)
            if short:
                self.notes.append(short)
            coding = readers.coding_in(file, name)
            if coding:
                self.notes.append(f"its samples are frames of {coding.name}, which were decoded")

            report = readers.Report()
            seconds = 0.0
            for block in self._with_reasons(file, name, coding, report, downmix.mix):
                try:
                    check_rate(block.sample_rate_hz)
                except PartwiseError as error:
                    raise DecodeError(self.path, str(error)) from None
                seconds += len(block.samples) / block.sample_rate_hz
                yield block
            whole = name != "Ogg" or container.ogg_has_end(file)
        if seconds == 0.0:
            cause = report.stopped or ("it is damaged" if report.damaged else "it ends at once")
            if coding:
                raise DecodeError(self.path, _why_undecoded(coding, cause))
            raise DecodeError(self.path, f"no audio can be decoded from it ({cause})")
        counted = container.counts_its_frames(head, name)
        self._note_end(seconds, report, counted and not cut)
        if not whole:
            self.notes.append("it has no end mark: it may be cut short")

    def _with_reasons(
        self,
        file: BinaryIO,
        name: str | None,
        coding: Coding | None,
        report: readers.Report,
        mix: readers.Mix,
    ) -> Iterator[readers.Block]:
        from partwise.audio import readers

        try:
            if coding is None:
                yield from readers.read(file, name, report, mix)
            else:
                yield from readers.read_with_av(file, report, mix, coding)
        except readers.CannotRead as error:
            cause = str(error)
            why = _why_undecoded(coding, cause) if coding else _why_unreadable(name, cause)
            raise DecodeError(self.path, why) from error

    def _note_end(self, seconds: float, report: readers.Report, counted: bool) -> None:
        declared_s = report.declared_s if counted and report.declared_s else 0.0
        # Encoders pad and players trim a fraction of a second: only more than that is a loss.
        if seconds < declared_s - max(0.5, declared_s / 500):
            self.notes.append(f"cut short or damaged: {seconds:.1f} s of {declared_s:.1f} s remain")
        elif report.stopped:
            self.notes.append(f"reading stopped after {seconds:.1f} s ({report.stopped})")
        if report.lost:
            links = "1 link" if len(report.lost) == 1 else f"{len(report.lost)} links"
            self.notes.append(f"{links} of the chain cannot be decoded ({report.lost[0]})")
        # A packet or two is nothing: tags at the end of an MP3 are often taken for one.
        if report.damaged > 2:
            self.notes.append(f"{report.damaged} damaged packets were passed over")


def stream(path: Path, sample_rate_hz: int | None, block_s: float = 30.0) -> AudioStream:
    """Decode a recording in mono blocks of about ``block_s`` seconds at ``sample_rate_hz``.

    Memory does not grow with the recording. A file that is cut short or damaged is used as far as
    it goes; ``AudioStream.notes`` then says so. Raises DecodeError, on iteration, for a file that
    is missing, unreadable, empty, not audio, or of which nothing can be decoded.
    """
    return AudioStream(path, sample_rate_hz, block_s)


def decode(path: Path, sample_rate_hz: int | None = None) -> Audio:
    """Decode a whole recording to mono (the mean of its channels; see ``Downmix``).

    sample_rate_hz : the rate to resample to; None keeps the file's own.
    Raises DecodeError as ``stream`` does.
    """
    blocks = stream(path, sample_rate_hz)
    samples = np.concatenate(list(blocks))
    assert blocks.sample_rate_hz is not None
    return Audio(samples, blocks.sample_rate_hz, tuple(blocks.notes))


def finite(samples: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """float32 [n] with every sample that is no sound set to 0, and a note if there were any."""
    sound = np.abs(samples) < _LOUDEST  # written so that NaN fails the comparison too
    if sound.all():
        return samples, []
    note = "some samples were not finite numbers and were taken as silence"
    return np.where(sound, samples, np.float32(0.0)), [note]


def open_recording(path: Path) -> BinaryIO:
    """Open a regular file; DecodeError with the cause where that is not possible."""
    try:
        # Looking first, because opening a named pipe would wait for its writer.
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise DecodeError(path, "this is a folder, not a recording")
        if not stat.S_ISREG(mode):
            raise DecodeError(path, "not a regular file")
        # Through a descriptor, so that FFmpeg is not shown the name and goes by the content.
        # Unbuffered, so that the descriptor stands where Python says when libsndfile takes it over.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        return os.fdopen(descriptor, "rb", buffering=0)  # type: ignore[return-value]
    except FileNotFoundError:
        raise DecodeError(path, "there is no such file") from None
    except PermissionError:
        raise DecodeError(path, "permission to read it is denied") from None
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise DecodeError(path, f"cannot be opened ({cause})") from None


def _why_undecoded(coding: Coding, cause: str) -> str:
    return f"its samples are frames of {coding.name}, which cannot be decoded here ({cause})"


def _why_unreadable(name: str | None, cause: str) -> str:
    from partwise.audio import readers

    if cause == readers.NO_AUDIO:
        return cause
    if name is None:
        return "not audio in any format known here"
    if name == "MP4" and cause.startswith("Invalid data"):
        # The index of an MP4 file mostly stands at its end, so a cut one cannot even be opened.
        return "damaged or cut short: its MP4 index cannot be read"
    return f"{name} that cannot be decoded ({cause[:1].lower()}{cause[1:]})"
