"""Hearing damaged files in child processes that may crash, hang or want all memory.

A child does what a worker of an indexing run does with a file (``library.hearing.hear``: hash,
decode, embed, tags) and what the page's server does later (cover, loudness of its wave).
"""

from __future__ import annotations

import json
import math
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from partwise.hearing.worker import Settings, hear

HEAR, COVER, WAVE = "hear", "cover", "wave"
MB = 1 << 20
# A reason is for people: no names of classes, no places in the program, one line.
_NO_SENTENCE = re.compile(
    r"[A-Za-z]+(Error|Exception|Interrupt)\b|Traceback|site-packages|\.py\b|0x"
)
_LONGEST_REASON = 300
# The limit of time is one of the processor's, as machines can be busy; what only waits gets more.
_WAITS = 10
_NO_MEMORY = ("not enough memory", "cannot allocate memory", "MemoryError", "bad_alloc")


class Kind(StrEnum):
    """What became of a file. The first three are as it should be."""

    WHOLE = "whole"
    NOTED = "noted"
    REFUSED = "refused"
    CRASH = "crash"
    HANG = "hang"
    MEMORY = "memory"
    EXCEPTION = "exception"
    ABSURD = "absurd"

    @property
    def is_fault(self) -> bool:
        return self not in (Kind.WHOLE, Kind.NOTED, Kind.REFUSED)


@dataclass(frozen=True)
class Verdict:
    """One file. text : the note, the reason, or what went wrong.

    audio_s : how long it was heard to be; cpu_s, wall_s : what that took; peak_mb : the child's
    memory above what it had before.
    """

    kind: Kind
    text: str = ""
    audio_s: float = 0.0
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0


def judge(answer: dict[str, Any], path: str, longest_s: float) -> Verdict:
    """What a child's answer amounts to. longest_s : a recording longer than this is absurd."""
    cost = Verdict(
        Kind.WHOLE,
        audio_s=answer["audio_s"],
        cpu_s=answer["cpu_s"],
        wall_s=answer["wall_s"],
        peak_mb=answer["peak_mb"],
    )
    said = [text for text in (answer["failure"], answer["wave_failure"]) if text]
    for text in [*answer["surprises"], *said]:
        if any(word in text for word in _NO_MEMORY):
            return replace(cost, kind=Kind.MEMORY, text=text)
    if answer["surprises"]:
        return replace(cost, kind=Kind.EXCEPTION, text="; ".join(answer["surprises"]))
    for text in [*said, *answer["notes"]]:
        if not is_sentence(text.replace(path, "")):
            return replace(cost, kind=Kind.EXCEPTION, text=text)
    if answer["absurd"] or answer["audio_s"] > longest_s:
        return replace(cost, kind=Kind.ABSURD, text=answer["absurd"] or "far too long")
    if answer["failure"]:
        return replace(cost, kind=Kind.REFUSED, text=answer["failure"])
    if answer["notes"]:
        return replace(cost, kind=Kind.NOTED, text="; ".join(answer["notes"]))
    return cost


def is_sentence(text: str) -> bool:
    """Whether a reason may stand in the ledger."""
    return bool(
        text.isprintable()
        and 0 < len(text) <= _LONGEST_REASON
        and not _NO_SENTENCE.search(text)
        and tempfile.gettempdir() not in text
    )


