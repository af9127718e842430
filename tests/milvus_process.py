"""Milvus Lite as a server: a process of its own, on a free port of this machine."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

_READY_WITHIN_S = 60.0
# It searches what is not on the disk yet row by row, which takes a second per 2,000 rows.
_EARLY_TO_DISK = {"MILVUS_LITE_MEMTABLE_MEMORY_LIMIT_BYTES": "100000"}


class MilvusProcess:
    """Serves the data in ``folder``; can be killed and started again on the same port.

    uri : as ``--store`` takes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self.uri = f"milvus://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "milvus_lite", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self._port), "--data-dir", str(self._folder / "data")]
        with (self._folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                env=os.environ | _EARLY_TO_DISK,
            )
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"no Milvus: {(self._folder / 'said').read_text()}")
            time.sleep(0.05)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
