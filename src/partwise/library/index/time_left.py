"""How long a run will go on, told so that it holds.

Neither files nor bytes say it: an hour of Opus is a tenth of the bytes of an hour of FLAC, and a
file whose content is known already is only read through. What counts is the time that a worker
spends on the bytes of each kind of file. It is learnt while the run goes on, later files counting
more than early ones; what nothing is known of yet goes by how many bytes a second of its kind is.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from partwise.paths import FoundFile

# Bytes of one second of a kind of file, roughly: they matter until that kind has been met.
_BYTES_PER_S = {
    **dict.fromkeys((".wav", ".aif", ".aiff", ".au", ".w64", ".rf64"), 176_000),
    **dict.fromkeys((".flac", ".ape", ".wv", ".tta", ".alac"), 95_000),
    **dict.fromkeys((".mp3", ".m4a", ".aac", ".mp2"), 28_000),
    **dict.fromkeys((".ogg", ".oga", ".wma"), 22_000),
    **dict.fromkeys((".opus", ".spx"), 14_000),
}
_USUAL = 32_000
# Of all the work, the share after which what was learnt counts half.
_HALF_LIFE = 0.15
# A kind's own pace counts as much as that of all kinds together once so many files are known.
_FILES_TO_KNOW = 4.0
# Nothing is told before so many files have ended, and each job has had about two; of few files,
# before half of them have.
_FEWEST = 3
# A file that takes longer than was thought takes at least so much longer, of what it has taken.
_ALWAYS_LEFT = 0.1
_MOST_IDLE = 3.0
_TAIL = 32  # files at the end of a run whose length matters one by one
# What is told follows what is estimated within so many seconds, or sooner while little is known:
# within this share of the time that has passed.
_FOLLOWS_S, _FOLLOWS_EARLY = 20.0, 0.05


class TimeLeft:
    """The estimate of one run.

    files : all that is to be heard, in the order in which workers get them. jobs : int > 0, how
    many are heard at a time.

    Times are seconds since the first file was given to a worker, and never go back.
    """

    def __init__(self, files: Iterable[FoundFile], jobs: int) -> None:
        self._jobs = jobs
        self._waiting = {file.path: file for file in files}  # not with a worker yet, in order
        self._busy: dict[str, tuple[FoundFile, float]] = {}  # with one, since when
        # Of those that wait, by kind: guessed audio [s].
        self._left: defaultdict[str, float] = defaultdict(float)
        for file in self._waiting.values():
            self._left[_kind(file)] += _guess_s(file)
        self._enough = max(1, min(max(_FEWEST, 2 * jobs), len(self._waiting) // 2))
        self._last = list(self._waiting.values())[-_TAIL:]
        self._half_life = max(_HALF_LIFE * sum(self._left.values()), 1e-9)
        self._work: dict[str, float] = {}  # by kind and for all (""), later files counting more
        self._spent: dict[str, float] = {}
        self._count: dict[str, float] = {}
        self._done = 0
        self._spent_s = 0.0
        self._idle = 1.0  # time of the workers, for each second that they are at a file
        self._began_s: float | None = None
        self._told: tuple[float, float] | None = None  # when, and what

    def ended(self, file: FoundFile, spent_s: float, at_s: float) -> None:
        """One file is done with: spent_s is how long its worker was busy with it."""
        if self._began_s is None:  # until then the workers were starting
            self._began_s = max(0.0, at_s - spent_s)
            self._hand_out(self._began_s)
        self._busy.pop(file.path, None)
        self._take(file.path)
        self._hand_out(at_s)
        kind, work = _kind(file), _guess_s(file)
        self._done += 1
        self._spent_s += spent_s
        fading = 0.5 ** (work / self._half_life)
        for table, amount in ((self._work, work), (self._spent, spent_s), (self._count, 1.0)):
            for name in table:
                table[name] *= fading
            for name in (kind, ""):
                table[name] = table.get(name, 0.0) + amount

    def _hand_out(self, at_s: float) -> None:
        while self._waiting and len(self._busy) < self._jobs:
            path = next(iter(self._waiting))
            self._busy[path] = (self._take(path), at_s)

    def _take(self, path: str) -> Any:
        file = self._waiting.pop(path, None)
        if file is not None:
            self._left[_kind(file)] -= _guess_s(file)
        return file

    def left_s(self, at_s: float) -> float | None:
        """Seconds to the end; None while too little is known. Steady: it does not jump about."""
        estimate = self._estimate_s(at_s)
        if estimate is None:
            return None
        if self._told is not None and estimate:
            passed_s = at_s - self._told[0]
            expected = max(0.0, self._told[1] - passed_s)
            follows_s = min(_FOLLOWS_S, max(_FOLLOWS_EARLY * at_s, 0.5))
            estimate = expected + (estimate - expected) * -math.expm1(-passed_s / follows_s)
        self._told = (at_s, estimate)
        return estimate

    def _estimate_s(self, at_s: float) -> float | None:
        if not self._waiting and not self._busy:
            return 0.0
        if self._done < self._enough or not self._spent_s or self._began_s is None:
            return None
        since_s = [at_s - began_s for _, began_s in self._busy.values()]
        if len(since_s) == self._jobs:
            passed_s = self._jobs * (at_s - self._began_s)
            self._idle = min(max(passed_s / (self._spent_s + sum(since_s)), 1.0), _MOST_IDLE)
        usual = self._spent[""] / self._work[""]
        ends_s = []
        for (file, _), spent_s in zip(self._busy.values(), since_s, strict=True):
            needs_s = _guess_s(file) * self._pace(_kind(file), usual)
            ends_s.append(max(needs_s - spent_s, _ALWAYS_LEFT * spent_s))
        waiting_s = sum(work * self._pace(kind, usual) for kind, work in self._left.items())
        together_s = (waiting_s + sum(ends_s)) / self._jobs
        # One worker may be at a long file when the others have nothing left to do.
        late_s, after_s = max(ends_s, default=0.0), 0.0
        for file in reversed(self._last):
            if file.path in self._waiting:
                needs_s = _guess_s(file) * self._pace(_kind(file), usual)
                after_s += needs_s
                late_s = max(late_s, together_s - after_s / self._jobs + needs_s)
        return self._idle * max(together_s, late_s)

    def _pace(self, kind: str, usual: float) -> float:
        """Seconds that a worker needs for one of guessed audio of a kind."""
        known = self._count.get(kind, 0.0)
        if not known:
            return usual
        own = self._spent[kind] / self._work[kind] if self._work[kind] else usual
        trust = known / (known + _FILES_TO_KNOW)
        return trust * own + (1.0 - trust) * usual


def _kind(file: FoundFile) -> str:
    return os.path.splitext(file.path)[1].lower()


def _guess_s(file: FoundFile) -> float:
    return max(file.size, 1) / _BYTES_PER_S.get(_kind(file), _USUAL)
