"""What the cases of field.py share: how one is written, what it is given, how it is judged.

A case is one function. A plain one does all by itself. A generator puts files into its kind's
shelf and yields; when all of its kind have, the shelf is indexed once and served, and each goes on
to judge what became of its own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PARTWISE = (sys.executable, "-m", "partwise")


class Mark(StrEnum):
    PASS = "pass"
    WEAK = "weak"
    FAIL = "fail"
    NOT_RUN = "not run"


@dataclass(frozen=True)
class Outcome:
    """came : what the user got, in words."""

    mark: Mark
    came: str


class NotRun(Exception):
    """What a case needs is not on this machine; its text says what."""


Judging = Generator[None, None, Outcome]


@dataclass(frozen=True)
class Case:
    """source : where people reported the like of it. expected : what a user may expect."""

    kind: str
    source: str
    title: str
    expected: str
    function: Callable[[Place], Outcome | Judging]


CASES: list[Case] = []


def case(
    source: str, title: str, expected: str
) -> Callable[[Callable[[Place], Outcome | Judging]], Callable[[Place], Outcome | Judging]]:
    """Adds a function to ``CASES``; its kind is the name of its module."""

    def add(function: Callable[[Place], Outcome | Judging]) -> Any:
        kind = function.__module__.removeprefix("field_")
        CASES.append(Case(kind, source, title, expected, function))
        return function

    return add


def judged(checks: Mapping[str, bool | str], weak: tuple[str, ...] = ()) -> Outcome:
    """Pass where every check is True.

    checks : by what was tried, True, or False or what came instead. weak : those whose failure
    alone is weak.
    """
    wrong = {name: came for name, came in checks.items() if came is not True}
    if not wrong:
        return Outcome(Mark.PASS, "as expected" if len(checks) == 1 else f"{len(checks)} of them")
    mark = Mark.WEAK if set(wrong) <= set(weak) else Mark.FAIL
    said = [f"{name}: {came}" if came else name for name, came in wrong.items()]
    return Outcome(mark, f"{len(wrong)} of {len(checks)} not: {'; '.join(said)[:600]}")


@dataclass(frozen=True)
class Ran:
    """A command that has ended. peak_mb : the most memory of it, and of each process of it."""

    code: int
    out: str
    err: str
    peak_mb: float = 0.0

    @property
    def said(self) -> str:
        return self.out + self.err

    @property
    def is_sentence(self) -> bool:
        """Whether it ended with one sentence about a mistake, whatever progress it told before."""
        lines = [line for line in self.err.splitlines() if line.strip() and " files, " not in line]
        return self.code == 2 and "Traceback" not in self.err and 0 < len(lines) <= 4

    @property
    def short(self) -> str:
        """What to say of it where it should have been something else."""
        lines = [line.strip() for line in self.said.splitlines() if line.strip()]
        return f"exit {self.code}, {lines[-1][:160] if lines else 'nothing said'}"


@dataclass
class Place:
    """Where a case works: a folder of its own, a fresh home, and its kind's shelf.

    shelf : folder of what is indexed together; library : of it. ran : the indexing of it.
    url : of its server, while the case goes on.
    """

    folder: Path
    shelf: Path
    library: Path
    ran: Ran | None = None
    url: str = ""
    shared: dict[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LC_ALL": "C.UTF-8",
        }

    def partwise(self, *arguments: str | Path, **options: Any) -> Ran:
        """``partwise ARGUMENTS`` in a process of its own; options : of ``run``."""
        return self.run(*PARTWISE, *arguments, **options)

    def run(
        self,
        *command: str | Path,
        env: Mapping[str, str | None] | None = None,
        out: int | Any = subprocess.PIPE,
        timeout_s: float = 120.0,
        **options: Any,
    ) -> Ran:
        """Run a command to its end. env : changes; None takes a name away."""
        changed = {**self.environment, **(env or {})}
        process: subprocess.Popen[Any] = subprocess.Popen(
            [str(word) for word in command],
            env={name: value for name, value in changed.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.PIPE,
            cwd=options.pop("cwd", self.folder),
            **options,
        )
        try:
            said, complained = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            return Ran(-1, "", f"did not end within {timeout_s:g} s")
        return Ran(process.returncode, _text(said), _text(complained))

    def index(self, *arguments: str | Path, **options: Any) -> Ran:
        """``partwise index ARGUMENTS`` into the case's own library, ``folder/library``."""
        return self.partwise("index", *arguments, "--library", self.own, "--jobs", "1", **options)

    @property
    def own(self) -> Path:
        return self.folder / "library"

    # --- of the shelf, once it is indexed

    def ask(self, address: str, body: Any = None, **headers: str) -> Any:
        """JSON of the shelf's server."""
        status, _, said = fetch(self.url + address, body, headers)
        if status >= 400:
            raise ValueError(f"{address}: {status} {said[:200]!r}")
        return json.loads(said)

    @cached_property
    def tracks(self) -> dict[str, dict[str, Any]]:
        """Tracks of the shelf by the names of their files."""
        found = self.ask("/api/v1/tracks?limit=500")["tracks"]
        return {Path(path).name: track for track in found for path in track["paths"]}

    @cached_property
    def failures(self) -> dict[str, str]:
        """Reasons of the shelf's failed files by their names."""
        failed = self.ask("/api/v1/failures")["failures"]
        return {Path(row["path"]).name: row["reason"] or "" for row in failed}

    def fate(self, name: str) -> str:
        """In words, what became of a file that should have been heard."""
        if name in self.tracks:
            return f"heard, {self.tracks[name]['duration_s']:.1f} s"
        return self.failures.get(name, "skipped")

    def alike(self, name: str, original: str) -> float:
        """How alike two files of the shelf sound: the mean cosine of the original's parts."""
        if name not in self.tracks:
            return 0.0
        first, second = self._embedding(original), self._embedding(name)
        cosines = [float(first[part] @ second[part]) for part in first if first[part].any()]
        return float(np.mean(cosines))

    def _embedding(self, name: str) -> dict[str, np.ndarray]:
        known = self.shared.setdefault("embeddings", {})
        if name not in known:
            answer = self.ask("/api/v1/embed", {"song_id": self.tracks[name]["track_id"]})
            known[name] = {part: np.array(row) for part, row in answer["embedding"].items()}
        return known[name]

    def heard(
        self, name: str, original: str, seconds: float | None = None, least: float = 0.95
    ) -> bool | str:
        """Whether a file is heard as its original: as long, and as alike; else what came."""
        if name not in self.tracks:
            return self.fate(name)
        long_s = self.tracks[name]["duration_s"]
        if seconds is not None and abs(long_s - seconds) > 0.6:
            return f"{long_s:.1f} of {seconds:g} s"
        score = self.alike(name, original)
        return score >= least or f"alike {score:.2f}"


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")


