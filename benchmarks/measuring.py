"""What the benchmarks of stores measure, and how: time, recall, memory, bytes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from made_up import row_numbers
from partwise.hearing.child import ended_with_parent
from partwise.library.stores.accuracy import WEIGHTINGS

TOP = 10
# A query is asked at least this often, however little time there is.
_FEWEST = 5

# query [parts, dim], weights [parts] -> Candidates
Ask = Callable[[np.ndarray, np.ndarray], Any]


def ask_all(
    ask: Ask, asked: Mapping[str, np.ndarray], truth: Mapping[str, np.ndarray], budget_s: float
) -> dict[str, dict[str, Any]]:
    """Latencies and recall by kind of weights.

    asked : from ``made_up.draw_queries``. truth : by kind, the numbers of the true best rows, int64
    [queries, TOP]. budget_s : after so long no further query of a kind is asked.
    """
    result = {}
    for name in WEIGHTINGS:
        latency_s, cpu_s, recalls = [], [], []
        began = time.perf_counter()
        for at, (query, weight) in enumerate(zip(asked["queries"], asked[name], strict=True)):
            if time.perf_counter() - began > budget_s and at >= _FEWEST:
                break
            before_s, before_cpu_s = time.perf_counter(), time.process_time()
            found = ask(query, weight)
            latency_s.append(time.perf_counter() - before_s)
            cpu_s.append(time.process_time() - before_cpu_s)
            recalls.append(recall(row_numbers(found.track_ids, found.start_s), truth[name][at]))
        result[name] = {
            "queries": len(latency_s),
            "recall_at_10": float(np.mean(recalls)),
            "median_ms": 1e3 * float(np.median(latency_s)),
            "p95_ms": 1e3 * float(np.percentile(latency_s, 95)),
            "cpu_ms": 1e3 * float(np.mean(cpu_s)),
        }
    return result


def recall(found: np.ndarray, best: np.ndarray) -> float:
    """Share of the true best rows that were found; -1 stands for none and is not counted."""
    wanted = best[best >= 0]
    return float(np.isin(wanted, found).mean()) if len(wanted) else 1.0


def memory_mb(line: str = "VmHWM:") -> float:
    """The most memory that this process ever held, or ``VmRSS:``, what it holds now."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: there a process starts with the peak of the one that started it.
        text = next(x for x in status.read_text().splitlines() if x.startswith(line))
        return int(text.split()[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def bytes_read() -> int:
    """Bytes that this process asked the system for, cached or not; 0 where nobody counts."""
    io = Path("/proc/self/io")
    return int(io.read_text().split("rchar:")[1].split()[0]) if io.exists() else 0


def size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def forget_cached(folder: Path) -> None:
    """Let the system drop what it holds of a folder's files, so that the next read is cold."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())  # what is not on the disk yet cannot be dropped
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def load_average() -> float:
    return round(os.getloadavg()[0], 1)


def child(script: str, *arguments: object) -> dict[str, Any]:
    """Run a step of a benchmark in a process of its own, so that its peak memory is its own."""
    command = [sys.executable, script, *map(str, arguments)]
    done = subprocess.run(ended_with_parent(command), stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)
