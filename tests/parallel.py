"""How the tests share the processes of pytest-xdist (``make test``): a file is never split.

Fixtures of a module are made once that way. The tests of the page stay together as well: they have
one browser and one served library, and are timed, so that no two of them should run at once.
"""

from __future__ import annotations

import os
import signal
from typing import Any

BROWSER = "tests/browser/"
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def group(test: str) -> str:
    """What runs in one process, in order. test : a node id of pytest."""
    return BROWSER if test.startswith(BROWSER) else test.split("::", 1)[0]


def scheduler(config: Any, log: Any) -> Any:
    """pytest-xdist's sharing of files, by ``group``; None where another way was asked for."""
    from xdist.scheduler import LoadFileScheduling

    class ByGroup(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

    return ByGroup(config, log) if config.getoption("dist") == "loadfile" else None


def set_up_process() -> None:
    """As every test expects its process, however pytest was started. Call it before numpy loads.

    A shell lets its background jobs ignore SIGINT, and they pass that on to what they start.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if "PYTEST_XDIST_WORKER" in os.environ:  # as many processes as cores: one thread each
        for name in _ONE_THREAD:
            os.environ.setdefault(name, "1")