# --- programs and servers


def need(program: str, package: str | None = None) -> str:
    """The path of a program. Raises NotRun where it is not installed."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if found is None:
        raise NotRun(f"no {program} here (apt-get install {package or program})")
    return found


def ffmpeg(*arguments: str | Path) -> None:
    """Raises NotRun where ffmpeg is missing, or cannot do it as it was built."""
    command = [need("ffmpeg"), "-v", "error", "-y", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise NotRun(f"ffmpeg here: {done.stderr.strip().splitlines()[-1][:120]}")


def fetch(
    url: str, body: Any = None, headers: Mapping[str, str] | None = None, method: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """(status, headers in lower case, body) of an address, without a proxy.

    body : bytes as they are, anything else as JSON.
    """
    sent = dict(headers or {})
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
        sent.setdefault("Content-Type", "application/json")
    asked = urllib.request.Request(url, body, sent, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay())
    try:
        answer = opener.open(asked, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        names = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status or 0, names, answer.read()


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **options: Any) -> None:
        return None


@contextmanager
def serving(place: Place, library: Path, *options: str) -> Iterator[tuple[str, list[str]]]:
    """``partwise serve`` on a free port: its address on this machine, and what it printed."""
    command = [*PARTWISE, "serve", "--library", str(library), "--port", "0", *options]
    with (place.folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=place.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        assert process.stdout is not None
        try:
            printed = [process.stdout.readline(), process.stdout.readline()]
            found = re.search(r"http://(\S+?):(\d+)(/\S*)", printed[1])
            if found is None:
                said = (place.folder / "server.log").read_text()
                raise ValueError(f"serve printed {printed}: {said}")
            if "::" in options or "0.0.0.0" in options:
                printed.append(process.stdout.readline())
            host = "[::1]" if "::1" in options else "127.0.0.1"
            place.shared["server"] = process
            yield f"http://{host}:{found[2]}", printed
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()
