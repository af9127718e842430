"""Recordings as a player asks for them: in another format, at a lower bit rate.

A song is encoded once, as fast as it goes, into a file that grows while it is already sent: so a
player that pauses holds no encoder, and whoever asks again gets the file, with ranges.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
from av.error import FFmpegError

from partwise.audio.channels import channel_blocks
from partwise.audio.decode import DecodeError
from partwise.errors import PartwiseError
from partwise.web.playable import KeptFiles
from partwise.web.responses import ClientGone, Refused
from partwise.web.uploads import Song

AT_A_TIME = 2  # encoders: the cores also answer searches
MOST_WAITING = 16
LIMIT_BYTES = 1 << 30
# A player closes a stream and opens it again: an encoder waits so long before it gives up.
DESERTED_S = 15.0
_LOOK_S = 0.03
_CHUNK = 64 * 1024
# A bit rate that is estimated from a file's size is no more exact than this.
_CLOSE_ENOUGH = 1.05


@dataclass(frozen=True)
class Format:
    """What is made of a song.

    kbps : what is used unless less is asked for; least_kbps : less is not made.
    rates_hz : sample rates that the encoder takes, one for each family.
    """

    name: str
    encoder: str
    muxer: str
    media_type: str
    kbps: int
    least_kbps: int
    rates_hz: tuple[int, ...]
    muxer_options: tuple[tuple[str, str], ...] = ()
    encoder_options: tuple[tuple[str, str], ...] = ()


_MP3 = Format(
    *("mp3", "libmp3lame", "mp3", "audio/mpeg", 192, 32, (44_100, 48_000)),
    # Without what is written in front of a finished file: this one is sent before it is.
    muxer_options=(("write_xing", "0"), ("id3v2_version", "0")),
)
_OPUS = Format(
    *("opus", "libopus", "ogg", "audio/ogg", 128, 16, (48_000,)),
    encoder_options=(("vbr", "constrained"),),
)
_AAC = Format("aac", "aac", "adts", "audio/aac", 192, 32, (44_100, 48_000))
# What players call them, and the endings of files that are such already.
FORMATS = {"mp3": _MP3, "opus": _OPUS, "ogg": _OPUS, "oga": _OPUS, "aac": _AAC}
_MP3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)


@dataclass(frozen=True)
class Wanted:
    """One way to encode a song. start_s : what comes before is left out."""

    format: Format
    kbps: int
    start_s: int = 0


def wanted(suffix: str, kbps: float, asked: str, most_kbps: int, start_s: int = 0) -> Wanted | None:
    """How a song is to be encoded; None when the file itself is what is asked for.

    suffix : of the file. kbps : of the file. asked : a format, ``raw``, or nothing; what is no
    known format is no wish. most_kbps : 0 for no limit.
    """
    if asked == "raw":
        return None
    format_ = FORMATS.get(asked)
    fits = not most_kbps or kbps <= most_kbps * _CLOSE_ENOUGH
    same = format_ is None or FORMATS.get(suffix) is format_
    if fits and same and not start_s:
        return None
    format_ = format_ or FORMATS.get(suffix) or _MP3
    least, usual = format_.least_kbps, format_.kbps
    chosen = max(min(usual, most_kbps or usual), least)
    if format_ is _MP3:
        chosen = max(rate for rate in _MP3_KBPS if rate <= chosen)
    return Wanted(format_, chosen, start_s)


class Growing:
    """A song that is being encoded: a file, and how much of it is there."""

    def __init__(self, path: Path, media_type: str) -> None:
        self.path = path
        self.media_type = media_type
        self.size = 0
        self.ended = False
        self.error: Exception | None = None
        self._readers = 0
        self._deserted_s = time.monotonic()
        self._guard = threading.Lock()
        path.touch()

    @property
    def deserted(self) -> bool:
        """Whether nobody has read it for a while."""
        with self._guard:
            return not self._readers and time.monotonic() > self._deserted_s + DESERTED_S

    async def begun(self, client_gone: Callable[[], Any]) -> None:
        """Wait for the first of it. Raises what the encoder raised, and ClientGone."""
        while not self.size and not self.ended:
            if await client_gone():
                raise ClientGone
            await asyncio.sleep(_LOOK_S)
        if self.error is not None and not self.size:
            raise self.error

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it, as it comes. Breaks off, with an error, where the encoder does."""
        with self._guard:
            self._readers += 1
        try:
            with open(self.path, "rb") as file:
                sent = 0
                while True:
                    ended, size = self.ended, self.size  # in this order: the end comes last
                    while sent < size:
                        data = file.read(min(_CHUNK, size - sent))
                        sent += len(data)
                        yield data
                    if ended and sent >= self.size:
                        break
                    await asyncio.sleep(_LOOK_S)
                if self.error is not None:
                    raise self.error
        finally:
            with self._guard:
                self._readers -= 1
                self._deserted_s = time.monotonic()


