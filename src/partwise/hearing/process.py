"""Processes that hear files, as seen from their parent, and what happens when one dies."""

from __future__ import annotations

import math
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable

from partwise.hearing.child import Child, Dead, Late, Message, death_text
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


class Hearer:
    """Hears files in a child: a decoder that crashes takes it along, and no more.

    The child is started when it is needed. digest : of the model; None for whichever it is, and
    that of the child's once it was started.
    """

    def __init__(
        self, settings: Settings, digest: str | None = None, program: str = _PROGRAM
    ) -> None:
        self.digest = digest
        self._settings = settings
        self._program = program
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._killed = False

    @property
    def is_alive(self) -> bool:
        """Whether there is a child."""
        return self._child is not None

    def start(self, until_s: float = math.inf, gone: threading.Event | None = None) -> Child:
        """The child, its model being loaded. until_s, gone : see ``Child.answer``.

        Raises WorkersUnfit when there is none to be had, or its model is not ``digest``; Late.
        """
        if self._child is not None:
            return self._child
        with self._lock:
            if self._killed:
                raise WorkersUnfit("stopping")
            try:
                self._child = child = Child(self._program, self._settings.limits)
            except OSError as error:  # no memory, too many processes
                said = f"a worker process cannot be started: {error.strerror}"
                raise WorkersUnfit(said) from None
        try:
            child.tell(**{k: v for k, v in vars(self._settings).items() if k != "limits"})
            answer = child.answer(until_s, gone)
        except Dead:
            said = f"a worker process ended at its start ({death_text(child.death())})"
            words = child.last_words()
            self.end()
            raise WorkersUnfit(f"{said}: {words}" if words else said) from None
        if "digest" not in answer or self.digest not in (None, answer["digest"]):
            self.end()
            said = "the model was replaced while the run was starting"
            raise WorkersUnfit(answer.get("unfit", said))
        self.digest = answer["digest"]
        return child

    def hear(
        self,
        file: FoundFile,
        decide: Callable[[str, str], bool],
        until_s: float | None = None,
        gone: threading.Event | None = None,
    ) -> Outcome:
        """What became of a file. decide : see ``Workers``. Raises as ``start`` does.

        until_s : on the monotonic clock, None for what any file should need. gone : ends it.
        """
        child = self.start(math.inf if until_s is None else until_s, gone)
        limit_s = _LIMIT_S + file.size / _LIMIT_BYTES_PER_S
        until_s = time.monotonic() + limit_s if until_s is None else until_s
        content_hash = None
        try:
            child.tell(path=file.path)
            answer = child.answer(until_s, gone)
            if "hashed" in answer:
                content_hash = answer["hashed"]
                child.tell(wanted=decide(file.path, content_hash))
                answer = child.answer(until_s, gone)
            return _outcome(answer)
        except Late:
            mtime_ns, fault = file.mtime_ns, "late"
            reason = f"given up after {limit_s / 60:.0f} minutes"
        except Dead:
            status, fault = child.death(), "crashed"
            # By the system for want of memory, or by a person.
            if sys.platform != "win32" and status == -signal.SIGKILL:
                reason, mtime_ns = KILLED, LOOK_AGAIN
            else:
                reason = f"the decoder crashed while reading it ({death_text(status)})"
                mtime_ns = file.mtime_ns
        self.end()
        return Outcome(file.path, file.size, mtime_ns, content_hash, reason, fault)

    def kill(self) -> None:
        """End it for good from any thread; whoever waits for its answer learns that it is dead."""
        with self._lock:
            self._killed = True
            if self._child is not None:
                self._child.kill()

    def end(self) -> None:
        """End the child, if there is one."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.end()


def _outcome(answer: Message) -> Outcome:
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
        self._decide = decide
        self._files: queue.SimpleQueue[FoundFile | None] = queue.SimpleQueue()
        self.outcomes: queue.SimpleQueue[Outcome | WorkersUnfit] = queue.SimpleQueue()
        self._stopping = False
        self._hearers = [Hearer(settings, digest) for _ in range(count)]
        self._threads = [
            threading.Thread(target=self._serve, args=[hearer], name=f"worker-{n}", daemon=True)
            for n, hearer in enumerate(self._hearers)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, *files: FoundFile) -> None:
        for file in files:
            self._files.put(file)

    def stop(self) -> None:
        """End all workers now, whatever they are doing."""
        self._stopping = True
        for hearer in self._hearers:
            hearer.kill()
            self._files.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self, hearer: Hearer) -> None:
        """One thread. What it hears of a child that ``stop`` has killed is no outcome."""
        try:
            hearer.start()
            while (file := self._files.get()) is not None and not self._stopping:
                outcome = hearer.hear(file, self._decide)
                if not self._stopping:
                    self.outcomes.put(outcome)
        except Exception as error:  # whoever waits for outcomes must not wait for ever
            if not self._stopping:
                unfit = isinstance(error, WorkersUnfit)
                said = str(error) if unfit else f"{type(error).__name__}: {error}"
                self.outcomes.put(WorkersUnfit(said))
        finally:
            hearer.end()
