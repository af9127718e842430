"""Chained Ogg: every link is heard, whatever its codec, rate and channels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from partwise.audio.channels import channel_blocks, is_as_it_seems
from partwise.audio.decode import decode
from partwise.audio.links import links_of
from sounds import encode, tone, write

Write = Callable[[Path, int, int], Path]


def _stereo(rate_hz: int, channels: int) -> np.ndarray:
    return np.repeat(tone(2.0, 441.0, rate_hz)[:, None], channels, axis=1)


def vorbis(path: Path, rate_hz: int, channels: int) -> Path:
    return write(path, _stereo(rate_hz, channels), rate_hz)


def opus(path: Path, rate_hz: int, channels: int) -> Path:
    return encode(path, _stereo(rate_hz, channels), rate_hz, codec="libopus", container="ogg")


def flac(path: Path, rate_hz: int, channels: int) -> Path:
    return encode(path, _stereo(rate_hz, channels), rate_hz, codec="flac", container="ogg")


CHAINS = {
    "vorbis of three rates": [(vorbis, 44100, 2), (vorbis, 48000, 1), (vorbis, 22050, 1)],
    "opus of other channels": [(opus, 48000, 2), (opus, 48000, 1)],
    "three codecs": [(vorbis, 44100, 2), (opus, 48000, 1), (flac, 44100, 2)],
    "the same twice": [(vorbis, 44100, 2), (vorbis, 44100, 2)],
}


def chained(folder: Path, links: list[tuple[Write, int, int]]) -> list[bytes]:
    return [
        make(folder / f"{number}.ogg", rate_hz, channels).read_bytes()
        for number, (make, rate_hz, channels) in enumerate(links)
    ]


@pytest.mark.parametrize("name", CHAINS)
def test_all_links_are_heard_and_played(tmp_path: Path, name: str):
    links = chained(tmp_path, CHAINS[name])
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(links))
    audio = decode(path, 22050)
    assert audio.notes == ()
    assert audio.seconds == pytest.approx(2.0 * len(links), abs=0.15)
    for start in range(len(links)):
        second = audio.samples[22050 * 2 * start + 11025 : 22050 * 2 * start + 33075]
        assert np.sqrt(2 * np.mean(second**2)) == pytest.approx(0.3, rel=0.1)
    played = [(len(block), rate_hz) for block, rate_hz in channel_blocks(path)]
    seconds = sum(count / rate_hz for count, rate_hz in played)
    assert seconds == pytest.approx(2.0 * len(links), abs=0.15)
    assert not is_as_it_seems(path)
    assert is_as_it_seems(tmp_path / "0.ogg")


def test_a_link_that_is_lost_costs_only_itself(tmp_path: Path):
    first, second, third = chained(tmp_path, CHAINS["three codecs"])
    path = tmp_path / "chain.ogg"
    path.write_bytes(first + second[:60] + third)
    audio = decode(path)
    assert audio.seconds == pytest.approx(4.0, abs=0.1)
    assert [note.split("(")[0] for note in audio.notes] == [
        "1 link of the chain cannot be decoded "
    ]


def test_where_links_begin(tmp_path: Path):
    links = chained(tmp_path, CHAINS["three codecs"])
    path = tmp_path / "chain.ogg"
    path.write_bytes(b"".join(links))
    with open(path, "rb", buffering=0) as file:
        found = links_of(file)
        for part, content in zip(found, links, strict=True):
            assert part.seek(0, 2) == len(content)
            part.seek(0)
            assert part.read(-1) == content
            part.seek(-10, 2)
            assert part.read(100) == content[-10:]
            assert part.tell() == len(content)
            with pytest.raises(OSError, match="in front of the file"):
                part.seek(-1)


def test_streams_side_by_side_are_one_link(tmp_path: Path):
    """As in a film: both first pages stand in front of everything else."""
    one, other = chained(tmp_path, [(vorbis, 44100, 2), (opus, 48000, 2)])
    first = [content.index(b"OggS", 1) for content in (one, other)]
    together = one[: first[0]] + other[: first[1]] + one[first[0] :] + other[first[1] :]
    path = tmp_path / "film.ogv"
    path.write_bytes(together)
    with open(path, "rb", buffering=0) as file:
        assert links_of(file) == [file]
