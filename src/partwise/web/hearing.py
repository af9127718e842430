"""Hearing files that strangers sent: in a process of its own each, with limits, a few at a time."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from partwise.audio.segment import HOP_S, SEGMENT_S
from partwise.audio.tags import Tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.hearing.child import Late, Limits
from partwise.hearing.process import Hearer, WorkersUnfit
from partwise.hearing.worker import Outcome, Settings
from partwise.library.library import Library
from partwise.paths import FoundFile, path_to_text
from partwise.web.responses import Refused

LONGEST_S = 1800.0
WALL_S = 60.0
AT_A_TIME = 2
WAIT_S = 20.0
# 0.8 GB of addresses were measured with the shipped model, most of them never touched.
LIMITS = Limits(cpu_s=120, memory_bytes=3 << 30, file_bytes=256 << 20, nice=5)
_STATUS = {"unreadable": 415, "too long": 413}
_MOST_TEXT = 1000


@dataclass(frozen=True)
class Heard:
    """What was heard. digest : of the model. kind : what the file holds, or ''."""

    embeddings: PartEmbeddings
    tags: Tags
    digest: str
    kind: str
    content_hash: str


class Ears:
    """Hears files of strangers, a few at a time.

    library : whose settings count. model : ONNX file; None for the shipped one.
    longest_s : length that a recording may have. wall_s : time that hearing it may take.
    at_a_time : children at once. wait_s : how long a file waits for its turn.
    """

    _hearer = Hearer

    def __init__(
        self,
        library: Library,
        model: Path | None = None,
        longest_s: float = LONGEST_S,
        wall_s: float = WALL_S,
        at_a_time: int = AT_A_TIME,
        wait_s: float = WAIT_S,
    ) -> None:
        self._library = library
        self._model = model
        self._longest_s = longest_s
        self._wall_s = wall_s
        self._wait_s = wait_s
        self._places = threading.BoundedSemaphore(at_a_time)

    def hear(self, path: Path, gone: threading.Event) -> Heard:
        """Hear a file. gone : set when nobody waits for it any more.

        Raises Refused with one sentence for a file that cannot be heard, for one that takes too
        much, and when too many are waiting.
        """
        with self._place(gone):
            until_s = time.monotonic() + self._wall_s
            file = FoundFile(path_to_text(path), path.stat().st_size, 0)
            hearer = self._hearer(self._settings())
            try:
                outcome = hearer.hear(file, lambda *_: True, until_s, gone)
            except WorkersUnfit:
                raise _refused("it could not be heard or needs too much") from None
            except Late:
                outcome = Outcome(file.path, 0, 0, fault="late")
            finally:
                hearer.end()
        if outcome.fault == "late":
            if gone.is_set():
                raise Refused(408, "the client has gone")
            raise Refused(413, f"hearing it takes more than {self._wall_s:g} s, which is too long")
        return _heard(outcome, hearer.digest or "")

    @contextmanager
    def _place(self, gone: threading.Event) -> Iterator[None]:
        until_s = time.monotonic() + self._wait_s
        while not self._places.acquire(timeout=0.25):
            if gone.is_set() or time.monotonic() > until_s:
                raise Refused(429, "too many recordings are being heard: try again in a minute")
        try:
            yield
        finally:
            self._places.release()

    def _settings(self) -> Settings:
        segment_s, hop_s, encoding = SEGMENT_S, HOP_S, None
        if self._library.exists:
            manifest = self._library.store.manifest
            segment_s, hop_s = manifest.active.segment_s, manifest.active.hop_s
            encoding = manifest.tag_encoding
        path = None if self._model is None else os.path.abspath(self._model)
        return Settings(path, segment_s, hop_s, self._longest_s, LIMITS, encoding)


def _refused(reason: str, status: int = 422) -> Refused:
    return Refused(status, f"the file cannot be used: {reason}")


def _heard(outcome: Outcome, digest: str) -> Heard:
    """What the child says, believed only as far as it fits: it has read a stranger's file."""
    failure = str(outcome.failure)
    if outcome.fault == "crashed":
        raise _refused("it made the decoder crash or needs too much")
    if outcome.fault == "memory":
        raise _refused("it needs too much memory")
    if outcome.fault == "other":  # its text is for those who own the machine
        raise _refused(f"it cannot be heard ({failure.split(':')[0]})")
    if outcome.failure is not None:
        raise _refused(failure[:_MOST_TEXT], _STATUS.get(str(outcome.fault), 422))
    found = outcome.embeddings
    try:
        if found is None or not len(found) or not math.isfinite(found.seconds):
            raise ValueError("empty")
        for array in (found.embeddings, found.presence, found.start_s, found.end_s):
            if not np.isfinite(array).all():
                raise ValueError("not what was asked for")
        said = outcome.tags
        title, artist, album, genre = map(_text, (said.title, said.artist, said.album, said.genre))
        year = None if said.year is None else int(said.year)
        kind, content = str(outcome.container)[:64], str(outcome.content_hash)[:64]
        return Heard(found, Tags(title, artist, album, year, genre), digest, kind, content)
    except (TypeError, ValueError):
        raise _refused("it could not be heard") from None


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:_MOST_TEXT]