class Child:
    """A process that hears one file after the other, and its successors."""

    def __init__(self, model: Path, memory_mb: int, limit_s: float, longest_s: float) -> None:
        self._model = model
        self._memory_mb = memory_mb
        self._limit_s = limit_s
        self._longest_s = longest_s
        self._process: subprocess.Popen[str] | None = None

    def hear(self, path: Path) -> Verdict:
        process = self._process or self._start()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(_WAITS * self._limit_s, give_up)
        timer.start()
        step = HEAR
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(f"{path}\n")
            process.stdin.flush()
            while line := process.stdout.readline():
                answer = json.loads(line)
                if isinstance(answer, dict):
                    return judge(answer, str(path), self._longest_s)
                step = answer
        except (OSError, ValueError):
            pass
        finally:
            timer.cancel()
        status = self._end(process)
        if late.is_set() or status == -signal.SIGXCPU:
            return Verdict(Kind.HANG, f"{step}: more than {self._limit_s:g} s")
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return Verdict(Kind.CRASH, f"{step}: {name}")

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._end(self._process)

    def _end(self, process: subprocess.Popen[str]) -> int:
        status = process.wait()
        self._process = None
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):  # a path that it did not take
                if pipe is not None:
                    pipe.close()
        return status

    def _start(self) -> subprocess.Popen[str]:
        here = [str(Path(__file__).parent), *sys.path]
        self._process = subprocess.Popen(
            # It ends with its standard input. Not with the thread that starts it, which may be one
            # of a pool: that is what the system would take for its parent.
            [sys.executable, "-c", "from fuzz_child import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, here)),
                "OMP_NUM_THREADS": "1",
                "FUZZ_MODEL": str(self._model),
                "FUZZ_MEMORY_MB": str(self._memory_mb),
                "FUZZ_LIMIT_S": str(self._limit_s),
            },
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != '"ready"\n':
            raise RuntimeError("a child cannot start")
        return self._process


# --- in the child


def serve() -> None:
    """Hear the files whose paths come in, one a line; a line of JSON tells each step and result."""
    import time

    from partwise.embedding.encoder import load_encoder

    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not stand among the answers
    encoder = load_encoder(os.environ["FUZZ_MODEL"], threads=1)
    limit = _status_kb("VmSize") * 1024 + int(os.environ["FUZZ_MEMORY_MB"]) * MB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    print(json.dumps("ready"), file=answers)
    for line in sys.stdin:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        until_s = math.ceil(time.process_time() + float(os.environ["FUZZ_LIMIT_S"]))
        resource.setrlimit(resource.RLIMIT_CPU, (until_s, resource.RLIM_INFINITY))
        before_kb, cpu_s, wall_s = _status_kb("VmRSS"), time.process_time(), time.monotonic()
        answer = _hear_all(line.rstrip("\n"), encoder, lambda s: print(json.dumps(s), file=answers))
        answer["cpu_s"] = time.process_time() - cpu_s
        answer["wall_s"] = time.monotonic() - wall_s
        answer["peak_mb"] = (_status_kb("VmHWM") - before_kb) / 1024
        print(json.dumps(answer), file=answers)


def _hear_all(path: str, encoder: Any, tell: Any) -> dict[str, Any]:
    import numpy as np

    from partwise.audio.decode import DecodeError
    from partwise.library.media.covers import find_cover
    from partwise.library.media.peaks import measure

    surprises = []
    absurd = ""
    tell(HEAR)
    outcome = hear(path, encoder, Settings(None, 10.0, 5.0), lambda content: True)
    heard = outcome.embeddings
    if heard is not None:
        norms = np.linalg.norm(heard.embeddings, axis=2)
        unit = (np.abs(norms - 1) < 1e-3) | (norms == 0)
        if not (unit.all() and (np.abs(heard.presence - 0.5) <= 0.5).all()):
            absurd = "embeddings or presence are no unit vectors and probabilities"
    try:
        json.dumps(outcome.tags.__dict__).encode()
    except Exception as error:
        surprises.append(f"tags: {type(error).__name__}: {error}")
    tell(COVER)
    try:
        find_cover(Path(path), beside=False)
    except Exception as error:
        surprises.append(f"cover: {type(error).__name__}: {error}")
    tell(WAVE)
    wave_failure = None
    try:
        wave = measure(Path(path))
        if not np.isfinite([wave.rms_dbfs, wave.gain_db, *wave.points(800)]).all():
            absurd = "its wave is not finite"
    except DecodeError as error:
        wave_failure = error.reason
    except Exception as error:
        surprises.append(f"wave: {type(error).__name__}: {error}")
    return {
        "failure": outcome.failure,
        "wave_failure": wave_failure,
        "notes": list(heard.notes) if heard else [],
        "audio_s": heard.seconds if heard else 0.0,
        "surprises": surprises,
        "absurd": absurd,
    }


def _status_kb(field: str) -> int:
    """A line of /proc/self/status; 0 where there is none."""
    with suppress(OSError), open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    return 0
