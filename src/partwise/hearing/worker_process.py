"""One process that hears files, as seen from its parent, and what happens when it dies."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from partwise.hearing.worker import LOOK_AGAIN, Hashed, Outcome, Ready, Settings, Unfit, send
from partwise.paths import FoundFile

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
_PROGRAM = "from partwise.hearing.worker import main; main()"

KILLED = "its worker was killed while reading it"


class WorkersUnfit(Exception):
    """No worker can start; the text says why."""


class HearingProcess:
    """A process that runs ``hearing.main``: a decoder that crashes takes it along, and no more.

    Made, it must ``get_ready`` before it can ``hear``. Raises WorkersUnfit when the system has no
    process to give.
    """

    def __init__(self) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (read when the start fails)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env=environment(),
            )
        except OSError as error:  # no memory, too many processes
            self._complaints.close()
            raise WorkersUnfit(f"a worker process cannot be started: {error.strerror}") from None

    def get_ready(self, settings: Settings, digest: str) -> None:
        """Wait until the model ``digest`` is loaded.

        Raises WorkersUnfit, the process being gone, when it cannot be, or is another.
        """
        with self._complaints as complaints:
            try:
                self._tell(settings)
                answer = self._answer()
            except _Dead:
                status = self.end()
                complaints.seek(0)
                last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
                raise WorkersUnfit(
                    f"a worker process ended at its start ({_death(status)})"
                    + "".join(f": {line}" for line in last)
                ) from None
        if isinstance(answer, Ready) and answer.digest == digest:
            return
        self.end()
        if isinstance(answer, Unfit):
            raise WorkersUnfit(answer.reason)
        raise WorkersUnfit("the model was replaced while the run was starting")

    def hear(self, file: FoundFile, decide: Callable[[str, str], bool]) -> tuple[Outcome, bool]:
        """The outcome, and whether the process survived it. decide : see ``Workers``."""
        limit_s = _LIMIT_S + file.size / _LIMIT_BYTES_PER_S
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self.kill()

        timer = threading.Timer(limit_s, give_up)
        timer.daemon = True
        timer.start()
        content_hash = None
        try:
            self._tell(file.path)
            answer = self._answer()
            if isinstance(answer, Hashed):
                content_hash = answer.content_hash
                self._tell(decide(file.path, content_hash))
                answer = self._answer()
            return answer, True
        except _Dead:
            status = self._process.wait()
            if late.is_set():
                reason, mtime_ns = f"given up after {limit_s / 60:.0f} minutes", file.mtime_ns
            elif status == -signal.SIGKILL:  # by the system for want of memory, or by a person
                reason, mtime_ns = KILLED, LOOK_AGAIN
            else:
                reason = f"the decoder crashed while reading it ({_death(status)})"
                mtime_ns = file.mtime_ns
            return Outcome(file.path, file.size, mtime_ns, content_hash, reason), False
        finally:
            timer.cancel()

    def kill(self) -> None:
        """End it from any thread; whoever waits for its answer learns that it is dead."""
        self._process.kill()

    def end(self) -> int:
        """End it for good; returns its exit status."""
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except OSError:  # bytes that a dead worker did not take
                pass
        self._process.kill()
        return self._process.wait()

    def _tell(self, message: object) -> None:
        try:
            send(self._process.stdin, message)
        except (OSError, ValueError):
            raise _Dead from None

    def _answer(self) -> Any:
        try:
            return pickle.load(self._process.stdout)  # type: ignore[arg-type]
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            raise _Dead from None


class _Dead(Exception):
    """The process is gone."""


def _death(status: int) -> str:
    if status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            return f"signal {-status}"
    return f"exit status {status}"


def environment() -> dict[str, str]:
    """For a child: it finds partwise where this process found it, and takes one core."""
    import partwise

    source = str(Path(partwise.__file__).resolve().parent.parent)
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([source, known] if known else [source])
    return {**os.environ, "PYTHONPATH": path, **dict.fromkeys(_ONE_THREAD, "1")}
