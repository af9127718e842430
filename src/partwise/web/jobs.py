"""Indexing from the page: one run at a time, in a thread that starts worker processes."""

from __future__ import annotations

import gc
import os
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError
from partwise.library.index.forget import Forgotten
from partwise.library.library import Library
from partwise.library.reports import IndexSummary, Progress
from partwise.library.stores.faults import Unavailable
from partwise.library.tables.ledger import LedgerRow
from partwise.library.tables.lock import WriterLock
from partwise.paths import shown
from partwise.web.browse import allowed
from partwise.web.responses import Refused

# Searches come first: whoever asks from a page waits, a run does not.
NICE = 10
MOST_FAILURES = 1000
_END_S = 20.0
_NOTHING_YET = Progress(0, 0, 0.0, 0.0)


@dataclass(frozen=True)
class Job:
    """A run as it stands; see ``schemas.Job``. kind : "index" or "forget".

    number : grows with every change.
    """

    job_id: str
    folders: tuple[str, ...]
    kind: str = "index"
    state: str = "running"
    progress: Progress = _NOTHING_YET
    elapsed_s: float = 0.0
    message: str = ""
    summary: IndexSummary | None = None
    forgotten: Forgotten | None = None
    number: int = 0

    def as_json(self) -> dict[str, Any]:
        """See ``schemas.Job``."""
        progress, summary = self.progress, self.summary
        running = self.state == "running"
        return {
            "job_id": self.job_id,
            "kind": self.kind,
            "state": self.state,
            "folders": [shown(folder) for folder in self.folders],
            "files_done": progress.files_done,
            "files_total": progress.files_total,
            "audio_s": progress.audio_s,
            "rate": progress.rate,
            "left_s": progress.left_s if running else None,
            "elapsed_s": self.elapsed_s,
            "message": self.message,
            "summary": None if summary is None else summary_json(summary),
            "forgotten": None if self.forgotten is None else vars(self.forgotten),
            "failures": [] if summary is None else failures_json(summary.failures),
        }


