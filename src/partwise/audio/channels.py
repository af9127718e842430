"""Files in, mono or stereo float32 out: for what is played and measured as it is played.

What is heard by the model is the mean of the channels (``decode``). A player needs both channels,
and so does a measure of loudness that must not let either of them clip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from partwise.audio.container import read_head, sniff
from partwise.audio.decode import DecodeError, Path, open_recording
from partwise.audio.lengths import mended
from partwise.audio.links import links_of
from partwise.audio.readers import (
    OF_AV,
    CannotRead,
    Report,
    Source,
    audio_of,
    coding_in,
    has_many_planes,
    open_with_av,
    packets_of,
    shape_of,
    streams_of,
)
from partwise.audio.resample import check_rate
from partwise.errors import PartwiseError

# Samples of one channel that make a block.
_BLOCK_FRAMES = 1 << 16
# More is out of every browser's reach, and of every ear's.
_MAX_RATE_HZ = 96_000
_INSTEAD_HZ = 48_000
# Samples of one channel that are given to the resampler at once.
_GATHERED = 4096


def codec_of(path: Path) -> str | None:
    """FFmpeg's name of the codec of the best audio stream; None when there is none."""
    try:
        with open_recording(path) as file, open_with_av(Source(file)) as container:
            return audio_of(container).codec_context.name
    except CannotRead:
        return None


def is_as_it_seems(path: Path) -> bool:
    """Whether other players hear in a file what partwise does: its header gives the right length,
    its samples are no frames of a codec, and it is no chain. Raises DecodeError.
    """
    with open_recording(path) as file:
        seen, _ = mended(file)
        name = sniff(read_head(seen))
        return seen is file and len(links_of(file)) == 1 and coding_in(file, name) is None


def channel_blocks(
    path: Path, stopped: Callable[[], bool] = lambda: False
) -> Iterator[tuple[np.ndarray, int]]:
    """Blocks float32 [n, channels=1 or 2] and their rate in Hz, the same for the whole recording.

    More channels than two are mixed to two, and rates above 96 kHz become 48 kHz. stopped : asked
    between packets; the blocks end early once it says True. A file that is damaged is used as far
    as it goes. Raises DecodeError where nothing can be decoded.
    """
    with open_recording(path) as file:
        try:
            seen, _ = mended(file)
            coding = coding_in(seen, sniff(read_head(seen)))
            yield from _blocks(streams_of(seen, Report(), coding), stopped)
        except (CannotRead, PartwiseError) as error:
            raise DecodeError(path, f"cannot be decoded ({error})") from error


def _blocks(
    streams: Iterator[tuple[Any, Any]], stopped: Callable[[], bool]
) -> Iterator[tuple[np.ndarray, int]]:
    packer: _Packer | None = None
    rate_hz, channels, waiting, length, heard = 0, 0, [], 0, False
    for frame in _frames(streams, stopped):
        if packer is None:
            check_rate(frame.sample_rate)
            channels = min(frame.layout.nb_channels, 2)
            rate_hz = frame.sample_rate if frame.sample_rate <= _MAX_RATE_HZ else _INSTEAD_HZ
            packer = _Packer(channels, rate_hz)
        for samples in packer.push(frame):
            waiting.append(samples)
            length += len(samples)
        if length >= _BLOCK_FRAMES:
            yield np.concatenate(waiting), rate_hz
            waiting, length, heard = [], 0, True
    if packer is not None:
        waiting.extend(packer.flush())
        if waiting:
            yield np.concatenate(waiting), rate_hz
        elif packer.unusable and not heard:
            raise CannotRead(f"its {packer.unusable} channels cannot be mixed to {channels}")


class _Packer:
    """Frames of any kind in, samples float32 [n, channels] of one rate out.

    Small frames are gathered first: a damaged header can make every sample a frame of its own, and
    each costs the resampler as much as a thousand do. Frames that cannot be mixed are passed over;
    ``unusable`` is then how many channels the last of them had.
    """

    def __init__(self, channels: int, rate_hz: int) -> None:
        self._channels = channels
        self._rate_hz = rate_hz
        self._shape: tuple[Any, ...] | None = None
        self._fifo = av.AudioFifo()
        self._resampler: Any = None
        self.unusable = 0

    def push(self, frame: Any) -> Iterator[np.ndarray]:
        shape = shape_of(frame)
        if shape != self._shape:  # a stream may change its rate or channels where it was spliced
            yield from self.flush()
            layout = "mono" if self._channels == 1 else "stereo"
            self._resampler = av.AudioResampler(format="flt", layout=layout, rate=self._rate_hz)
            self._fifo, self._shape = av.AudioFifo(), shape
        frame.pts = None
        if has_many_planes(frame) or frame.samples >= _GATHERED:
            yield from self.flush()
            yield from self._packed(frame)
            return
        self._fifo.write(frame)
        if self._fifo.samples >= _GATHERED:
            yield from self.flush()

    def flush(self) -> Iterator[np.ndarray]:
        frame = self._fifo.read() if self._fifo.samples else None
        if frame is not None:
            frame.pts = None
            yield from self._packed(frame)

    def _packed(self, frame: Any) -> Iterator[np.ndarray]:
        try:
            found = self._resampler.resample(frame)
        except OF_AV:  # more channels than FFmpeg can mix, or an arrangement that it does not know
            self.unusable = frame.layout.nb_channels
            return
        for packed in found:
            yield packed.to_ndarray().reshape(-1, self._channels)


def _frames(streams: Iterator[tuple[Any, Any]], stopped: Callable[[], bool]) -> Iterator[Any]:
    """The frames that can be decoded; a damaged packet is passed over."""
    for container, stream in streams:
        try:
            for packet in packets_of(container, stream):
                if stopped():
                    return
                try:
                    frames = packet.decode()
                except FFmpegError:
                    continue
                yield from (frame for frame in frames if frame.samples)
        except OF_AV:
            continue
