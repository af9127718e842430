"""Frames of a codec in the place of PCM samples: a DTS CD, or what an S/PDIF cable carries.

Copied to a WAV or FLAC file such frames look like noise at full level. They begin with words that
music does not have, and these come back at the same distance again and again.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

# Words in which they are looked for, from the first that is not 0.
LOOKED_AT = 1 << 17
# So many with the same distance are no chance.
_ENOUGH = 3
# IEC 61937: two words, then the kind of data; from burst to burst a multiple of 128 frames.
_BURST, _BURST_SWAPPED = b"\x72\xf8\x1f\x4e", b"\xf8\x72\x4e\x1f"
_BURST_STEP = 128 * 4
_BURSTS = {1: "AC-3", 11: "DTS", 12: "DTS", 13: "DTS", 17: "DTS-HD", 21: "E-AC-3", 22: "TrueHD"}
_BURSTS |= dict.fromkeys((4, 5, 6, 8, 9), "MPEG audio") | dict.fromkeys((7, 10, 19, 20), "AAC")
_PAUSES = {0, 3}
# DTS: its sync word in either order of bytes, of 16 or of 14 bits, and the bits of a whole frame.
_DTS = re.compile(
    rb"\xfe\x7f\x01\x80.[\xfc-\xff]|\x7f\xfe\x80\x01[\xfc-\xff]"
    rb"|\xff\x1f\x00\xe8[\xf0-\xff]\x07|\x1f\xff\xe8\x00\x07[\xf0-\xff]",
    re.DOTALL,
)


class Coding(NamedTuple):
    """name : of the codec. format : FFmpeg's name of a file of such frames. swapped : they are that
    file with the two bytes of each word exchanged."""

    name: str
    format: str
    swapped: bool = False


class Pcm:
    """Words as the bytes of 16-bit PCM, a file that can only be read."""

    def __init__(self, blocks: Iterable[np.ndarray], swapped: bool = False) -> None:
        self._blocks = iter(blocks)
        self._swapped = swapped
        self._rest = b""

    def read(self, size: int) -> bytes:
        while len(self._rest) < size and (block := next(self._blocks, None)) is not None:
            self._rest += (block.byteswap() if self._swapped else block).tobytes()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data


def words_of(samples: np.ndarray) -> np.ndarray:
    """[channels, n] of any sample type to the upper 16 bits of each, interleaved: int16 [n * c]."""
    if samples.dtype.kind == "f":
        scaled = np.clip(np.nan_to_num(samples), -1.0, 1.0) * 32768.0
        samples = np.minimum(np.floor(scaled), 32767.0).astype("<i2")
    elif samples.dtype.itemsize > 2:
        samples = (samples >> (8 * samples.dtype.itemsize - 16)).astype("<i2")
    return samples.T.astype("<i2").reshape(-1)


def find_coding(blocks: Iterable[np.ndarray]) -> Coding | None:
    """Which codec's frames the samples are, if any. blocks : of words, as ``words_of`` says.

    Reads no further than it must; an empty block ends it.
    """
    found: list[np.ndarray] = []
    length = 0
    for words in blocks:
        if not len(words):
            return None
        if not found:  # the gap before a track
            words = words[np.flatnonzero(words)[:1][0] :] if words.any() else words[:0]
        if len(words):
            found.append(words)
            length += len(words)
        if length >= LOOKED_AT:
            break
    return coding_of(np.concatenate(found).tobytes()) if found else None


def coding_of(pcm: bytes) -> Coding | None:
    """As ``find_coding``, of 16-bit PCM."""
    for sync, kind_at in ((_BURST, 4), (_BURST_SWAPPED, 5)):
        kinds: list[int] = []
        places: list[int] = []
        for match in re.finditer(re.escape(sync), pcm[:-8]):
            kind = pcm[match.start() + kind_at] & 31
            if kind not in _PAUSES:
                kinds.append(kind)
                places.append(match.start())
        if _are_regular(places, _BURST_STEP):
            kind = Counter(kinds).most_common(1)[0][0]
            name = _BURSTS.get(kind, f"IEC 61937 (type {kind})")
            return Coding(name, "spdif", swapped=sync == _BURST_SWAPPED)
    if _are_regular([match.start() for match in _DTS.finditer(pcm)], 4):
        return Coding("DTS", "dts")
    return None


def _are_regular(places: list[int], step: int) -> bool:
    """Whether most of them follow each other at one distance, which is a multiple of ``step``."""
    distances = Counter(np.diff(places).tolist())
    if not distances:
        return False
    distance, count = distances.most_common(1)[0]
    return count + 1 >= _ENOUGH and count > distances.total() / 2 and distance % step == 0
