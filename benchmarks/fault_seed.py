"""A small sound library to spoil, and what it has to answer afterwards.

For ``benchmarks/faults.py`` and ``tests/faults``.
"""

from __future__ import annotations

import queue
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partwise.embedding.encoder import load_encoder
from partwise.library import indexing
from partwise.library.check import Report, check
from partwise.library.hearing import Settings, hear
from partwise.library.library import Library
from partwise.library.reports import IndexSummary
from recordings import record
from tiny_model import write_tiny_model


@dataclass(frozen=True)
class Outcome:
    """A row of the table.

    done : what was done to the library. seen : what the user saw. next_run : what ``check
    --repair`` and the next indexing run did. lost : what is not there any more; "" for nothing.
    """

    done: str
    seen: str
    next_run: str
    lost: str


class InlineWorkers:
    """``Workers`` in this process, so that hearing a few seconds does not start processes."""

    def __init__(
        self, settings: Settings, count: int, digest: str, decide: Callable[[str, str], bool]
    ) -> None:
        self._settings, self._decide = settings, decide
        self._encoder = load_encoder(settings.model, threads=1)
        self.outcomes: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def submit(self, file: Any) -> None:
        path = file.path
        wanted = lambda content: self._decide(path, content)  # noqa: E731
        self.outcomes.put(hear(path, self._encoder, self._settings, wanted))

    def stop(self) -> None:
        pass


@contextmanager
def inline_workers() -> Iterator[None]:
    """Indexing runs of this process hear in this process."""
    former = indexing.Workers
    indexing.Workers = InlineWorkers  # type: ignore[misc, assignment]
    try:
        yield
    finally:
        indexing.Workers = former  # type: ignore[misc]


Answers = dict[str, list[tuple[str, float]]]


@dataclass(frozen=True)
class Seed:
    """A small sound library to spoil copies of.

    answers : for each song, its hits (name of the file and score) over all parts.
    """

    home: Path
    model: Path
    answers: Answers

    @property
    def library(self) -> Path:
        return self.home / "library"

    @property
    def music(self) -> Path:
        return self.home / "music"

    def copy(self, to: Path) -> Path:
        """A copy of the library; its files are those of the seed."""
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.library, to)
        return to

    def index(self, library: Path) -> IndexSummary:
        with inline_workers():
            return Library(library).index(self.music, jobs=1, model=self.model)

    def check(self, library: Path, *, repair: bool = False) -> Report:
        return check(library, repair=repair, model=self.model, isolated=False)


def make_seed(home: Path, songs: int = 6) -> Seed:
    """Index ``songs`` short recordings in two runs, so that tables have several versions."""
    model = write_tiny_model(home / "model")
    seed = Seed(home, model, {})
    for number in range(songs):
        record(home / "music" / f"{number}.wav", number, 1.5 + 7.0 * (number % 3))
        if number in (songs // 2, songs - 1):
            seed.index(seed.library)
    return Seed(home, model, answers_of(seed, seed.library))


def answers_of(seed: Seed, library: Path) -> Answers:
    """What the library answers to each of its own songs."""
    opened = Library(library)
    answers: Answers = {}
    for path in sorted(seed.music.glob("*.wav")):
        hits = opened.search(str(path), model=seed.model, include_duplicates=True)
        answers[path.name] = [(hit.path.name, hit.score) for hit in hits]
    return answers


def same_answers(some: Answers, others: Answers, tolerance: float = 2e-3) -> bool:
    """The same hits with the same scores; the order counts where scores differ."""
    if some.keys() != others.keys():
        return False
    for song, hits in some.items():
        mine, its = dict(hits), dict(others[song])
        if mine.keys() != its.keys():
            return False
        if np.abs([mine[name] - its[name] for name in mine]).max(initial=0.0) > tolerance:
            return False
    return True
