"""The two libraries that decode, each as a generator of blocks.

Which is used for which format was measured on one core of an AMD EPYC: seconds of 44.1 kHz stereo
per second, soundfile 0.14 / PyAV 18.1 (`benchmarks/indexing.py` repeats it for flac and mp3):

    wav 4160 / 1720    flac 1180 / 1150    mp3 1040 / 1110    ogg 720 / 1250    opus 210 / 650

So soundfile reads plain PCM, and PyAV everything else. For FLAC the two are even, and PyAV carries
on behind damage where libsndfile gives up; for MP3 also, and has no opinion to print about it,
where libmpg123 has many.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple

import av
import numpy as np
import soundfile
from av.error import FFmpegError

from partwise.audio.coded import Coding, Pcm, find_coding, words_of
from partwise.audio.container import read_head, sniff
from partwise.audio.lengths import MendedFile
from partwise.audio.links import links_of
from partwise.audio.types import FORMATS

# Samples of all channels together that make a block.
BLOCK_SAMPLES = 1 << 17
NO_AUDIO = "there is no audio in it"

# What the two libraries have been seen to raise, or document, for bad files.
_OF_SOUNDFILE = (soundfile.SoundFileError, RuntimeError, ValueError, OSError)
OF_AV = (FFmpegError, EOFError, RuntimeError, ValueError, OSError)

# PyAV (18.1) looks for the end of a frame's planes behind the eighth and then crashes the process,
# so frames of that many are interleaved before it looks.
_TOO_MANY_PLANES = 8

# Containers of plain PCM, which soundfile reads fastest; FFmpeg is asked for the codecs that
# libsndfile does not know, such as some ADPCM in WAV.
_PCM_CONTAINERS = frozenset({"WAV", "AIFF", "AU", "CAF", "W64"})
_NEVER_LOSSLESS = frozenset({"MP3", "AAC"})


# What is made of samples [channels, n] of any type, at a rate in Hz; they are gone afterwards, so
# that their memory serves the next ones.
Mix = Callable[[np.ndarray, float], np.ndarray]


class Block(NamedTuple):
    """Decoded sound, as a ``Mix`` has made it."""

    samples: np.ndarray
    sample_rate_hz: int


class CannotRead(Exception):
    """Why a library could not read a file, as a clause."""


class Report:
    """What a reader learnt about the file while reading it."""

    def __init__(self) -> None:
        self.declared_s: float | None = None  # how long the file says it is
        self.damaged = 0  # packets that could not be decoded
        self.stopped: str | None = None  # why reading ended before the end
        self.lost: list[str] = []  # why links of a chain could not be opened


def read(file: BinaryIO, name: str | None, report: Report, mix: Mix) -> Iterator[Block]:
    """Read a recording with the library that is best at it. Raises CannotRead if neither can.

    name : what it holds, as ``sniff`` says.
    """
    if name in _PCM_CONTAINERS and not (isinstance(file, MendedFile) and file.overlong):
        block = None
        try:
            for block in read_with_soundfile(file, report, mix):
                yield block
        except CannotRead:
            pass  # FFmpeg's word, which follows, is the more telling one
        if block is not None:
            return
        file.seek(0)
    yield from read_with_av(file, report, mix)


def coding_in(file: BinaryIO, name: str | None) -> Coding | None:
    """Which codec's frames stand in place of samples, if any; leaves the file at its start."""
    if name in _NEVER_LOSSLESS:
        return None
    whole = name in _PCM_CONTAINERS

    def words(samples: np.ndarray, rate_hz: float) -> np.ndarray:
        lossy = samples.dtype.kind == "f" and not whole
        return words_of(samples[:, :0] if lossy else samples)

    blocks = read(file, name, Report(), words)
    try:
        return find_coding(block.samples for block in blocks)
    except CannotRead:
        return None
    finally:
        blocks.close()  # type: ignore[attr-defined]
        file.seek(0)


