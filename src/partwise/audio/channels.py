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

from partwise.audio.decode import DecodeError, Path, open_recording
from partwise.audio.readers import OF_AV, CannotRead, Source, audio_of, open_with_av

# Samples of one channel that make a block.
_BLOCK_FRAMES = 1 << 16
# More is out of every browser's reach, and of every ear's.
_MAX_RATE_HZ = 96_000
_INSTEAD_HZ = 48_000


def codec_of(path: Path) -> str | None:
    """FFmpeg's name of the codec of the best audio stream; None when there is none."""
    try:
        with open_recording(path) as file, open_with_av(Source(file)) as container:
            return audio_of(container).codec_context.name
    except CannotRead:
        return None


def channel_blocks(
    path: Path, stopped: Callable[[], bool] = lambda: False
) -> Iterator[tuple[np.ndarray, int]]:
    """Blocks float32 [n, channels=1 or 2] and their rate in Hz, the same for the whole recording.

    More channels than two are mixed to two, and rates above 96 kHz become 48 kHz. stopped : asked
    between packets; the blocks end early once it says True. A file that is damaged is used as far
    as it goes. Raises DecodeError where nothing can be decoded.
    """
    with open_recording(path) as file:
        source = Source(file)
        try:
            with open_with_av(source) as container:
                stream = audio_of(container)
                yield from _blocks(container, stream, stopped)
        except CannotRead as error:
            raise DecodeError(path, f"cannot be decoded ({error})") from error


def _blocks(
    container: Any, stream: Any, stopped: Callable[[], bool]
) -> Iterator[tuple[np.ndarray, int]]:
    packer: Any = None
    shape: tuple[Any, ...] | None = None
    layout, rate_hz, waiting, length = "", 0, [], 0
    for frame in _frames(container, stream, stopped):
        if not rate_hz:
            layout = "mono" if frame.layout.nb_channels == 1 else "stereo"
            rate_hz = frame.sample_rate if frame.sample_rate <= _MAX_RATE_HZ else _INSTEAD_HZ
        seen = (frame.format.name, frame.layout.name, frame.sample_rate)
        if seen != shape:  # a stream may change its rate or channels where it was spliced
            packer, shape = av.AudioResampler(format="flt", layout=layout, rate=rate_hz), seen
        frame.pts = None
        for packed in packer.resample(frame):
            samples = packed.to_ndarray().reshape(-1, 1 if layout == "mono" else 2)
            waiting.append(samples)
            length += len(samples)
        if length >= _BLOCK_FRAMES:
            yield np.concatenate(waiting), rate_hz
            waiting, length = [], 0
    if length:
        yield np.concatenate(waiting), rate_hz


def _frames(container: Any, stream: Any, stopped: Callable[[], bool]) -> Iterator[Any]:
    """The frames that can be decoded; a damaged packet is passed over."""
    try:
        for packet in container.demux(stream):
            if stopped():
                return
            try:
                frames = packet.decode()
            except FFmpegError:
                continue
            yield from (frame for frame in frames if frame.samples)
    except OF_AV:
        return
