"""A child process with limits, and the messages between it and its parent.

What reads a file may be made to loop, grow, crash or lie by it. So files are read in a child that
takes its limits upon itself before it touches anything, and that ends when its parent does. What it
says is JSON and plain arrays: reading a pickle would be to do what it says.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

# Numeric libraries would otherwise start a thread per core in every child.
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_BLOCK = 1 << 20
_LOOK_S = 0.05
_DIE_S = 10.0
_SIZE = 8  # bytes of a number that says how many follow

Message = dict[str, Any]


class Dead(Exception):
    """The child is gone, or says what makes no sense."""


class Late(Exception):
    """The child takes longer than it may, or nobody waits for it any more."""


@dataclass(frozen=True)
class Limits:
    """What a child may take; 0 for as much as there is.

    cpu_s : processor time. memory_bytes : of addresses. file_bytes : of a file that it writes, and
    of a message. nice : its niceness, 0..19.
    """

    cpu_s: int = 0
    memory_bytes: int = 0
    file_bytes: int = 0
    nice: int = 0


def cores() -> int:
    """Processor cores that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def environment() -> dict[str, str]:
    """For a child: it finds partwise where this process found it, and takes one core."""
    source = str(Path(__file__).resolve().parents[2])
    known = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([source, known] if known else [source])
    return {**os.environ, "PYTHONPATH": path, **dict.fromkeys(_ONE_THREAD, "1")}


def pack(message: Message) -> bytes:
    """A message as bytes. Its values are JSON's, or arrays of numbers."""
    arrays = {k: np.ascontiguousarray(v) for k, v in message.items() if isinstance(v, np.ndarray)}
    plain = {name: value for name, value in message.items() if name not in arrays}
    kinds = {name: [array.dtype.str, array.shape] for name, array in arrays.items()}
    head = json.dumps([plain, kinds]).encode()
    size = len(head).to_bytes(_SIZE, "little")
    return b"".join([size, head, *(array.tobytes() for array in arrays.values())])


def unpack(data: bytes) -> Message:
    """The message that ``pack`` made bytes of. Raises ValueError or TypeError for any others."""
    at = _SIZE + int.from_bytes(data[:_SIZE], "little")
    message, kinds = json.loads(data[_SIZE:at])
    for name, (kind, shape) in kinds.items():
        array = np.frombuffer(data, np.dtype(kind), math.prod(shape), at).reshape(shape)
        message[name] = array.copy()
        at += array.nbytes
    return message


