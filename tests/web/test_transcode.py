"""Songs in another format, sent while they are encoded, and covers in another size."""

from __future__ import annotations

import io
import time
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from av.container import InputContainer

from partwise.audio.tags import NO_TAGS
from partwise.library.media.covers import Cover
from partwise.web.pictures import Pictures
from partwise.web.transcode import Growing, Transcoder, wanted
from partwise.web.uploads import Song

RATE_HZ = 44_100


@pytest.fixture
def song(tmp_path: Path) -> Song:
    path = tmp_path / "a.flac"
    t = np.arange(3 * RATE_HZ) / RATE_HZ
    soundfile.write(path, 0.3 * np.sin(2 * np.pi * 440 * t), RATE_HZ)
    return Song("a" * 32, path, "A", NO_TAGS, 3.0, in_library=True)


@pytest.mark.parametrize(
    ("asked", "kbps", "start_s", "codec"),
    [("mp3", 64, 0, "mp3float"), ("opus", 0, 1, "opus"), ("aac", 0, 0, "aac")],
)
def test_a_song_is_encoded_once(
    song: Song, tmp_path: Path, asked: str, kbps: int, start_s: int, codec: str
) -> None:
    how = wanted("flac", 700, asked, kbps, start_s)
    assert how is not None
    transcoder = Transcoder(tmp_path / "cache")
    growing = transcoder.open(song, how)
    assert isinstance(growing, Growing)
    until_s = time.monotonic() + 30
    while not growing.ended and time.monotonic() < until_s:
        time.sleep(0.02)
    assert growing.error is None
    found = transcoder.open(song, how)
    assert isinstance(found, Path) and found.stat().st_size == growing.size
    with av.open(str(found), "r") as container:
        assert isinstance(container, InputContainer)
        stream = container.streams.audio[0]
        assert stream.codec_context.name.startswith(codec)
        samples = sum(frame.samples for frame in container.decode(stream))
        assert samples / stream.codec_context.sample_rate == pytest.approx(3 - start_s, abs=0.15)
    transcoder.close()


def test_what_fits_is_sent_as_it_is() -> None:
    assert wanted("flac", 900, "raw", 64) is None
    assert wanted("mp3", 128, "", 128) is wanted("mp3", 192, "mp3", 0) is None
    lower = wanted("mp3", 320, "", 100)
    assert lower is not None and (lower.format.name, lower.kbps) == ("mp3", 96)


def test_a_cover_is_made_smaller_and_never_larger() -> None:
    frame = av.VideoFrame.from_ndarray(np.full((200, 400, 3), 90, np.uint8), "rgb24")
    encoder = av.CodecContext.create("png", "w")
    encoder.width, encoder.height, encoder.pix_fmt = 400, 200, "rgb24"
    data = b"".join(map(bytes, (*encoder.encode(frame), *encoder.encode(None))))
    cover, pictures = Cover(data, "image/png"), Pictures()
    small = pictures.scaled(cover, 100)
    with av.open(io.BytesIO(small.data), "r", format="jpeg_pipe") as container:
        image = next(container.decode(video=0))
        assert (image.width, image.height) == (100, 50)
    assert pictures.scaled(cover, 500) is cover
    broken = Cover(b"\x89PNG\r\n\x1a\nno image", "image/png")
    assert pictures.scaled(broken, 100) is broken
