"""What long work tells while it is on, and what an indexing run and a check tell at their end."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from partwise.library.tables.ledger import LedgerRow


@dataclass(frozen=True)
class Progress:
    """Where an indexing run stands.

    files_done, files_total : files read so far and to be read.
    audio_s : seconds of audio embedded so far.
    elapsed_s : seconds since the first file was given to a worker.
    left_s : how long it will go on (``index.time_left``); None while too little is known.
    """

    files_done: int
    files_total: int
    audio_s: float
    elapsed_s: float
    left_s: float | None = None

    @property
    def done(self) -> int:
        return self.files_done

    @property
    def total(self) -> int:
        return self.files_total

    @property
    def rate(self) -> float:
        """Seconds of audio embedded per second."""
        return self.audio_s / self.elapsed_s if self.elapsed_s > 0 else 0.0

    def __str__(self) -> str:
        said = [f"{self.files_done} of {files_text(self.files_total)}"]
        said.append(f"{self.rate:.0f} x real time")
        if self.left_s is not None:
            said.append(f"about {duration_text(self.left_s)} left")
        return ", ".join(said)


@dataclass(frozen=True)
class Stage:
    """Where any other long work stands.

    name : what is being done. done of total, in ``unit``; total is 0 where it is not known.
    elapsed_s : seconds since it began. first : what was done before that.
    note : what else there is to say.
    """

    name: str
    done: float = 0.0
    total: float = 0.0
    unit: str = ""
    elapsed_s: float = 0.0
    first: float = 0.0
    note: str = ""

    def __str__(self) -> str:
        if not self.done or not self.elapsed_s:
            return ", ".join(filter(None, [self.name, self.note]))
        rate = (self.done - self.first) / self.elapsed_s
        amount = f"{_short(self.done)} of {_short(self.total)}" if self.total else _short(self.done)
        said = [f"{self.name}: {amount} {self.unit}".rstrip()]
        if rate > 0:
            said.append(f"{rate:.2f}/s")
        if rate > 0 and self.total:
            said.append(f"about {duration_text((self.total - self.done) / rate)} left")
        return ", ".join(filter(None, [*said, self.note]))


Told = TypeVar("Told", contravariant=True)


class Reporter(Protocol[Told]):
    """Who listens to long work; told a ``Progress`` by an indexing run, else a ``Stage``."""

    def say(self, sentence: str) -> None:
        """Something worth reading once."""
        ...

    def update(self, progress: Told) -> None:
        """Called often, a few times a second at most."""
        ...


class Silent:
    """A Reporter that says nothing."""

    def say(self, sentence: str) -> None:
        pass

    def update(self, progress: object) -> None:
        pass


@dataclass
class IndexSummary:
    """What a run did, in files.

    indexed : heard for the first time, again because they changed, or by a new model.
    copies : of these, files whose content another file already had.
    noted : of these, files with a note: cut short, say, or with a cue sheet that is not read.
    matched : songs of a server that are known by its ids now, though nothing was downloaded; None
    where that was not asked for.
    unchanged, moved : nothing had to be heard.
    tags_changed : tracks whose tags were read again, and say something else now.
    failed : failed in this run; ``failures`` are their ledger rows.
    failed_earlier : failed in a former run and not tried again.
    missing : files below the folders asked for that are known but gone.
    pruned : missing files that were forgotten because of ``prune``.
    away : sentences on folders that lost so much that their disk may only be away.
    waiting : files that the old model heard and that cannot be reached for the new one (paths).
    replaced : the new model took over at the end of this run.
    interrupted : stopped before everything was heard.
    unfinished : files that changed so lately that they were left for another run (paths).
    audio_s : seconds of audio embedded. seconds : how long the run took.
    left_aside : files whose names promise no audio, by ending. not_entered : folders that were left
    out (bins, former versions, those with ``.nomedia``), by name.
    """

    indexed: int = 0
    matched: int | None = None
    copies: int = 0
    noted: int = 0
    unchanged: int = 0
    moved: int = 0
    failed: int = 0
    failed_earlier: int = 0
    missing: int = 0
    pruned: int = 0
    tags_changed: int = 0
    audio_s: float = 0.0
    seconds: float = 0.0
    replaced: bool = False
    interrupted: bool = False
    left: int = 0
    failures: list[LedgerRow] = field(default_factory=list)
    away: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    left_aside: dict[str, int] = field(default_factory=dict)
    not_entered: dict[str, int] = field(default_factory=dict)

    @property
    def usable(self) -> int:
        """Files of this run that answer searches."""
        return self.indexed + self.unchanged + self.moved + (self.matched or 0)


@dataclass(frozen=True)
class Finding:
    """where : the table or file. problem : what is wrong with it, a clause.

    remedy : what ``--repair`` does, or what has to be done by hand. mended : what it has done, None
    as long as the problem is there.
    """

    where: str
    problem: str
    remedy: str
    mended: str | None = None

    def __str__(self) -> str:
        end = f"; mended: {self.mended}" if self.mended else f"; {self.remedy}"
        return f"{self.where}: {self.problem}{end}"


@dataclass
class Report:
    """What was looked at, and what was found.

    tracks, segments : of the active model. files : ledger rows. files_read : with ``files``.
    notes : worth knowing, and nothing to mend.
    """

    folder: Path
    repaired: bool
    tracks: int = 0
    segments: int = 0
    files: int = 0
    files_read: int = 0
    seconds: float = 0.0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong, or not any more."""
        return all(finding.mended for finding in self.findings)


def duration_text(seconds: float) -> str:
    """``8 s``, ``3 min``, ``5.2 h``: short, to two digits or so."""
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 else "1 s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def files_text(count: int) -> str:
    """``1 file``, ``2 files``."""
    return "1 file" if count == 1 else f"{count} files"


def _short(number: float) -> str:
    return f"{number:.4g}" if number < 1000 else f"{number:.0f}"