class Child:
    """A process that runs ``program``, Python that makes itself a ``Parent`` first of all.

    Raises OSError when the system has no process to give.
    """

    def __init__(self, program: str, limits: Limits = Limits()) -> None:
        self._most_bytes = limits.file_bytes or math.inf
        self._received = bytearray()
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (read when it dies early)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", program, json.dumps(asdict(limits))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                env=environment(),
            )
        except BaseException:
            self._complaints.close()
            raise
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        # A thread, because not every system can wait for a pipe and a clock at once. What a child
        # writes that nobody waits for stays with it, but for these few blocks.
        self._blocks: queue.Queue[bytes] = queue.Queue(maxsize=2)
        threading.Thread(target=self._read, daemon=True).start()

    def tell(self, **message: Any) -> None:
        """Send a message. Raises Dead."""
        try:
            _write(self._stdin, message)
        except (OSError, ValueError):
            raise Dead from None

    def _read(self) -> None:
        block = b"more"
        while block:
            try:
                block = os.read(self._stdout.fileno(), _BLOCK)
            except (OSError, ValueError):
                block = b""
            self._blocks.put(block)

    def answer(self, until_s: float = math.inf, gone: threading.Event | None = None) -> Message:
        """The next message. until_s : on the monotonic clock. Raises Dead and Late.

        gone : set from another thread when nobody waits for the answer any more.
        """
        while (message := self._complete()) is None:
            left_s = until_s - time.monotonic()
            if left_s <= 0 or (gone is not None and gone.is_set()):
                raise Late
            wait_s = None if left_s == math.inf else left_s
            try:
                block = self._blocks.get(timeout=wait_s if gone is None else min(left_s, _LOOK_S))
            except queue.Empty:
                continue
            if not block:
                self._blocks.put(block)  # for whoever asks again
                raise Dead
            self._received += block
        return message

    def _complete(self) -> Message | None:
        """The first message among the bytes received, if it is all there."""
        size = int.from_bytes(self._received[:_SIZE], "little")
        if len(self._received) >= _SIZE and size > self._most_bytes:
            raise Dead
        if len(self._received) < _SIZE + size:
            return None
        data = bytes(self._received[_SIZE : _SIZE + size])
        del self._received[: _SIZE + size]
        try:
            return unpack(data)
        except Exception:  # a child that was taken over may write anything
            raise Dead from None

    def kill(self) -> None:
        """End it from any thread; whoever waits for its answer learns that it is dead."""
        self._process.kill()

    def death(self) -> int:
        """The exit status of a child that is dead, or had better be."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_DIE_S)
        self._process.kill()
        return self._process.wait()

    def last_words(self) -> str:
        """The last line that it wrote on standard error."""
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def end(self) -> None:
        """End it for good, whatever it is doing."""
        with suppress(OSError):  # bytes that a dead child did not take
            self._stdin.close()
        self._process.kill()
        self._process.wait()
        with suppress(queue.Empty):  # until its last block: then nobody reads any more
            while self._blocks.get(timeout=_DIE_S):
                pass
        self._stdout.close()
        self._complaints.close()


def end_with_parent() -> None:
    """In a process of a pool, as its initializer: end when the parent does, however that ends.

    A killed parent says nothing, and the others of the pool keep the queue that it had open.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def ended_with_parent(command: list[str]) -> list[str]:
    """The command of another program, so that it ends when who runs it does (on Linux)."""
    found = shutil.which("setpriv")
    return [found, "--pdeathsig", "KILL", *command] if found else command


def death_text(status: int) -> str:
    """``SIGABRT``, ``exit status 3``."""
    if status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
        return f"signal {-status}"
    return f"exit status {status}"


class Parent:
    """The parent, as the child sees it. Making one takes the limits upon this process.

    What libraries print goes to standard error. At the end of standard input the parent is gone,
    and this process ends too.
    """

    def __init__(self) -> None:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(signal, name):  # meant for the parent, which ends us in its own time
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        take(Limits(**json.loads(sys.argv[1])))
        self._answers = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            try:
                self._inbox.put(unpack(_read(int.from_bytes(_read(_SIZE), "little"))))
            except Exception:  # end of file, or cut in the middle of a message
                os._exit(0)

    def receive(self) -> Message:
        """The next message, waiting for it."""
        return self._inbox.get()

    def answer(self, **message: Any) -> None:
        """Send a message."""
        _write(self._answers, message)

    def silence(self) -> None:
        """From here on what is printed is noise: decoders comment on every odd frame."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(2, 1)


def _read(size: int) -> bytes:
    """Bytes of standard input, past its buffer, whose lock would be waited for at the end."""
    data = b""
    while len(data) < size:
        if not (block := os.read(0, size - len(data))):
            raise EOFError
        data += block
    return data


def _write(pipe: Any, message: Message) -> None:
    data = pack(message)
    pipe.write(len(data).to_bytes(_SIZE, "little") + data)
    pipe.flush()


def take(limits: Limits) -> None:
    """Take limits upon this process; those that the system does not have are left out."""
    if sys.platform == "win32":
        return
    if limits.nice:
        os.nice(limits.nice)
    try:
        import resource
    except ImportError:  # a Python that was built without it
        return
    for name, most in (
        ("RLIMIT_CPU", limits.cpu_s),
        ("RLIMIT_AS", limits.memory_bytes),
        ("RLIMIT_FSIZE", limits.file_bytes),
    ):
        kind = getattr(resource, name, None)
        if kind is None or not most:
            continue
        hard = resource.getrlimit(kind)[1]
        if hard != resource.RLIM_INFINITY:
            most = min(most, hard)
        with suppress(OSError, ValueError):  # a system that knows the name and not the thing
            resource.setrlimit(kind, (most, most))
    with suppress(OSError, ValueError, AttributeError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