class Transcoder:
    """Encodes songs, a few at a time, and keeps what it made in a folder of limited size."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._files = KeptFiles(folder, limit_bytes)
        self._pool = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="partwise-encoder")
        self._running: dict[str, Growing] = {}
        self._guard = threading.Lock()
        self._closing = threading.Event()

    def close(self) -> None:
        """End what runs."""
        self._closing.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def open(self, song: Song, how: Wanted) -> Path | Growing:
        """The finished file, or the one that grows. Raises Refused while too many are waiting."""
        ending = "ogg" if how.format.muxer == "ogg" else how.format.name
        name = f"{song.song_id}-{how.kbps}-{how.start_s}.{ending}"
        with self._guard:
            if (found := self._running.get(name)) is not None:
                return found
            place = self._files.find(name, song.in_library)
            if place is not None:
                return place
            if len(self._running) >= MOST_WAITING:
                raise Refused(503, "too many songs are being encoded: try again in a minute")
            place = self._files.place(name, song.in_library)
            half = place.parent / f".{name}.{secrets.token_hex(4)}"
            growing = self._running[name] = Growing(half, how.format.media_type)
            self._pool.submit(self._work, name, growing, place, song.path, how)
            return growing

    def _work(self, name: str, growing: Growing, place: Path, path: Path, how: Wanted) -> None:
        def stopped() -> bool:
            return self._closing.is_set() or growing.deserted

        try:
            with open(growing.path, "wb") as file:
                encode(path, _Sink(file, growing), how, stopped)
            if stopped():
                raise ClientGone
            growing.path.replace(place)
        except Exception as error:  # whatever it is, those who wait have to be told
            known = isinstance(error, PartwiseError)
            reason = str(error) if isinstance(error, (OSError, FFmpegError)) else "an error"
            growing.error = error if known else Refused(500, f"it cannot be encoded: {reason}")
            with suppress(OSError):
                growing.path.unlink()
        else:
            growing.path = place
            self._files.tidy(place)
        finally:
            with self._guard:
                del self._running[name]
            growing.ended = True


class _Sink:
    """What FFmpeg writes to; it cannot go back in it."""

    def __init__(self, file: BinaryIO, growing: Growing) -> None:
        self._file = file
        self._growing = growing

    def write(self, data: bytes) -> int:
        self._file.write(data)
        self._file.flush()
        self._growing.size += len(data)
        return len(data)


def encode(path: Path, sink: Any, how: Wanted, stopped: Callable[[], bool]) -> None:
    """Write a recording, in another format, to an object with ``write``.

    Ends early, as if that were the end, once ``stopped`` says True. Raises DecodeError.
    """
    form = how.format
    stream: Any = None
    resampler: Any = None
    with av.open(sink, "w", format=form.muxer, options=dict(form.muxer_options)) as container:
        for block, rate_hz in _from(how.start_s, channel_blocks(path, stopped)):
            layout = "mono" if block.shape[1] == 1 else "stereo"
            if stream is None:
                family = [rate for rate in form.rates_hz if rate % 11_025 == rate_hz % 11_025 == 0]
                out_hz = (family or list(form.rates_hz[-1:]))[0]
                stream = container.add_stream(form.encoder, rate=out_hz, layout=layout)
                stream.bit_rate = how.kbps * 1000
                stream.codec_context.options = dict(form.encoder_options)
                sample_format = stream.codec_context.format.name
                resampler = av.AudioResampler(sample_format, layout, out_hz)
            samples = np.clip(np.nan_to_num(block), -1.0, 1.0).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, "flt", layout)
            frame.sample_rate = rate_hz
            for resampled in resampler.resample(frame):
                container.mux(stream.encode(resampled))
        if stream is None:
            if stopped():
                raise ClientGone
            raise DecodeError(path, f"there is no audio in it after {how.start_s} s")
        for resampled in resampler.resample(None):
            container.mux(stream.encode(resampled))
        container.mux(stream.encode(None))


def _from(
    start_s: int, blocks: Iterator[tuple[np.ndarray, int]]
) -> Iterator[tuple[np.ndarray, int]]:
    """The blocks from a second on: they are decoded and thrown away until then."""
    heard = 0
    for block, rate_hz in blocks:
        passed = min(max(start_s * rate_hz - heard, 0), len(block))
        heard += len(block)
        if passed < len(block):
            yield block[passed:], rate_hz
