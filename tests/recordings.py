"""Short recordings to index, and what a test wants to know of a run."""

from __future__ import annotations

import threading
from pathlib import Path

from partwise.library.reports import IndexSummary, Progress
from partwise.parts import Part
from sounds import sound, write


def record(path: Path, number: int, seconds: float = 2.0) -> Path:
    """Write a short recording; other numbers sound different, and are other contents."""
    places = {Part.DRUMS: number % 7 / 7, Part.BASS: number % 11 / 11, Part.PIANO: number % 5 / 5}
    return write(path, sound(places, seconds + number / 100))


def counts(summary: IndexSummary) -> dict[str, int]:
    """The counts that are not 0."""
    names = (
        "indexed copies unchanged moved failed failed_earlier missing pruned tags_changed".split()
    )
    return {name: value for name in names if (value := getattr(summary, name))}


class StopAfter:
    """A Reporter that asks for the end once some files are done."""

    def __init__(self, files: int) -> None:
        self.files = files
        self.stop = threading.Event()
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)

    def update(self, progress: Progress) -> None:
        if progress.files_done >= self.files:
            self.stop.set()
