"""One indexing run: scan, plan, let workers hear, write in batches, close."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from partwise.errors import PartwiseError
from partwise.hearing.child import Limits, cores
from partwise.hearing.process import Workers, WorkersUnfit
from partwise.hearing.worker import Settings
from partwise.library.index.absence import absences
from partwise.library.index.aside import aside_text
from partwise.library.index.downloads import DownloadingWorkers
from partwise.library.index.options import IndexOptions, NoAudio, PruneRefused
from partwise.library.index.planning import Plan, Scan, leave_unfinished, plan_run, scan
from partwise.library.index.retag import read_tags_again
from partwise.library.index.server_source import ServerSource
from partwise.library.index.settle import Intake
from partwise.library.index.time_left import TimeLeft
from partwise.library.map.atlas import make_atlas
from partwise.library.reports import (
    IndexSummary,
    Progress,
    Reporter,
    Silent,
    duration_text,
    files_text,
)
from partwise.library.tables.folders import note_begun, note_ended
from partwise.library.tables.ledger import State, now
from partwise.library.tables.lock import WriterLock
from partwise.library.tables.manifest import FILE_NAME, ModelInfo, Rate
from partwise.library.tables.writer import (
    Writer,
    check_place,
    make_folder,
    making,
    open_or_create,
    write_snapshot,
)
from partwise.paths import FoundFile, is_address, shown

if TYPE_CHECKING:
    from partwise.library.index.ray_cluster import Cluster, Target
    from partwise.library.index.ray_workers import RayWorkers

_UPDATE_S = 0.25
# A rate from less than this says more about starting the workers than about hearing.
_RATE_MIN_AUDIO_S = 120.0


def index(
    folder: Path,
    roots: Sequence[str | os.PathLike[str]],
    options: IndexOptions = IndexOptions(),
    reporter: Reporter[Progress] | None = None,
    stop: threading.Event | None = None,
) -> IndexSummary:
    """Bring the library in ``folder`` up to date with the recordings below ``roots``.

    roots : folders and files; none where ``options.server`` is heard.
    stop : when set, the run writes what is done and returns with ``interrupted``.

    Safe to be killed at any moment: the next run goes on from there. Raises PartwiseError when a
    root does not exist, the server does not answer, the model or the library cannot be used,
    another process is writing, there is no audio at all, or the disk is full; and PruneRefused,
    after all else has been done.
    """
    from partwise.embedding.encoder import load_encoder

    started = time.monotonic()
    stop = stop or threading.Event()
    source = None if options.server is None else ServerSource(options.server)
    if source is None and not roots:
        raise PartwiseError("no folder to index: name at least one")
    if source is not None and roots:
        raise PartwiseError("folders and a server are two runs: name one of them")
    check_place(folder, options.store, options.precision)
    model_path = None if options.model is None else os.path.abspath(options.model)
    target = _ray_target(options.on)
    with ExitStack() as stack:
        is_new = not (folder / FILE_NAME).exists()
        if not is_new:
            make_folder(folder)
            stack.enter_context(WriterLock(folder))
        found = scan(roots, folder, stop) if source is None else source.scan(stop)
        if is_new and not (found.files or found.problems):
            raise NoAudio(_no_audio(found))  # nothing is made before there is something
        encoder = load_encoder(model_path)
        info = ModelInfo(
            digest=encoder.digest,
            dim=encoder.dim,
            presence_threshold=tuple(float(t) for t in encoder.presence_threshold),
        )
        model_path = os.path.abspath(encoder.path)
        del encoder
        if is_new:
            stack.enter_context(making(folder))
            stack.enter_context(WriterLock(folder))
        opened = open_or_create(folder, info, options.store, options.precision)
        ledger = opened.ledger()
        known_here = any(found.covers(row.os_path) for row in ledger.values())
        if not (found.files or found.problems or known_here):
            raise NoAudio(_no_audio(found))
        if source is None:
            note_begun(folder, found.roots)
        writer = Writer(opened, info)
        if options.tag_encoding is not None:
            writer.set_tag_encoding(options.tag_encoding)
        known = opened.track_ids(info.digest)
        matched = None
        if source is not None:
            source.confirm(found, ledger, stop)
            if options.match:
                matched = source.match(found, ledger, opened, known, info.digest)
        plan = plan_run(found, ledger, known, info.digest, retry_failed=options.retry_failed)
        unfinished = leave_unfinished(plan, options.quiet_s)
        plan.rows += matched or []
        intake = Intake(
            writer,
            ledger,
            known,
            found.files,
            IndexSummary(
                unchanged=plan.unchanged,
                failed_earlier=plan.failed_earlier,
                failed=len(plan.failures),
                failures=list(plan.failures),
                matched=None if matched is None else len(matched),
                left_aside=dict(found.aside),
                not_entered=dict(found.not_entered),
                unfinished=unfinished,
            ),
        )
        limits, encoding = Limits(nice=options.nice), opened.manifest.tag_encoding
        settings = Settings(model_path, info.segment_s, info.hop_s, None, limits, encoding)
        reporter = reporter or Silent()
        cluster, jobs = None, options.jobs
        if target is not None and plan.files:
            from partwise.library.index.ray_cluster import connected

            cluster = stack.enter_context(connected(target, jobs or cores()))
            jobs = jobs or cluster.cpus
            reporter.say(cluster.shown)
        run = _Run(intake, reporter, stop, jobs or cores(), cluster, source)
        summary = run.run(plan, settings, found, options)
        if source is None and not summary.interrupted:
            note_ended(folder, found.roots)
    summary.seconds = time.monotonic() - started
    if summary.away and options.prune and not options.prune_anyway:
        raise PruneRefused(summary)
    return summary


def _no_audio(found: Scan) -> str:
    names = ", ".join(shown(root) for root in found.roots)
    if is_address(found.roots[0]):
        return f"{names} lists no songs: can this user see them?"
    aside = aside_text(found.aside, found.not_entered)
    return f"no audio files in {names}" + (f" ({aside})" if aside else "")


def _ray_target(on: str | None) -> Target | None:
    """Checked before anything is made: a wrong address leaves no library behind."""
    if on is None:
        return None
    from partwise.library.index.ray_cluster import parse_target

    return parse_target(on)


class _Run:
    """What one run needs all the time, and its three acts: announce, hear, close."""

    def __init__(
        self,
        intake: Intake,
        reporter: Reporter[Progress],
        stop: threading.Event,
        jobs: int,
        cluster: Cluster | None,
        source: ServerSource | None,
    ) -> None:
        self.intake = intake
        self.summary = intake.summary
        self.ledger = intake.ledger
        self.used_before = {row.content_hash for row in intake.ledger.values()}
        self.writer = intake.writer
        self.store = intake.writer.store
        self.reporter = reporter
        self.stop = stop
        self.jobs = jobs
        self.cluster = cluster
        self.source = source

    def run(
        self, plan: Plan, settings: Settings, found: Scan, options: IndexOptions
    ) -> IndexSummary:
        self.intake.write(plan.rows)
        if plan.again:
            self._announce(plan)
        if plan.files:
            self._hear(plan.files, settings)
        tags = options.tags or options.tag_encoding is not None
        if tags and not self.summary.interrupted:
            heard = {file.path for file in plan.files}
            read_tags_again(self.intake, heard, settings, self.jobs, self.reporter, self.stop)
        if self.source is not None:
            self.source.keep_names(self.intake, self.store.folder)
        if not self.summary.interrupted:
            gone = [path for path in plan.gone if path in self.ledger]  # others have moved
            self.summary.away = absences(found, self.ledger, gone)
            prune = options.prune and not self.summary.away
            self._close(plan, gone, prune or options.prune_anyway)
            self._draw_map()
            self._write_snapshot()
        self.summary.failures.sort(key=lambda row: row.path)
        return self.summary

    def _announce(self, plan: Plan) -> None:
        count = files_text(len(plan.again))
        if not self.writer.replacing:
            self.reporter.say(f"{count} will be heard again: what was stored of them is incomplete")
            return
        rows = [self.ledger[path] for path in plan.again]
        seconds = self.store.durations_s()
        audio_s = sum(seconds.get(content or "", 0.0) for content in {r.content_hash for r in rows})
        rate, spent_s = self.store.manifest.rate, sum(row.seconds or 0.0 for row in rows)
        audio, time_text = f" ({duration_text(audio_s)} of audio)" if audio_s else "", ""
        if rate is not None and audio_s:
            left = duration_text(audio_s / (rate.per_job * self.jobs))
            time_text = f", about {left} at the rate of the last run"
        elif spent_s:
            time_text = f", about {duration_text(spent_s / self.jobs)} going by the last time"
        self.reporter.say(
            f"the model {self.writer.model.digest} is not the one that made this library"
            f" ({self.store.digest}): {count}{audio} will be re-embedded{time_text};"
            " the old vectors answer until all are done"
        )

    def _hear(self, files: list[FoundFile], settings: Settings) -> None:
        started = time.monotonic()
        by_path = {file.path: file for file in files}
        done, told_s = 0, 0.0
        jobs = min(self.jobs, len(files))
        time_left = TimeLeft(files, jobs)

        def tell() -> float:
            elapsed_s = time.monotonic() - started
            audio_s, left_s = self.summary.audio_s, time_left.left_s(elapsed_s)
            self.reporter.update(Progress(done, len(files), audio_s, elapsed_s, left_s))
            return elapsed_s

        workers = self._start_workers(settings, jobs)
        try:
            workers.submit(*files)
            while done < len(files) and not self.stop.is_set():
                self.intake.flush_if_due()
                if time.monotonic() - started - told_s >= _UPDATE_S:
                    told_s = tell()
                try:
                    outcome = workers.outcomes.get(timeout=_UPDATE_S)
                except queue.Empty:
                    continue
                if isinstance(outcome, WorkersUnfit):
                    raise PartwiseError(str(outcome)) from None
                for path, finished in self.intake.settle(outcome):
                    if finished:
                        done += 1
                        spent_s = outcome.seconds if path == outcome.path else 0.0
                        time_left.ended(by_path[path], spent_s, time.monotonic() - started)
                    else:
                        workers.submit(by_path[path])
        finally:  # on Ctrl-C and errors as well: what is done is kept
            workers.stop()
            self.intake.flush()
        elapsed_s = tell()
        self.summary.interrupted = done < len(files)
        self.summary.left = len(files) - done
        if self.summary.audio_s >= _RATE_MIN_AUDIO_S:
            self.writer.set_rate(Rate(self.summary.audio_s, elapsed_s, jobs))

    def _start_workers(
        self, settings: Settings, jobs: int
    ) -> Workers | RayWorkers | DownloadingWorkers:
        digest, decide = self.writer.model.digest, self.intake.decide
        if self.source is not None:
            server, songs, folder = self.source.server, self.source.songs, self.store.folder
            return DownloadingWorkers(server, songs, folder, settings, jobs, digest, decide)
        if self.cluster is None:
            return Workers(settings, jobs, digest, decide)
        from partwise.library.index.ray_workers import RayWorkers

        return RayWorkers(self.cluster, settings, jobs, digest, decide, self.intake.known)

    def _close(self, plan: Plan, gone: list[str], prune: bool) -> None:
        missing, forgotten = [], []
        for path in gone:
            row = self.ledger[path]
            if row.state is State.FAILED and row.content_hash not in self.intake.known:
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
        self.intake.write(missing, forgotten)
        waiting = [
            row
            for row in self.ledger.values()
            if row.state is State.INDEXED and row.content_hash not in self.intake.known
        ]
        if self.writer.replacing:
            self.summary.waiting = [row.shown_path for row in waiting]
            if not waiting:
                self.writer.promote()
                self.summary.replaced = True
        used = {row.content_hash for row in self.ledger.values()}
        unused = self.intake.known - used
        if not prune:
            # Tracks that no file had before this run either are what a lost ledger left: their
            # files may lie below other folders.
            unused &= self.used_before
        orphans = self.writer.drop_tracks(unused)
        changed = self.intake.batches or self.summary.tags_changed
        if changed or orphans or self.summary.replaced:
            self.writer.compact()

    def _draw_map(self) -> None:
        """A picture of what is there; a run that cannot draw it has still done its work."""
        if self.stop.is_set():
            return
        try:
            make_atlas(self.store)
        except Exception as error:
            self.reporter.say(f"the map of the library could not be made: {error}")

    def _write_snapshot(self) -> None:
        """What lets a command answer at once; without it, it answers from the tables."""
        try:
            write_snapshot(self.store)
        except OSError as error:
            self.reporter.say(f"the snapshot of the library could not be written: {error}")
