"""Processes that hear files, as seen from their parent, and what happens when one dies."""

from __future__ import annotations

import math
import queue
import signal
import threading
import time
from collections.abc import Callable

from partwise.hearing.child import Child, Dead, Late, death_text
from partwise.hearing.worker import LOOK_AGAIN, Outcome, Settings
from partwise.paths import FoundFile

# A decoder that never ends must not stop the run for ever. Far above what any file needs: the
# slowest decoding measured, on the slowest sort of machine, is tens of times faster.
_LIMIT_S = 600.0
_LIMIT_BYTES_PER_S = 100_000.0

_PROGRAM = "from partwise.hearing.worker import main; main()"
KILLED = "its worker was killed while reading it"


class WorkersUnfit(Exception):
    """No worker can start; the text says why."""


class HearingProcess:
    """A process that runs ``worker.main``: a decoder that crashes takes it along, and no more.

    Made, it must ``get_ready`` before it can ``hear``. Raises WorkersUnfit when the system has no
    process to give.
    """

    def __init__(self, settings: Settings, program: str = _PROGRAM) -> None:
        self._settings = settings
        try:
            self._child = Child(program, settings.limits)
        except OSError as error:  # no memory, too many processes
            raise WorkersUnfit(f"a worker process cannot be started: {error.strerror}") from None

    def get_ready(
        self,
        digest: str | None = None,
        until_s: float = math.inf,
        gone: threading.Event | None = None,
    ) -> str:
        """Wait until the model is loaded; returns its digest. until_s, gone : see ``Child.answer``.

        Raises WorkersUnfit, the process being gone, when it cannot be, or is not ``digest``; Late.
        """
        settings = {k: value for k, value in vars(self._settings).items() if k != "limits"}
        try:
            self._child.tell(**settings)
            answer = self._child.answer(until_s, gone)
        except Dead:
            said = f"a worker process ended at its start ({death_text(self._child.death())})"
            words = self._child.last_words()
            self.end()
            raise WorkersUnfit(f"{said}: {words}" if words else said) from None
        if "digest" in answer and digest in (None, answer["digest"]):
            return answer["digest"]
        self.end()
        raise WorkersUnfit(answer.get("unfit", "the model was replaced while the run was starting"))

    def hear(
        self,
        file: FoundFile,
        decide: Callable[[str, str], bool],
        until_s: float | None = None,
        gone: threading.Event | None = None,
    ) -> tuple[Outcome, bool]:
        """The outcome, and whether the process survived it. decide : see ``Workers``.

        until_s : on the monotonic clock, None for what any file should need. gone : ends it.
        """
        limit_s = _LIMIT_S + file.size / _LIMIT_BYTES_PER_S
        until_s = time.monotonic() + limit_s if until_s is None else until_s
        content_hash = None
        try:
            self._child.tell(path=file.path)
            answer = self._child.answer(until_s, gone)
            if "hashed" in answer:
                content_hash = answer["hashed"]
                self._child.tell(wanted=decide(file.path, content_hash))
                answer = self._child.answer(until_s, gone)
            return _outcome(answer), True
        except Late:
            self.end()
            reason, mtime_ns = f"given up after {limit_s / 60:.0f} minutes", file.mtime_ns
            return Outcome(file.path, file.size, mtime_ns, content_hash, reason, "late"), False
        except Dead:
            status = self._child.death()
            self.end()
            if status == -signal.SIGKILL:  # by the system for want of memory, or by a person
                reason, mtime_ns = KILLED, LOOK_AGAIN
            else:
                reason = f"the decoder crashed while reading it ({death_text(status)})"
                mtime_ns = file.mtime_ns
            return Outcome(file.path, file.size, mtime_ns, content_hash, reason, "crashed"), False

    def kill(self) -> None:
        """End it from any thread; whoever waits for its answer learns that it is dead."""
        self._child.kill()

    def end(self) -> None:
        """End it for good."""
        self._child.end()


def _outcome(answer: dict) -> Outcome:
    try:
        return Outcome.from_message(answer)
    except Exception:  # whatever a child that was taken over may have written
        raise Dead from None


class Workers:
    """A number of processes that hear files, as many as there are cores. A thread watches each.

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

    def _serve(self) -> None:
        """One thread."""
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
                    self._forget(process)
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
                self._forget(process)
                process.end()

    def _start(self) -> HearingProcess:
        with self._lock:
            if self._stopping:
                raise WorkersUnfit("stopping")
            process = HearingProcess(self._settings)
            self._processes.add(process)
        try:
            process.get_ready(self._digest)
        except WorkersUnfit:
            self._forget(process)
            raise
        return process

    def _forget(self, process: HearingProcess) -> None:
        with self._lock:
            self._processes.discard(process)
