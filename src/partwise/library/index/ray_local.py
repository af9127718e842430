"""A Ray of this machine alone, in a process of its own.

Ray forks when it starts, which a process with open tables and threads had better not do; and what
it starts must end with the run, even one that is killed: ``main`` ends when its standard input
does. It answers only who knows its token, which stays within this process and its children.
"""

from __future__ import annotations

import json
import logging
import secrets
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from typing import ClassVar

from partwise.hearing.worker_process import environment

# Results are written as they come; only what a busy disk keeps waiting lies in Ray's memory.
_STORE_BYTES = 256 << 20
_END_S = 15.0
# Ray gives its parts 30 s to start, which a busy machine needs for reading them from disk.
_STARTS = 3
# One for the whole process, since Ray reads it once.
_TOKEN = secrets.token_hex(32)
_PROGRAM = "from partwise.library.index.ray_local import main; main()"


class LocalRay:
    """Started with a number of CPUs. address : where it answers, ``host:port``.

    access : environment variables with which Ray must be imported and joined.

    Raises OSError with the last words of Ray when it does not start.
    """

    access: ClassVar = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": _TOKEN}

    def __init__(self, cpus: int) -> None:
        # Sockets lie in this folder, and the name of a socket must be short.
        self._folder = tempfile.mkdtemp(prefix="partwise-ray-", dir="/tmp")
        with tempfile.TemporaryFile() as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, json.dumps([cpus, self._folder])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env={**environment(), **self.access},
                start_new_session=True,  # Ctrl-C is for the run, which ends this in its own time
            )
            assert self._process.stdout is not None
            try:
                self.address = self._process.stdout.readline().decode().strip()
            except BaseException:
                self.end()
                raise
            if not self.address:
                self.end()
                complaints.seek(0)
                last = complaints.read().decode(errors="replace").strip().splitlines()[-1:]
                raise OSError(*last or ["it ended without a word"])

    def end(self) -> None:
        """End all of its processes, and remove what it wrote."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def main() -> None:
    """Start Ray, print its address, and end it when the standard input ends."""
    import ray

    cpus, folder = json.loads(sys.argv[1])
    try:
        for attempt in range(1, _STARTS + 1):
            try:
                _start(cpus, folder)
                break
            except Exception:
                ray.shutdown()
                if attempt == _STARTS:
                    raise
        print(ray.get_runtime_context().gcs_address, flush=True)
        sys.stdin.read()
        ray.shutdown()
    finally:  # also when who started this was killed
        shutil.rmtree(folder, ignore_errors=True)


def _start(cpus: int, folder: str) -> None:
    import ray

    ray.init(
        address="local",
        num_cpus=cpus,
        num_gpus=0,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=_STORE_BYTES,
        _temp_dir=folder,
    )
