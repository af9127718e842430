"""Passages of recordings filtered for some parts: the child process that decodes and filters them.

What was decoded and heard last is kept, so that the next passage, or another part of the same one,
costs little more than the filter.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Any

import numpy as np

from partwise.audio.channels import channel_blocks
from partwise.audio.decode import DecodeError, finite
from partwise.embedding.masks import PartMasks
from partwise.errors import PartwiseError
from partwise.hearing.child import Message, Parent
from partwise.parts import Part
from partwise.paths import text_to_path

# Two songs are compared in turn.
_RECORDINGS = 2
# Of each, so much stays decoded: 115 MB of stereo at 48 kHz.
_KEPT_S = 300.0
_WINDOWS = 32  # masks of 10 s each, 1.7 MB


class Recording:
    """A recording, decoded as far as it was asked for; the latest minutes of that are kept.

    path : of the file. Raises DecodeError where nothing can be decoded.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.rate_hz = 0
        self._restart()
        if not self._decode():
            raise DecodeError(path, "there is no audio in it")

    def _restart(self) -> None:
        self._blocks = channel_blocks(self._path)
        self._kept: deque[np.ndarray] = deque()
        self._begin = self._end = 0  # frames: of what is kept

    def _decode(self) -> bool:
        """One block more; False at the end."""
        block, self.rate_hz = next(self._blocks, (None, self.rate_hz))
        if block is None:
            return False
        self._kept.append(finite(block)[0])
        self._end += len(block)
        return True

    def read(self, first: int, last: int) -> np.ndarray:
        """Frames from one to another, float32 [n, channels]; fewer, or none, where it ends."""
        if first < self._begin:
            self._restart()
        while self._end < last and self._decode():
            spare = self._end - _KEPT_S * self.rate_hz
            while len(self._kept) > 1 and self._begin + len(self._kept[0]) <= min(first, spare):
                self._begin += len(self._kept.popleft())
        reached, found = self._begin, []
        for block in self._kept:
            cut = block[max(0, first - reached) : max(0, last - reached)]
            reached += len(block)
            if len(cut) or not found:
                found.append(cut)
        return np.concatenate(found)


class Auditions:
    """Passages filtered for parts, one after another."""

    def __init__(self, masks: PartMasks) -> None:
        self._masks = masks
        self._recordings: OrderedDict[str, Recording] = OrderedDict()
        self._windows: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()

    def passage(
        self, path: str, stamp: str, parts: list[Part], start_s: float, end_s: float
    ) -> tuple[np.ndarray, int]:
        """int16 [n, channels=1 or 2] and its rate in Hz; n is 0 past the end.

        path : as text. stamp : of the file's content; with another one it is read anew.
        Raises DecodeError.
        """
        recording = self._recordings.get(stamp)
        if recording is None:
            recording = self._recordings[stamp] = Recording(text_to_path(path))
        self._recordings.move_to_end(stamp)
        while len(self._recordings) > _RECORDINGS:
            self._recordings.popitem(last=False)

        def masks_of(start: int, samples: np.ndarray) -> np.ndarray:
            key = stamp, start
            if key not in self._windows:
                self._windows[key] = self._masks.of(samples, recording.rate_hz)
            self._windows.move_to_end(key)
            while len(self._windows) > _WINDOWS:
                self._windows.popitem(last=False)
            return self._windows[key]

        rate_hz = recording.rate_hz
        first, last = round(start_s * rate_hz), round(end_s * rate_hz)
        found = self._masks.passage(recording.read, rate_hz, parts, first, last, masks_of)
        return np.rint(found.clip(-1.0, 1.0) * 32767.0).astype(np.int16), rate_hz


def answer_to(asked: Message, auditions: Auditions) -> dict[str, Any]:
    """What the child answers: samples and their rate, or why there are none. Never raises."""
    try:
        samples, rate_hz = auditions.passage(
            asked["path"],
            asked["stamp"],
            [Part(part) for part in asked["parts"]],
            asked["start_s"],
            asked["end_s"],
        )
        return {"samples": samples, "rate_hz": rate_hz}
    except DecodeError as error:
        return {"failure": error.reason}
    except MemoryError:
        return {"failure": "there is not enough memory to read it"}
    except Exception as error:  # a decoder's surprise costs one answer
        return {"failure": f"it cannot be filtered ({type(error).__name__})"}


def main() -> None:
    """The child: a model's path in; then passages asked for in, and their samples out."""
    parent = Parent()
    model = parent.receive()["model"]
    try:
        from partwise.embedding.encoder import load_encoder

        auditions = Auditions(PartMasks(load_encoder(model)))
    except Exception as error:
        ours = isinstance(error, PartwiseError)
        parent.answer(unfit=str(error) if ours else f"{type(error).__name__}: {error}")
        return
    parent.answer(ready=True)
    parent.silence()
    while True:
        parent.answer(**answer_to(parent.receive(), auditions))
