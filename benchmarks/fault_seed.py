"""A small sound library to spoil, and what it has to answer afterwards.

For ``benchmarks/faults.py`` and ``tests/faults``.
"""

from __future__ import annotations

import shutil
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from partwise.embedding.encoder import load_encoder
from partwise.hearing.worker import Outcome, Settings, hear
from partwise.library.check.check import check
from partwise.library.index import run as indexing
from partwise.library.library import Library
from partwise.library.reports import IndexSummary, Report
from partwise.paths import FoundFile
from recordings import record
from tiny_model import write_tiny_model


class InlineWorkers:
    """``Workers`` in this process, so that hearing a few seconds does not start processes.

    before : called with the number of each file before it is read.
    """

    before: Callable[[int], None] = staticmethod(lambda number: None)

    def __init__(
        self, settings: Settings, count: int, digest: str, decide: Callable[[str, str], bool]
    ) -> None:
        self._settings, self._decide = settings, decide
        self._encoder = load_encoder(settings.model, threads=1)
        self._waiting: deque[str] = deque()
        self._read = 0
        self.outcomes = self

    def submit(self, *files: FoundFile) -> None:
        self._waiting.extend(file.path for file in files)

    def get(self, timeout: float) -> Outcome:
        """The next outcome: this is its own queue."""
        path = self._waiting.popleft()
        type(self).before(self._read)
        self._read += 1
        return hear(path, self._encoder, self._settings, partial(self._decide, path))

    def stop(self) -> None:
        pass


@contextmanager
def inline_workers(before: Callable[[int], None] | None = None) -> Iterator[None]:
    """Indexing runs of this process hear in this process, and write after each file."""
    workers, due = indexing.Workers, indexing.Intake.flush_if_due
    chosen = type("Chosen", (InlineWorkers,), {"before": staticmethod(before)} if before else {})
    indexing.Workers = chosen  # type: ignore[misc]
    indexing.Intake.flush_if_due = indexing.Intake.flush  # type: ignore[method-assign]
    try:
        yield
    finally:
        indexing.Workers = workers  # type: ignore[misc]
        indexing.Intake.flush_if_due = due  # type: ignore[method-assign]


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

    def index(
        self, library: Path, before: Callable[[int], None] | None = None, *, prune: bool = False
    ) -> IndexSummary:
        with inline_workers(before):
            return Library(library).index(self.music, jobs=1, model=self.model, prune=prune)

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
