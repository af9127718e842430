"""partwise as a user starts it: a process that serves, on a free port of this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_READY_WITHIN_S = 60.0


@contextmanager
def served(*arguments: str | Path, ready: str, package: str = "partwise") -> Iterator[str]:
    """Run ``partwise ARGUMENTS --port N`` until the block ends; gives ``http://127.0.0.1:N``.

    ready : the path that answers with 200 once it serves. package : whose command it is.
    """
    port = _free_port()
    command = [sys.executable, "-m", package, *map(str, arguments), "--port", str(port)]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT
        )
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + _READY_WITHIN_S
            while not _answers(url + ready):
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    raise AssertionError(f"{' '.join(command)} does not serve: {said.read()}")
                time.sleep(0.05)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
