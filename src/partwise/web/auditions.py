"""Passages filtered for a part, for the page to switch to: rendered in a child, and kept a while.

A child that was started stays for the next passage, because starting one takes longer than
filtering. One that has read an upload reads no other song: a stranger's file may have taken it.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from partwise.atomic import replacing
from partwise.embedding.encoder import MODEL_VARIABLE, SHIPPED_MODEL
from partwise.embedding.masks import MASKS_NAME
from partwise.hearing.child import Child, Dead, Late, Message
from partwise.library.stores.faults import storage_errors
from partwise.parts import Part
from partwise.paths import path_to_text
from partwise.web.hearing import LIMITS, WALL_S
from partwise.web.playable import KeptFiles
from partwise.web.responses import ClientGone, NotHere, Refused
from partwise.web.uploads import Song

LONGEST_S = 30.0
LIMIT_BYTES = 512 << 20
# A child without work for so long ends: it takes some 300 MB of memory.
IDLE_S = 120.0
_PROGRAM = "from partwise.hearing.audition import main; main()"
_MOST_TEXT = 300


class Auditions:
    """Filters passages of songs.

    folder : where what was rendered is kept, see ``playable.KeptFiles``.
    model : ONNX file whose masks to use; None for the shipped one.
    """

    def __init__(
        self,
        folder: Path,
        model: Path | None = None,
        limit_bytes: int = LIMIT_BYTES,
        idle_s: float = IDLE_S,
        program: str = _PROGRAM,
    ) -> None:
        self._files = KeptFiles(folder, limit_bytes)
        named = Path(model or os.environ.get(MODEL_VARIABLE) or SHIPPED_MODEL)
        self._model = os.path.abspath(named / SHIPPED_MODEL.name if named.is_dir() else named)
        self._idle_s = idle_s
        self._program = program
        self._guard = threading.Lock()
        self._child: Child | None = None
        self._reads = ""  # the upload that the child has read, or ""
        self._ends: threading.Timer | None = None
        self._used_s = 0.0
        self._digest: str | None = None

    @property
    def digest(self) -> str:
        """Of the masks, "" where there are none."""
        if self._digest is None:
            path = Path(self._model).with_name(MASKS_NAME)
            try:
                self._digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
            except OSError:
                self._digest = ""
        return self._digest

    def name(self, song: Song, parts: Sequence[Part], start_s: float, end_s: float) -> str:
        """What the file of a passage is called. Raises NotHere where there are no masks."""
        if not self.digest:
            raise NotHere("the model that this server hears with has no masks to listen through")
        wanted = "+".join(sorted(set(parts), key=lambda part: part.index))
        return f"{song.song_id}-{wanted}-{start_s:.3f}-{end_s:.3f}-{self.digest}.flac"

    def find(self, song: Song, name: str) -> Path | None:
        """A passage that was rendered before."""
        return self._files.find(name, song.in_library)

    def render(
        self,
        song: Song,
        parts: Sequence[Part],
        start_s: float,
        end_s: float,
        name: str,
        stop: threading.Event,
    ) -> Path:
        """Filter a passage; a FLAC of 16 bits.

        Raises ClientGone when ``stop`` was set before its turn came, Refused where it cannot be
        filtered, and PartwiseError for a full disk.
        """
        try:
            status = song.path.stat()
        except OSError:
            raise NotHere("its file is gone: index again") from None
        asked: Message = {
            "path": path_to_text(song.path),
            "stamp": f"{song.song_id} {status.st_size} {status.st_mtime_ns}",
            "parts": [str(part) for part in parts],
            "start_s": start_s,
            "end_s": end_s,
        }
        reads = "" if song.in_library else song.song_id
        with self._guard:
            # What has begun goes on: it takes moments, and a new child would take longer.
            if stop.is_set():
                raise ClientGone
            samples, rate_hz = _believed(self._ask(asked, reads))

        place = self._files.place(name, song.in_library)
        with (
            storage_errors(place.parent),
            replacing(place) as file,
            soundfile.SoundFile(
                file, "w", rate_hz, samples.shape[1], "PCM_16", format="FLAC"
            ) as sound,
        ):
            sound.write(samples)
        self._files.tidy(place)
        return place

    def _ask(self, asked: Message, reads: str) -> Message:
        until_s = time.monotonic() + WALL_S
        if self._child is not None and self._reads not in ("", reads):
            self._end()
        fresh = self._child is None
        try:
            try:
                return self._answer(asked, reads, until_s)
            except Dead:
                if fresh:
                    raise
                # It has used up the time that a child may take: another one has as much again.
                self._end()
                return self._answer(asked, reads, until_s)
        except (Dead, Late):
            self._end()
            raise _refused("it takes too much, or makes the decoder crash") from None
        finally:
            self._end_when_idle()

    def _answer(self, asked: Message, reads: str, until_s: float) -> Message:
        child = self._child
        if child is None:
            try:
                child = self._child = Child(self._program, LIMITS)
            except OSError as error:
                raise Refused(503, f"no process can be started ({error.strerror})") from None
            child.tell(model=self._model)
            told = child.answer(until_s)
            if "ready" not in told:
                self._end()
                raise Refused(503, "the masks cannot be read: see `partwise audition`")
        self._reads = reads or self._reads
        child.tell(**asked)
        return child.answer(until_s)

    # --- its end

    def _end(self) -> None:
        child, self._child = self._child, None
        self._reads = ""
        if child is not None:
            child.end()

    def _end_when_idle(self) -> None:
        self._used_s = time.monotonic()
        if self._ends is None and self._child is not None:
            self._wait(self._idle_s)

    def _wait(self, seconds: float) -> None:
        self._ends = threading.Timer(seconds, self._look)
        self._ends.daemon = True
        self._ends.start()

    def _look(self) -> None:
        with self._guard:
            self._ends = None
            left_s = self._used_s + self._idle_s - time.monotonic()
            if self._child is None:
                return
            if left_s > 0:
                self._wait(left_s)
            else:
                self._end()

    @property
    def is_awake(self) -> bool:
        """Whether there is a child."""
        return self._child is not None

    def close(self) -> None:
        """End the child."""
        with self._guard:
            if self._ends is not None:
                self._ends.cancel()
                self._ends = None
            self._end()


def _refused(reason: str, status: int = 422) -> Refused:
    return Refused(status, f"this passage cannot be filtered: {reason}")


def _believed(answer: Message) -> tuple[np.ndarray, int]:
    """int16 [n, channels] and its rate in Hz: what the child says, as far as it fits."""
    if "failure" in answer:
        raise _refused(str(answer["failure"])[:_MOST_TEXT])
    samples, rate_hz = answer.get("samples"), answer.get("rate_hz")
    if (
        not isinstance(samples, np.ndarray)
        or samples.dtype != np.int16
        or samples.ndim != 2
        or samples.shape[1] not in (1, 2)
        or not isinstance(rate_hz, int)
        or not 1 <= rate_hz <= 96_000
        or len(samples) > (LONGEST_S + 1.0) * rate_hz
    ):
        raise _refused("it could not be heard")
    if not len(samples):
        raise _refused("it lies past the end of the recording", 416)
    return samples, rate_hz
