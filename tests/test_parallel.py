"""How the tests share processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from parallel import group


def test_a_file_stays_together_and_so_do_the_tests_of_the_page() -> None:
    assert group("tests/web/test_api.py::test_a") == group("tests/web/test_api.py::test_b[x::y]")
    assert group("tests/web/test_api.py::test_a") != group("tests/web/test_jobs.py::test_a")
    assert group("tests/browser/test_find.py::test_a") == group("tests/browser/test_map.py::test_b")


def test_an_interrupt_is_heard_also_where_a_shell_had_it_ignored() -> None:
    code = (
        "import os, signal; signal.signal(signal.SIGINT, signal.SIG_IGN);"
        "from parallel import set_up_process; set_up_process(); os.kill(os.getpid(), 2)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGINT, done.stderr
    assert "KeyboardInterrupt" in done.stderr
