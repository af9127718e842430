"""Steps that are run one after the other, over several calls that each end in time.

Each step is an ordinary command that can be interrupted (SIGINT) and run again. A state file says
which steps are done, so that every call goes on where the last one stopped, even if it was killed.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from partwise.hearing.child import ended_with_parent

POLL_S = 0.2
SHOW_EVERY_S = 30.0


@dataclass(frozen=True)
class Step:
    """One command of the plan.

    command : asked for when the step begins, since earlier steps may make what it names.
    minutes : after so long in all it is interrupted, and done: what it made until then is used.
    enough : asked while it runs; a reason to interrupt it likewise, or None.
    needs_s : asked before it is begun; with less time left in the call it is left to the next.
    """

    name: str
    command: Callable[[], Sequence[str]]
    minutes: float | None = None
    enough: Callable[[], str | None] = lambda: None
    needs_s: Callable[[], float] = lambda: 5.0


@dataclass
class Record:
    """What the state file holds of a step. state : waiting, unfinished, failed or done."""

    state: str = "waiting"
    seconds: float = 0.0
    calls: int = 0
    note: str = ""


class Plan:
    """Runs steps until `ends_at` (of time.monotonic); logs and state lie in `folder`.

    grace_s : how long an interrupted command may take to save what it has; after that it is killed.
    """

    def __init__(
        self, steps: Sequence[Step], folder: Path, ends_at: float, grace_s: float = 20.0
    ) -> None:
        self.steps, self.folder = steps, folder
        self._ends_at, self._grace_s = ends_at, grace_s
        self._state = folder / "state.json"
        known = json.loads(self._state.read_text()) if self._state.exists() else {}
        self.records = {step.name: Record(**known.get(step.name, {})) for step in steps}
        (folder / "logs").mkdir(parents=True, exist_ok=True)

    @property
    def done(self) -> bool:
        return all(record.state == "done" for record in self.records.values())

    def stop(self, *_: object) -> None:
        """End the call as soon as the running command has saved; also a signal handler."""
        self._ends_at = min(self._ends_at, time.monotonic())

    def run(self) -> bool:
        """Run what is not done yet, as far as time goes; False when a step failed."""
        for step in self.steps:
            record = self.records[step.name]
            if record.state == "done":
                continue
            if self._ends_at - time.monotonic() < step.needs_s():
                break
            self._run(step, record)
            if record.state != "done":
                return record.state != "failed"
        return True

    def table(self) -> str:
        lines = [f"{'step':14} {'state':10} {'seconds':>8} {'calls':>5}"]
        for name, record in self.records.items():
            line = f"{name:14} {record.state:10} {record.seconds:8.0f} {record.calls:5}"
            lines.append(f"{line}  {record.note}".rstrip())
        return "\n".join(lines)

    def _run(self, step: Step, record: Record) -> None:
        log = self.folder / "logs" / f"{step.name}.log"
        began, before_s = time.monotonic(), record.seconds
        record.state, record.note, record.calls = "unfinished", "", record.calls + 1
        self._save()
        command = list(step.command())
        print(f"== {step.name}: {shlex.join(command)}", flush=True)
        shown = began
        why: str | None = None
        with log.open("ab") as file:
            child = subprocess.Popen(
                ended_with_parent(command), stdout=file, stderr=file, start_new_session=True
            )
            while child.poll() is None:
                time.sleep(POLL_S)
                now = time.monotonic()
                record.seconds = round(before_s + now - began, 1)
                used_up = step.minutes is not None and record.seconds >= step.minutes * 60
                why = "its minutes are used" if used_up else step.enough()
                if why or now >= self._ends_at:
                    self._interrupt(child)
                    break
                if now - shown >= SHOW_EVERY_S:
                    shown = now
                    self._save()
                    print(f"{step.name}: {_last_line(log)}", flush=True)
        record.seconds = round(before_s + time.monotonic() - began, 1)
        if child.returncode == 0 or why:
            record.state, record.note = "done", why or ""
        elif time.monotonic() < self._ends_at:
            record.state = "failed"
            record.note = _last_line(log) or f"exit code {child.returncode}"
        self._save()
        print(f"{step.name}: {record.state} after {record.seconds:.0f} s, {_last_line(log)}")

    def _interrupt(self, child: subprocess.Popen) -> None:
        # Only the command itself is told: it winds its own workers up.
        child.send_signal(signal.SIGINT)
        try:
            child.wait(self._grace_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()

    def _save(self) -> None:
        partial = self._state.with_suffix(".partial")
        partial.write_text(json.dumps({n: asdict(r) for n, r in self.records.items()}, indent=1))
        os.replace(partial, self._state)


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1][:160] if lines else ""
