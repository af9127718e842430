"""Covers in the size that a player asks for.

FFmpeg, which is there for the sound, also reads and scales the four kinds of images that
``covers`` gives out. What it makes is a JPEG; what is transparent stands on white.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from fractions import Fraction

import av
import numpy as np
from av.error import FFmpegError

from partwise.library.media.covers import Cover

MOST_PIXELS = 50_000_000  # of an image that is scaled
LARGEST = 2000  # more is given out as it is
_SMALLEST = 16
_KEPT_BYTES = 32 << 20
_DEMUXERS = {
    "image/jpeg": "jpeg_pipe",
    "image/png": "png_pipe",
    "image/webp": "webp_pipe",
    "image/gif": "gif",
}


class Pictures:
    """Scaled covers; the latest ones are kept in memory.

    kept_bytes : how much of them.
    """

    def __init__(self, kept_bytes: int = _KEPT_BYTES) -> None:
        self._most = kept_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[int, int, int], Cover] = OrderedDict()
        self._guard = threading.Lock()
        self._turn = threading.Semaphore(2)  # an image of 50 million pixels takes 200 MB

    def scaled(self, cover: Cover, size: int) -> Cover:
        """A cover whose longer side has at most ``size`` pixels: it is made smaller, never larger.

        What cannot be scaled is given back as it is.
        """
        size = max(size, _SMALLEST)
        if size > LARGEST:
            return cover
        key = (hash(cover.data), len(cover.data), size)
        with self._guard:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        with self._turn:
            try:
                small = scale(cover, size)
            except (FFmpegError, ValueError, OSError):
                small = cover
        self._keep(key, small)
        return small

    def _keep(self, key: tuple[int, int, int], cover: Cover) -> None:
        with self._guard:
            if key in self._kept or len(cover.data) > self._most:
                return
            self._kept[key] = cover
            self._bytes += len(cover.data)
            while self._bytes > self._most:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.data)


def scale(cover: Cover, size: int) -> Cover:
    """The cover itself where it is small enough, else a JPEG of it.

    Raises ValueError for an image of too many pixels, or of none, and what FFmpeg raises.
    """
    with av.open(io.BytesIO(cover.data), "r", format=_DEMUXERS[cover.media_type]) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        stream.thread_type = "NONE"
        frame = next(container.decode(stream), None)
    if frame is None or not 0 < frame.width * frame.height <= MOST_PIXELS:
        raise ValueError("no image that can be scaled")
    longer = max(frame.width, frame.height)
    if longer <= size:
        return cover
    width, height = (max(1, round(side * size / longer)) for side in (frame.width, frame.height))
    small = frame.reformat(width, height, "rgba", interpolation="AREA").to_ndarray()
    opaque = small[..., 3:].astype(np.uint16)
    on_white = (small[..., :3] * opaque + 255 * (255 - opaque)) // 255
    return Cover(_jpeg(np.ascontiguousarray(on_white.astype(np.uint8))), "image/jpeg")


def _jpeg(pixels: np.ndarray) -> bytes:
    """pixels : uint8 [height, width, 3]."""
    height, width, _ = pixels.shape
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = width, height
    encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1)
    encoder.options = {"qmin": "2", "qmax": "4"}
    frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
        format="yuvj420p", dst_color_range="JPEG"
    )
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))
