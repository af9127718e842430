"""What an indexing run tells while it works, and at its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from partwise.library.tables.ledger import LedgerRow


@dataclass(frozen=True)
class Progress:
    """Where a run stands.

    files_done, files_total : files read so far and to be read.
    bytes_done, bytes_total : their sizes.
    audio_s : seconds of audio embedded so far.
    elapsed_s : seconds since the first file was given to a worker.
    """

    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    audio_s: float
    elapsed_s: float

    @property
    def rate(self) -> float:
        """Seconds of audio embedded per second."""
        return self.audio_s / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Estimated seconds left, by bytes; None while nothing is known."""
        if self.bytes_done <= 0 or self.elapsed_s <= 0:
            return None
        return self.elapsed_s * (self.bytes_total - self.bytes_done) / self.bytes_done


class Reporter(Protocol):
    """Who listens to an indexing run."""

    def say(self, sentence: str) -> None:
        """Something worth reading once."""
        ...

    def update(self, progress: Progress) -> None:
        """Called often, a few times a second at most."""
        ...


class Silent:
    """A Reporter that says nothing."""

    def say(self, sentence: str) -> None:
        pass

    def update(self, progress: Progress) -> None:
        pass


@dataclass
class IndexSummary:
    """What a run did, in files.

    indexed : heard for the first time, again because they changed, or by a new model.
    copies : of these, files whose content another file already had.
    unchanged, moved : nothing had to be heard.
    failed : failed in this run; ``failures`` are their ledger rows.
    failed_earlier : failed in a former run and not tried again.
    missing : files below the folders asked for that are known but gone.
    pruned : missing files that were forgotten because of ``prune``.
    waiting : files that the old model heard and that cannot be reached for the new one (paths).
    replaced : the new model took over at the end of this run.
    interrupted : stopped before everything was heard.
    audio_s : seconds of audio embedded. seconds : how long the run took.
    """

    indexed: int = 0
    copies: int = 0
    unchanged: int = 0
    moved: int = 0
    failed: int = 0
    failed_earlier: int = 0
    missing: int = 0
    pruned: int = 0
    audio_s: float = 0.0
    seconds: float = 0.0
    replaced: bool = False
    interrupted: bool = False
    left: int = 0
    failures: list[LedgerRow] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def usable(self) -> int:
        """Files of this run that answer searches."""
        return self.indexed + self.unchanged + self.moved


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
