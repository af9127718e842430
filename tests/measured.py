"""Run code in a process of its own, to see what it prints and how much memory it takes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

# Not getrusage: its peak includes what the process was before it became this one, that is, pytest.
_PEAK = (
    "\nwith open('/proc/self/status') as status:\n"
    "    print(next(line for line in status if line.startswith('VmHWM:')).split()[1])\n"
)


def run_measured(code: str, *arguments: str | Path) -> tuple[str, float]:
    """Run Python ``code`` (``sys`` is imported); what it printed, and its peak memory in bytes.

    Fails if anything at all is written to stderr. Skips where there is no /proc.
    """
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is only read from /proc")
    command = [sys.executable, "-c", f"import sys\n{code}{_PEAK}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    output, _, peak_kib = done.stdout.strip().rpartition("\n")
    return output, float(peak_kib) * 1024
