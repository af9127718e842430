"""Worker processes of this machine, as many as there are cores."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from partwise.hearing.worker import Outcome, Settings
from partwise.hearing.worker_process import HearingProcess, WorkersUnfit
from partwise.paths import FoundFile


class Workers:
    """A number of processes that hear files. Each is watched by one thread.

    decide : called from those threads with the file and the hash of its content; True to hear it.
    ``outcomes`` yields an ``Outcome`` per submitted file, in any order, or ``WorkersUnfit``.
    """

    def __init__(
        self, settings: Settings, count: int, digest: str, decide: Callable[[str, str], bool]
    ) -> None:
        self._settings = settings
        self._digest = digest
        self._decide = decide
        self._files: queue.SimpleQueue[FoundFile | None] = queue.SimpleQueue()
        self.outcomes: queue.SimpleQueue[Outcome | WorkersUnfit] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._processes: set[HearingProcess] = set()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"worker-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, *files: FoundFile) -> None:
        for file in files:
            self._files.put(file)

    def stop(self) -> None:
        """End all workers now, whatever they are doing."""
        with self._lock:
            self._stopping = True
            for process in self._processes:
                process.kill()
        for _ in self._threads:
            self._files.put(None)
        for thread in self._threads:
            thread.join()

    # --- one thread

    def _serve(self) -> None:
        process: HearingProcess | None = None
        try:
            while not self._stopping:
                if process is None:
                    process = self._start()
                file = self._files.get()
                if file is None or self._stopping:
                    break
                outcome, alive = process.hear(file, self._decide)
                if not alive:
                    self._end(process)
                    process = None
                if self._stopping:
                    break  # an outcome of being killed by stop() is no outcome
                self.outcomes.put(outcome)
        except WorkersUnfit as error:
            if not self._stopping:
                self.outcomes.put(error)
        except Exception as error:  # whoever waits for outcomes must not wait for ever
            self.outcomes.put(WorkersUnfit(f"{type(error).__name__}: {error}"))
        finally:
            if process is not None:
                self._end(process)

    def _start(self) -> HearingProcess:
        with self._lock:
            if self._stopping:
                raise WorkersUnfit("stopping")
            process = HearingProcess()
            self._processes.add(process)
        try:
            process.get_ready(self._settings, self._digest)
        except WorkersUnfit:
            self._forget(process)
            raise
        return process

    def _end(self, process: HearingProcess) -> None:
        process.end()
        self._forget(process)

    def _forget(self, process: HearingProcess) -> None:
        with self._lock:
            self._processes.discard(process)
