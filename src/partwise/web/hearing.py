"""Hearing a file in a child process with limits (``isolated``), from the server's side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partwise.audio.segment import HOP_S, SEGMENT_S
from partwise.audio.tags import Tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.hearing.isolated import FILE_BYTES
from partwise.library.library import Library
from partwise.parts import PARTS
from partwise.web.responses import Refused

LONGEST_S = 1800.0
WALL_S = 60.0
AT_A_TIME = 2
WAIT_S = 20.0
_LOOK_S = 0.05
_NICE = 5  # searches come first


@dataclass(frozen=True)
class Heard:
    """What the child found out. digest : of the model. kind : what the file holds, or ''."""

    embeddings: PartEmbeddings
    tags: Tags
    digest: str
    kind: str
    content_hash: str


class Ears:
    """Hears files of strangers, a few at a time, and nicely: searches come first.

    library : whose settings count. model : ONNX file; None for the shipped one.
    longest_s : length that a recording may have. wall_s : time that hearing it may take.
    at_a_time : children at once. wait_s : how long a file waits for its turn.
    """

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
        out = path.with_name(path.name + ".npz")
        try:
            with self._place(gone):
                self._run(path, out, gone)
            return _read(out)
        finally:
            out.unlink(missing_ok=True)

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

    def _command(self, path: Path, out: Path) -> list[str]:
        segment_s, hop_s = SEGMENT_S, HOP_S
        if self._library.exists:
            active = self._library.store.active
            segment_s, hop_s = active.segment_s, active.hop_s
        command = [sys.executable, "-m", "partwise.hearing.isolated", str(path), str(out)]
        command += [f"--segment-s={segment_s!r}", f"--hop-s={hop_s!r}"]
        command += [f"--longest-s={self._longest_s!r}"]
        if self._model is not None:
            command.append(f"--model={os.path.abspath(self._model)}")
        return command

    def _run(self, path: Path, out: Path, gone: threading.Event) -> None:
        answer = path.with_name(path.name + ".txt")
        try:
            with answer.open("wb") as file:
                child = subprocess.Popen(
                    self._command(path, out),
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                    env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                )
            try:
                with suppress(OSError):  # it has ended already
                    os.setpriority(os.PRIO_PROCESS, child.pid, _NICE)
                code = self._wait(child, gone)
            finally:
                child.kill()
                child.wait()
            if code:
                with answer.open("rb") as file:
                    raise _refusal(code, file.read(4096))
        finally:
            answer.unlink(missing_ok=True)

    def _wait(self, child: subprocess.Popen[bytes], gone: threading.Event) -> int:
        until_s = time.monotonic() + self._wall_s
        while time.monotonic() < until_s:
            try:
                return child.wait(timeout=_LOOK_S)
            except subprocess.TimeoutExpired:
                if gone.is_set():
                    raise Refused(408, "the client has gone") from None
        raise Refused(413, f"hearing it takes more than {self._wall_s:g} s, which is too long")


def _refusal(code: int, answer: bytes) -> Refused:
    try:
        said = json.loads(answer)
        return Refused(int(said["status"]), f"the file cannot be used: {said['reason']}")
    except (ValueError, KeyError, TypeError):
        why = "made the decoder crash" if code < 0 else "could not be heard"
        return Refused(422, f"the file cannot be used: it {why} or needs too much")


def _read(out: Path) -> Heard:
    """The child's arrays, believed only as far as they fit: it has read a stranger's file."""
    try:
        if out.stat().st_size > FILE_BYTES:
            raise ValueError("too large")
        with np.load(out, allow_pickle=False) as arrays:
            found = PartEmbeddings(
                embeddings=_floats(arrays["embeddings"], 3, np.float32),
                presence=_floats(arrays["presence"], 2, np.float32),
                start_s=_floats(arrays["start_s"], 1, np.float64),
                end_s=_floats(arrays["end_s"], 1, np.float64),
                seconds=float(_floats(arrays["seconds"], 0, np.float64)),
                presence_threshold=_floats(arrays["presence_threshold"], 1, np.float32),
            )
            facts: dict[str, Any] = json.loads(arrays["facts"].tobytes())
        if not len(found) or found.embeddings.shape[1] != len(PARTS):
            raise ValueError("empty")
        title, artist, album, year = facts["tags"]
        tags = Tags(_text(title), _text(artist), _text(album), None if year is None else int(year))
        names = [str(facts[name])[:64] for name in ("digest", "kind", "content_hash")]
        return Heard(found, tags, *names)
    except Exception:  # whatever a child that was taken over may have written
        raise Refused(422, "the file cannot be used: it could not be heard") from None


def _floats(array: np.ndarray, dimensions: int, kind: Any) -> np.ndarray:
    if array.ndim != dimensions or array.dtype != kind or not np.isfinite(array).all():
        raise ValueError("not what was asked for")
    return array


def _text(value: Any) -> str | None:
    return None if value is None else str(value)[:1000]
