"""Worker processes, and what happens when one dies."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from partwise.library.hearing import LOOK_AGAIN, Hashed, Outcome, Ready, Settings, Unfit, send
from partwise.library.scan import FoundFile

# A decoder that never ends must not stop the run for ever. Far above what any file needs: the
# slowest decoding measured, on the slowest sort of machine, is tens of times faster.
_LIMIT_S = 600.0
_LIMIT_BYTES_PER_S = 100_000.0
# Numeric libraries would otherwise start a thread per core in every worker.
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)

# Not ``-m``: the classes of the messages would then belong to another module than here.
_PROGRAM = "from partwise.library.hearing import main; main()"


class WorkersUnfit(Exception):
    """No worker can start; the text says why."""


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
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._serve, name=f"worker-{n}", daemon=True)
            for n in range(count)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, file: FoundFile) -> None:
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
        process: subprocess.Popen[bytes] | None = None
        try:
            while not self._stopping:
                if process is None:
                    process = self._start()
                file = self._files.get()
                if file is None or self._stopping:
                    break
                outcome, alive = self._hear(process, file)
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

    def _start(self) -> subprocess.Popen[bytes]:
        with tempfile.TemporaryFile() as complaints:
            with self._lock:
                if self._stopping:
                    raise WorkersUnfit("stopping")
                try:
                    process = subprocess.Popen(
                        [sys.executable, "-c", _PROGRAM],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=complaints,
                        env=_environment(),
                    )
                except OSError as error:  # no memory, too many processes
                    raise WorkersUnfit(
                        f"a worker process cannot be started: {error.strerror}"
                    ) from None
                self._processes.add(process)
            try:
                _tell(process, self._settings)
                answer = _answer(process)
            except _Dead:
                status = self._end(process)
                complaints.seek(0)
                last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
                raise WorkersUnfit(
                    f"a worker process ended at its start ({_death(status)})"
                    + "".join(f": {line}" for line in last)
                ) from None
        if isinstance(answer, Ready) and answer.digest == self._digest:
            return process
        self._end(process)
        if isinstance(answer, Unfit):
            raise WorkersUnfit(answer.reason)
        raise WorkersUnfit("the model was replaced while the run was starting")

    def _hear(self, process: subprocess.Popen[bytes], file: FoundFile) -> tuple[Outcome, bool]:
        """The outcome, and whether the worker survived it."""
        limit_s = _LIMIT_S + file.size / _LIMIT_BYTES_PER_S
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit_s, give_up)
        timer.daemon = True
        timer.start()
        content_hash = None
        try:
            _tell(process, file.path)
            answer = _answer(process)
            if isinstance(answer, Hashed):
                content_hash = answer.content_hash
                _tell(process, self._decide(file.path, content_hash))
                answer = _answer(process)
            return answer, True
        except _Dead:
            status = process.wait()
            if late.is_set():
                reason, mtime_ns = f"given up after {limit_s / 60:.0f} minutes", file.mtime_ns
            elif status == -signal.SIGKILL:  # by the system for want of memory, or by a person
                reason, mtime_ns = "its worker was killed while reading it", LOOK_AGAIN
            else:
                reason = f"the decoder crashed while reading it ({_death(status)})"
                mtime_ns = file.mtime_ns
            return Outcome(file.path, file.size, mtime_ns, content_hash, reason), False
        finally:
            timer.cancel()

    def _end(self, process: subprocess.Popen[bytes]) -> int:
        for pipe in (process.stdin, process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # bytes that a dead worker did not take
                pass
        process.kill()
        status = process.wait()
        with self._lock:
            self._processes.discard(process)
        return status


class _Dead(Exception):
    """The worker is gone."""


def _tell(process: subprocess.Popen[bytes], message: object) -> None:
    try:
        send(process.stdin, message)
    except (OSError, ValueError):
        raise _Dead from None


def _answer(process: subprocess.Popen[bytes]) -> Any:
    try:
        return pickle.load(process.stdout)  # type: ignore[arg-type]
    except (EOFError, OSError, ValueError, pickle.UnpicklingError):
        raise _Dead from None


def _death(status: int) -> str:
    if status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            return f"signal {-status}"
    return f"exit status {status}"


def _environment() -> dict[str, str]:
    """The worker finds partwise where this process found it."""
    import partwise

    source = str(Path(partwise.__file__).resolve().parent.parent)
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([source, known] if known else [source])
    return {**os.environ, "PYTHONPATH": path, **dict.fromkeys(_ONE_THREAD, "1")}