class Jobs:
    """The runs of one library: at most one at a time; the last one is remembered.

    model : ONNX file to hear with; None for the shipped one.
    """

    def __init__(self, library: Library, model: Path | None = None) -> None:
        self._library = library
        self._model = model
        self._guard = threading.Lock()
        self._job: Job | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._started_s = 0.0

    @property
    def job(self) -> Job | None:
        """The run of the moment, or the last one."""
        return self._job

    def start(
        self,
        folders: Sequence[str],
        *,
        music: Sequence[Path] | None = None,
        **options: Any,
    ) -> Job:
        """Begin a run. Raises Refused while one is under way, here or in another process.

        music : folders inside which folders may be indexed; None for any.
        options : see ``IndexOptions``.
        """
        roots = tuple(allowed(folder, music) for folder in folders)
        for root in roots:
            if not os.path.exists(root):
                raise PartwiseError(f"there is no folder {shown(root)} on the server's machine")
        return self._begin(roots, "index", "looking for recordings", partial(self._run, options))

    def forget(self, folder: str) -> Job:
        """Begin to take a folder (absolute) out of the library. Raises Refused as ``start``."""
        return self._begin((folder,), "forget", f"forgetting {shown(folder)}", self._forget)

    def wait(self, job: Job, stop: threading.Event) -> Job:
        """The job as it stands at its end, or when ``stop`` is set."""
        while not stop.wait(0.1):
            latest = self._job
            if latest is None or latest.job_id != job.job_id:
                return job
            if latest.state != "running":
                return latest
        return job

    def _begin(
        self,
        roots: tuple[str, ...],
        kind: str,
        message: str,
        work: Callable[[tuple[str, ...], threading.Event], None],
    ) -> Job:
        with self._guard:
            # Its thread may live a little longer: it warms the server up.
            if self._job is not None and self._job.state == "running":
                raise Refused(409, "an indexing run is under way: wait for its end, or stop it")
            self._check_free()
            self._stop = threading.Event()
            self._started_s = time.monotonic()
            self._job = Job(secrets.token_hex(8), roots, kind=kind, message=message)
            self._thread = threading.Thread(target=work, args=(roots, self._stop), name=kind)
            self._thread.start()
            return self._job

    def stop(self) -> Job:
        """Ask the run to end. What is done is kept. Raises Refused when none is under way."""
        job = self._job
        if job is None or job.state != "running":
            raise Refused(409, "no indexing run is under way")
        self._stop.set()
        self._change(message="stopping")
        return self._job or job

    def close(self) -> None:
        """End the run in an orderly way and wait for it; a run can always be taken up again."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_END_S)

    def _check_free(self) -> None:
        """Raises Refused while another process writes; a race with one ends the run instead."""
        if not self._library.exists:
            return
        try:
            with WriterLock(self._library.path):
                pass
        except PartwiseError as error:
            raise Refused(409, str(error)) from None

    def _forget(self, roots: tuple[str, ...], stop: threading.Event) -> None:
        try:
            forgotten = self._library.forget(roots[0])
        except PartwiseError as error:
            self._change(state="failed", message=str(error))
        except Exception as error:
            self._change(state="failed", message=f"it ended with an error: {error}")
            raise
        else:
            self._change(state="done", forgotten=forgotten, message="")
            with suppress(Unavailable):
                warm(self._library)

    def _run(self, asked: dict[str, Any], roots: tuple[str, ...], stop: threading.Event) -> None:
        from partwise.hearing.child import cores
        from partwise.library.index.options import IndexOptions, NoAudio
        from partwise.library.index.run import index

        try:
            options = IndexOptions(
                jobs=max(1, cores() - 1),  # one core stays free for those who search
                nice=NICE,
                model=self._model,
                **asked,
            )
            reporter = _Reporter(self._change)
            try:
                summary = index(self._library.path, roots, options, reporter, stop)
            except NoAudio:
                if not options.quiet_s:  # what changed in a watched folder need not be music
                    raise
                summary = IndexSummary()
        except PartwiseError as error:
            self._change(state="failed", message=str(error))
        except Exception as error:  # whatever it is, the page has to be told that it has ended
            self._change(state="failed", message=f"it ended with an error: {error}")
            raise
        else:
            state = "stopped" if summary.interrupted else "done"
            self._change(state=state, summary=summary, message="")
            with suppress(Unavailable):  # those who search are told
                warm(self._library)

    def _change(self, **fields: Any) -> None:
        if self._job is not None:
            fields["elapsed_s"] = time.monotonic() - self._started_s
            self._job = replace(self._job, number=self._job.number + 1, **fields)


def warm(library: Library) -> None:
    """Read into memory what the first search would have to wait for, if there is a library.

    Raises Unavailable for a library that is damaged.
    """
    try:
        searcher = library.searcher
        for name in ("tracks", "segments"):
            searcher.index(name)
        _ = searcher.matcher
    except Unavailable:
        raise
    except PartwiseError:  # none yet: the page makes one
        return
    # What was just read stays: without this, every full collection walks through all of it.
    gc.collect()
    gc.freeze()


class _Reporter:
    """Passes what a run says on to its job."""

    def __init__(self, change: Callable[..., None]) -> None:
        self._change = change

    def say(self, sentence: str) -> None:
        self._change(message=sentence)

    def update(self, progress: Progress) -> None:
        self._change(progress=progress, message="")


def summary_json(summary: IndexSummary) -> dict[str, Any]:
    """Counts of a run, by their names."""
    lists = ("failures", "waiting")
    return {name: value for name, value in vars(summary).items() if name not in lists}


def failures_json(rows: Sequence[LedgerRow]) -> list[dict[str, str]]:
    """The first of the files that could not be heard, with reasons."""
    return [
        {"path": row.shown_path, "reason": row.reason or "no reason is known"}
        for row in rows[:MOST_FAILURES]
    ]
