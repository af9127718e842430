"""Taking in what the workers heard: which file has which track now, written batch by batch."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from partwise.hearing.worker import Outcome
from partwise.library.index.planning import failed_row, is_new_failure
from partwise.library.reports import IndexSummary
from partwise.library.tables.ledger import LedgerRow, State, now
from partwise.library.tables.writer import NewTrack, Writer
from partwise.paths import FoundFile, is_address, text_to_path
from partwise.servers.address import parted

BATCH_FILES = 32
BATCH_S = 5.0
# In a long run, reading and writing stay quick when small pieces are joined now and then.
_BATCHES_PER_COMPACTION = 200


@dataclass
class _Batch:
    tracks: list[NewTrack] = field(default_factory=list)
    rows: list[LedgerRow] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    @property
    def is_due(self) -> bool:
        if not self.rows:
            return False
        return len(self.rows) >= BATCH_FILES or time.monotonic() - self.since >= BATCH_S


class Intake:
    """Settles outcomes, so that each content is heard once however many files hold it.

    ledger : every row by its path (text); kept up to date with what is written or about to be.
    known : content hashes that have a track of the writer's model, or are about to.
    found : by path (text), what the scan saw.
    summary : where files are counted.
    """

    def __init__(
        self,
        writer: Writer,
        ledger: dict[str, LedgerRow],
        known: set[str],
        found: Mapping[str, FoundFile],
        summary: IndexSummary,
    ) -> None:
        self.writer = writer
        self.ledger = ledger
        self.known = known
        self.found = found
        self.summary = summary
        self.digest = writer.model.digest
        self.batch = _Batch()
        self.batches = 0
        # ``known`` and this are shared with the workers' threads: content -> path it is heard for.
        self.lock = threading.Lock()
        self.being_heard: dict[str, str] = {}
        # Files of a content that another file is being heard for.
        self.twins: dict[str, list[Outcome]] = {}
        self.paths_of: dict[str, list[str]] = {}
        for path, row in ledger.items():
            if row.content_hash is not None:
                self.paths_of.setdefault(row.content_hash, []).append(path)

    def decide(self, path: str, content_hash: str) -> bool:
        """Whether this content is to be heard for this path. Called by the workers' threads."""
        with self.lock:
            if content_hash in self.known or content_hash in self.being_heard:
                return False
            self.being_heard[content_hash] = path
            return True

    def settle(self, outcome: Outcome) -> list[tuple[str, bool]]:
        """Take in an outcome; returns (path, finished) of every file that it decides about.

        Files that are not finished are to be submitted again.
        """
        content = outcome.content_hash
        with self.lock:
            mine = [c for c, path in self.being_heard.items() if path == outcome.path]
            for heard in mine:
                del self.being_heard[heard]
            if outcome.embeddings is not None and content is not None:
                self.known.add(content)
            known = content in self.known
            busy = content in self.being_heard
        waiting = [twin for heard in mine for twin in self.twins.pop(heard, [])]
        if outcome.failure is not None:
            self._fail(outcome)
            # Nothing says that the others fail too: their file may be sound, or still there.
            return [(outcome.path, True), *((twin.path, False) for twin in waiting)]
        if known:
            self._keep(outcome)
            for twin in waiting:
                self._keep(twin)
            return [(o.path, True) for o in (outcome, *waiting)]
        if busy and content is not None:
            self.twins.setdefault(content, []).append(outcome)
            return []
        return [(outcome.path, False)]  # the file it waited for failed in the meantime

    def _fail(self, outcome: Outcome) -> None:
        former = self.ledger.get(outcome.path)
        row = failed_row(
            outcome.path,
            outcome.failure or "",
            former,
            self.digest,
            size=outcome.size,
            mtime_ns=outcome.mtime_ns,
            content_hash=outcome.content_hash,
            seconds=outcome.seconds,
        )
        if is_new_failure(row, former):
            self.summary.failed += 1
            self.summary.failures.append(row)
        else:
            self.summary.failed_earlier += 1
        self._add_row(row)

    def _keep(self, outcome: Outcome) -> None:
        """A file whose content has a track now."""
        content = outcome.content_hash
        assert content is not None
        former = self.ledger.get(outcome.path)
        is_new = former is None or former.content_hash != content
        moved_from = self._moved_from(outcome.path, content) if is_new else None
        notes: str | None = None
        seconds: float | None = None
        if outcome.embeddings is not None:
            self.batch.tracks.append(NewTrack(content, outcome.embeddings, outcome.tags))
            self.summary.indexed += 1
            self.summary.audio_s += float(outcome.embeddings.seconds)
            notes = "; ".join(outcome.embeddings.notes) or None
            self.summary.noted += notes is not None
            seconds = outcome.seconds
        elif moved_from is not None:
            self.summary.moved += 1
            notes, seconds = self.ledger[moved_from].reason, self.ledger[moved_from].seconds
        elif former is not None and not is_new and former.state is not State.FAILED:
            self.summary.unchanged += 1
            notes, seconds = former.reason, former.seconds
        else:
            self.summary.indexed += 1
            self.summary.copies += 1
        if moved_from is not None:
            self.batch.gone.append(moved_from)
            del self.ledger[moved_from]
        self._add_row(
            LedgerRow(
                outcome.path,
                outcome.size,
                outcome.mtime_ns,
                content,
                State.INDEXED,
                notes,
                seconds,
                self.digest,
                now(),
            )
        )

    def _moved_from(self, path: str, content: str) -> str | None:
        """The ledger path that held this content and is not there any more."""
        for other in self.paths_of.get(content, []):
            if other == path or other in self.found or other not in self.ledger:
                continue
            if is_address(path):  # a song that its server lists by another id now
                if is_address(other) and parted(other)[0] == parted(path)[0]:
                    return other
            elif not is_address(other) and not os.path.lexists(text_to_path(other)):
                return other
        return None

    def _add_row(self, row: LedgerRow) -> None:
        if not self.batch.rows:
            self.batch.since = time.monotonic()
        self.batch.rows.append(row)
        self.ledger[row.path] = row

    def flush(self) -> None:
        """Write what is settled."""
        batch, self.batch = self.batch, _Batch()
        if batch.rows or batch.gone:
            self.writer.add(batch.tracks, batch.rows, batch.gone)
            self.batches += 1
            if self.batches % _BATCHES_PER_COMPACTION == 0:
                self.writer.compact()

    def flush_if_due(self) -> None:
        """Write when a batch is full, or its first file has waited long enough."""
        if self.batch.is_due:
            self.flush()

    def write(self, rows: list[LedgerRow], gone: Sequence[str] = ()) -> None:
        """Write rows outside the batches."""
        if rows or gone:
            self.writer.add([], rows, gone)
            self.batches += 1
            for path in gone:
                del self.ledger[path]
            self.ledger.update((row.path, row) for row in rows)
