"""One indexing run: scan, plan, let workers hear, write in batches, close."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from partwise.errors import PartwiseError
from partwise.library.hearing import Outcome, Settings
from partwise.library.ledger import LedgerRow, State, now
from partwise.library.lock import WriterLock
from partwise.library.manifest import FILE_NAME, ModelInfo, Rate
from partwise.library.paths import shown, text_to_path
from partwise.library.planning import Plan, failed_row, is_new_failure, plan_run
from partwise.library.reports import IndexSummary, Progress, Reporter, Silent, duration_text
from partwise.library.scan import AUDIO_SUFFIXES, FoundFile, Scan, scan
from partwise.library.store import Store
from partwise.library.workers import Workers, WorkersUnfit
from partwise.library.writing import NewTrack, Writer, make_folder, open_or_create

BATCH_FILES = 32
BATCH_S = 5.0
_UPDATE_S = 0.25
# Small pieces slow every write down a little: join them now and then in a long run.
_BATCHES_PER_COMPACTION = 200
# A rate from less than this says more about starting the workers than about hearing.
_RATE_MIN_AUDIO_S = 120.0


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def index(
    folder: Path,
    roots: Sequence[str | os.PathLike[str]],
    *,
    jobs: int | None = None,
    nice: int = 0,
    prune: bool = False,
    retry_failed: bool = False,
    model: str | os.PathLike[str] | None = None,
    reporter: Reporter | None = None,
    stop: threading.Event | None = None,
) -> IndexSummary:
    """Bring the library in ``folder`` up to date with the recordings below ``roots``.

    jobs : int > 0, worker processes; None for one per core. nice : 0..19, their niceness.
    prune : forget files below ``roots`` that are gone, and what was heard in them.
    retry_failed : try files again that failed before and have not changed.
    model : an ONNX file to hear with; None for the shipped one.
    stop : when set, the run writes what is done and returns with ``interrupted``.

    Safe to be killed at any moment: the next run goes on from there. Raises PartwiseError when a
    root does not exist, the model or the library cannot be used, another process is writing, there
    is no audio at all, or the disk is full.
    """
    from partwise.embedding.encoder import load_encoder

    started = time.monotonic()
    stop = stop or threading.Event()
    if not roots:
        raise PartwiseError("no folder to index: name at least one")
    if jobs is not None and jobs < 1:
        raise PartwiseError(f"--jobs is {jobs}: it must be at least 1")
    if not 0 <= nice <= 19:
        raise PartwiseError(f"--nice is {nice}: it must be between 0 and 19")
    model_path = None if model is None else os.path.abspath(os.fspath(model))
    with ExitStack() as stack:
        if (folder / FILE_NAME).exists():
            make_folder(folder)
            stack.enter_context(WriterLock(folder))
            found = scan(roots, folder, stop)
        else:  # nothing is made before there is something to hear
            found = scan(roots, folder, stop)
            if not found.files and not found.problems:
                raise PartwiseError(_no_audio(found))
        encoder = load_encoder(model_path)
        info = ModelInfo(
            digest=encoder.digest,
            dim=encoder.dim,
            presence_threshold=tuple(float(t) for t in encoder.presence_threshold),
        )
        del encoder
        if not (folder / FILE_NAME).exists():
            make_folder(folder)
            stack.enter_context(WriterLock(folder))
        store = open_or_create(folder, info)
        ledger = store.ledger()
        if not (
            found.files
            or found.problems
            or any(found.covers(row.os_path) for row in ledger.values())
        ):
            raise PartwiseError(_no_audio(found))
        writer = Writer(store, info)
        run = _Run(
            found,
            store,
            writer,
            ledger,
            reporter or Silent(),
            stop,
            jobs or cores(),
        )
        settings = Settings(model_path, info.segment_s, info.hop_s, nice)
        summary = run.run(settings, prune=prune, retry_failed=retry_failed)
    summary.seconds = time.monotonic() - started
    return summary


def _no_audio(found: Scan) -> str:
    names = ", ".join(shown(root) for root in found.roots)
    kinds = ", ".join(sorted(suffix[1:] for suffix in AUDIO_SUFFIXES))
    return f"no audio files in {names} (looked for {kinds})"


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


class _Run:
    def __init__(
        self,
        found: Scan,
        store: Store,
        writer: Writer,
        ledger: dict[str, LedgerRow],
        reporter: Reporter,
        stop: threading.Event,
        jobs: int,
    ) -> None:
        self.found = found
        self.store = store
        self.writer = writer
        self.digest = writer.model.digest
        self.ledger = ledger
        self.reporter = reporter
        self.stop = stop
        self.jobs = jobs
        self.summary = IndexSummary()
        self.batch = _Batch()
        self.batches = 0
        # Shared with the workers' threads, under the lock: which contents have a track, and which
        # one is being heard for which path.
        self.lock = threading.Lock()
        self.known = store.track_ids(self.digest)
        self.being_heard: dict[str, str] = {}
        # Files of a content that another file is being heard for.
        self.twins: dict[str, list[Outcome]] = {}
        self.paths_of: dict[str, list[str]] = {}
        for path, row in ledger.items():
            if row.content_hash is not None:
                self.paths_of.setdefault(row.content_hash, []).append(path)

    def run(self, settings: Settings, *, prune: bool, retry_failed: bool) -> IndexSummary:
        plan = plan_run(self.found, self.ledger, self.known, self.digest, retry_failed=retry_failed)
        self.summary.unchanged = plan.unchanged
        self.summary.failed_earlier = plan.failed_earlier
        self.summary.failed = len(plan.failures)
        self.summary.failures = list(plan.failures)
        self._write(plan.rows)
        if plan.again:
            self._announce(plan)
        if plan.files:
            self._hear(plan.files, settings)
        self._flush()
        if not self.summary.interrupted:
            self._close(plan, prune)
        return self.summary

    def _announce(self, plan: Plan) -> None:
        audio_s = 0.0
        if self.writer.replacing:
            seconds = self.store.durations_s()
            contents = {self.ledger[path].content_hash for path in plan.again}
            audio_s = sum(seconds.get(content or "", 0.0) for content in contents)
        rate = self.store.manifest.rate
        spent_s = [self.ledger[path].seconds for path in plan.again]
        if rate is not None and audio_s:
            left_s = audio_s / (rate.per_job * self.jobs)
            time_text = f", about {duration_text(left_s)} at the rate of the last run"
        elif any(spent_s):
            left_s = sum(filter(None, spent_s)) / self.jobs
            time_text = f", about {duration_text(left_s)} going by the last time"
        else:
            time_text = ""
        count = _files(len(plan.again))
        if not self.writer.replacing:
            self.reporter.say(f"{count} will be heard again: what was stored of them is incomplete")
            return
        audio = f" ({duration_text(audio_s)} of audio)" if audio_s else ""
        self.reporter.say(
            f"the model {self.digest} is not the one that made this library"
            f" ({self.store.digest}): {count}{audio} will be re-embedded{time_text};"
            " the old vectors answer until all are done"
        )

    # --- hearing

    def _decide(self, path: str, content_hash: str) -> bool:
        """Called by the workers' threads: whether this content is to be heard for this path."""
        with self.lock:
            if content_hash in self.known or content_hash in self.being_heard:
                return False
            self.being_heard[content_hash] = path
            return True

    def _hear(self, files: list[FoundFile], settings: Settings) -> None:
        started = time.monotonic()
        total = sum(file.size for file in files)
        by_path = {file.path: file for file in files}
        done, done_bytes, told = 0, 0, 0.0
        jobs = min(self.jobs, len(files))
        workers = Workers(settings, jobs, self.digest, self._decide)
        try:
            for file in files:
                workers.submit(file)
            while done < len(files) and not self.stop.is_set():
                if self.batch.is_due:
                    self._flush()
                elapsed_s = time.monotonic() - started
                if elapsed_s - told >= _UPDATE_S:
                    told = elapsed_s
                    self.reporter.update(
                        Progress(
                            done, len(files), done_bytes, total, self.summary.audio_s, elapsed_s
                        )
                    )
                try:
                    outcome = workers.outcomes.get(timeout=_UPDATE_S)
                except queue.Empty:
                    continue
                if isinstance(outcome, WorkersUnfit):
                    raise PartwiseError(str(outcome)) from None
                for path, finished in self._settle(outcome):
                    if finished:
                        done += 1
                        done_bytes += by_path[path].size
                    else:
                        workers.submit(by_path[path])
        except (KeyboardInterrupt, PartwiseError):
            workers.stop()
            self._flush()
            raise
        finally:
            workers.stop()
        elapsed_s = time.monotonic() - started
        self.summary.interrupted = done < len(files)
        self.summary.left = len(files) - done
        self.reporter.update(
            Progress(done, len(files), done_bytes, total, self.summary.audio_s, elapsed_s)
        )
        if self.summary.audio_s >= _RATE_MIN_AUDIO_S:
            self._flush()
            self.writer.set_rate(Rate(self.summary.audio_s, elapsed_s, jobs))

    def _settle(self, outcome: Outcome) -> list[tuple[str, bool]]:
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
            if other == path or other in self.found.files or other not in self.ledger:
                continue
            if not os.path.lexists(text_to_path(other)):
                return other
        return None

    # --- writing

    def _add_row(self, row: LedgerRow) -> None:
        if not self.batch.rows:
            self.batch.since = time.monotonic()
        self.batch.rows.append(row)
        self.ledger[row.path] = row

    def _flush(self) -> None:
        batch, self.batch = self.batch, _Batch()
        if batch.rows or batch.gone:
            self.writer.add(batch.tracks, batch.rows, batch.gone)
            self.batches += 1
            if self.batches % _BATCHES_PER_COMPACTION == 0:
                self.writer.compact()

    def _write(self, rows: list[LedgerRow], gone: Sequence[str] = ()) -> None:
        """Write rows outside the batches."""
        if rows or gone:
            self.writer.add([], rows, gone)
            self.batches += 1
            for path in gone:
                del self.ledger[path]
            self.ledger.update((row.path, row) for row in rows)

    # --- the end

    def _close(self, plan: Plan, prune: bool) -> None:
        missing, forgotten = [], []
        for path in plan.gone:
            row = self.ledger.get(path)
            if row is None:
                continue  # it has moved
            if row.state is State.FAILED and row.content_hash not in self.known:
                forgotten.append(path)  # nothing was ever heard in it
            elif prune:
                forgotten.append(path)
                self.summary.pruned += 1
            else:
                self.summary.missing += 1
                if row.state is not State.MISSING:
                    missing.append(replace(row, state=State.MISSING, updated_at=now()))
        if prune and self.writer.replacing:
            forgotten += plan.unreachable
            self.summary.pruned += len(plan.unreachable)
        self._write(missing, forgotten)
        waiting = [
            row
            for row in self.ledger.values()
            if row.state is State.INDEXED and row.content_hash not in self.known
        ]
        if self.writer.replacing:
            self.summary.waiting = [row.shown_path for row in waiting]
            if not waiting:
                self.writer.promote()
                self.summary.replaced = True
        used = {row.content_hash for row in self.ledger.values()}
        orphans = self.writer.drop_tracks(self.known - used)
        if self.batches or orphans or self.summary.replaced:
            self.writer.compact()


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"