def read_with_soundfile(file: BinaryIO, report: Report, mix: Mix) -> Iterator[Block]:
    """Read what libsndfile knows. Raises CannotRead if it cannot open it."""
    try:
        # The descriptor rather than the name: libsndfile then goes by content alone, any bytes may
        # stand in the name, and reading needs no calls back into Python.
        given = file if isinstance(file, MendedFile) else file.fileno()
        sound = soundfile.SoundFile(given, closefd=False)
    except _OF_SOUNDFILE as error:
        raise CannotRead(_clause(error)) from error
    with sound:
        rate_hz = sound.samplerate
        report.declared_s = sound.frames / rate_hz if rate_hz else None
        frames = max(256, BLOCK_SAMPLES // sound.channels)
        buffer = np.empty((frames, sound.channels), np.float32)
        while True:
            try:
                read = sound.read(out=buffer)
            except _OF_SOUNDFILE as error:
                report.stopped = _clause(error)
                return
            if not len(read):
                return
            yield Block(mix(read.T, rate_hz), rate_hz)


def read_with_av(
    file: BinaryIO, report: Report, mix: Mix, coding: Coding | None = None
) -> Iterator[Block]:
    """Read what FFmpeg knows. Raises CannotRead if it cannot open it or finds no audio in it.

    A packet that cannot be decoded is counted and passed over.
    """
    for container, stream in streams_of(file, report, coding):
        if stream.duration is not None and stream.time_base is not None:
            report.declared_s = float(stream.duration * stream.time_base)
        gather = _Gather(mix)
        try:
            for packet in packets_of(container, stream):
                try:
                    frames = packet.decode()
                except FFmpegError:
                    report.damaged += 1
                    continue
                for frame in frames:
                    yield from gather.push(frame)
        except OF_AV as error:
            report.stopped = _clause(error)
        yield from gather.flush()


def streams_of(
    file: BinaryIO, report: Report, coding: Coding | None = None
) -> Iterator[tuple[Any, Any]]:
    """PyAV's container of a recording, and its best audio stream; of a chain, one after another.

    coding : the frames that stand in place of its samples, as ``coding_in`` says.
    Raises CannotRead when there is none.
    """
    if coding is not None:
        blocks = read(file, sniff(read_head(file)), Report(), lambda samples, _: words_of(samples))
        pcm = Pcm((block.samples for block in blocks), coding.swapped)
        with open_with_av(pcm, coding.format) as opened:
            yield opened, audio_of(opened)
        return
    links = links_of(file)
    for link in links:
        source = Source(link)
        try:
            with open_with_av(source) as opened:
                yield opened, audio_of(opened)
        except CannotRead as error:
            if len(links) == 1:
                raise
            report.lost.append(str(error))
        report.stopped = source.failure or report.stopped
    if len(report.lost) == len(links):
        raise CannotRead(report.lost[0])


def open_with_av(source: Source | Pcm, format: str | None = None) -> Any:
    """A PyAV container of one of the formats in which people keep music. Raises CannotRead.

    format : FFmpeg's name of it; None to let FFmpeg find out.
    """
    try:
        return av.open(
            source,
            "r",
            format,
            metadata_errors="ignore",  # tags are not read here, and may be in any encoding
            options={"format_whitelist": FORMATS if format is None else format},
            buffer_size=1 << 16,
        )
    except OF_AV as error:
        raise CannotRead(_clause(error)) from error


def audio_of(container: Any) -> Any:
    """The container's best audio stream. Raises CannotRead when there is none."""
    stream = container.streams.best("audio")
    if stream is None:
        raise CannotRead(NO_AUDIO)
    # One thread: files are what is worked on in parallel.
    stream.thread_type = "NONE"
    return stream


def packets_of(container: Any, stream: Any) -> Iterator[Any]:
    """The packets of one stream, also where others begin in the middle of the file."""
    while True:
        try:
            yield from container.demux(stream)
            return
        except IndexError:  # a packet of a stream that PyAV did not see when it opened the file
            continue


class Source:
    """A file as PyAV wants it, with errors as return values: PyAV prints those that are raised."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: str | None = None
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            self.failure = _clause(error)
            return b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except OSError:  # a damaged header may point before the start of the file
            return -errno.EINVAL

    def seekable(self) -> bool:
        return True


class _Gather:
    """Collect FFmpeg's small frames into blocks: converting each alone would cost more than MP3."""

    def __init__(self, mix: Mix) -> None:
        self._mix = mix
        self._fifo = av.AudioFifo()
        self._shape: tuple[Any, ...] | None = None
        self._packer = av.AudioResampler(format="flt")
        self._planar_shape: tuple[Any, ...] | None = None

    def push(self, frame: Any) -> Iterator[Block]:
        if not frame.samples:
            return
        if has_many_planes(frame):
            for packed in self._packed(frame):
                yield from self._push(packed)
        else:
            yield from self._push(frame)

    def _packed(self, frame: Any) -> list[Any]:
        shape = shape_of(frame)
        if shape != self._planar_shape:
            self._packer, self._planar_shape = av.AudioResampler(format="flt"), shape
        return self._packer.resample(frame)

    def _push(self, frame: Any) -> Iterator[Block]:
        shape = shape_of(frame)
        if shape != self._shape:  # a stream may change its rate or channels where it was spliced
            yield from self.flush()
            self._fifo, self._shape = av.AudioFifo(), shape
        frame.pts = None  # gaps in the time stamps are nothing to a FIFO but an error
        self._fifo.write(frame)
        if self._fifo.samples * frame.layout.nb_channels >= BLOCK_SAMPLES:
            yield from self.flush()

    def flush(self) -> Iterator[Block]:
        frame = self._fifo.read() if self._fifo.samples else None
        if frame is not None:
            samples = frame.to_ndarray()  # planar [channels, n], packed [1, n * channels]
            if not frame.format.is_planar:
                samples = samples.reshape(-1, frame.layout.nb_channels).T
            yield Block(self._mix(samples, frame.sample_rate), frame.sample_rate)


def has_many_planes(frame: Any) -> bool:
    """Whether a frame must be interleaved before PyAV may look at its planes."""
    return frame.format.is_planar and frame.layout.nb_channels >= _TOO_MANY_PLANES


def shape_of(frame: Any) -> tuple[Any, ...]:
    """What all frames of a FIFO or a resampler must have in common."""
    return frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.sample_rate


def _clause(error: Exception) -> str:
    text = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    return text.strip().rstrip(".") or type(error).__name__
