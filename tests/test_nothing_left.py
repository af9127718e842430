"""No command leaves a process behind, however it is ended: its children are real or stand-ins, and
wait for ever at the moment of the end."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from partwise.hearing.child import environment
from partwise.library.library import Library
from recordings import record

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs Linux")
ROOT = Path(__file__).resolve().parents[1]
_MARK = "PARTWISE_TEST_OF_PROCESSES"
# In every Python: hearing a file named so takes for ever.
_PYTHON = f"""
import os, pathlib, time
from partwise.embedding.encoder import Encoder

heard = Encoder.embed_file

def embed_file(self, path, *args, **kwargs):
    if "waits" in os.path.basename(path) or "upload" in str(path):
        pathlib.Path(os.environ["{_MARK}"], str(os.getpid())).touch()
        time.sleep(600)
    return heard(self, path, *args, **kwargs)

Encoder.embed_file = embed_file
"""
_PROGRAM = f"""#!/bin/sh
touch "${_MARK}/$$"
exec sleep 600
"""


_BENCHMARK = f"""
import os, pathlib, time
pathlib.Path(os.environ["{_MARK}"], "benchmark").touch()
time.sleep(600)
"""


class Started:
    """A command, and all that descends from it, known by a variable that they inherit."""

    def __init__(self, folder: Path, *command: str | Path, **more: str) -> None:
        self.waiting = folder / "waiting"
        self.waiting.mkdir()
        programs = folder / "programs"
        (programs / "lib" / "stdlib").mkdir(parents=True)
        (programs / "lib" / "stdlib" / "swing.mma").write_text("Time 4\nDefGroove Swing\n")
        for name in ("espeak-ng", "mma"):
            (programs / name).write_text(_PROGRAM)
            (programs / name).chmod(0o755)
        (programs / "sitecustomize.py").write_text(_PYTHON)
        env = {**environment(), **more, _MARK: str(self.waiting), "MMA_HOME": str(programs)}
        env["PYTHONPATH"] = f"{programs}:{ROOT / 'benchmarks'}:{env['PYTHONPATH']}"
        env["PATH"] = f"{programs}:{env['PATH']}"
        self.process = subprocess.Popen(
            [sys.executable, *command], env=env, stdout=subprocess.PIPE, text=True
        )

    def running(self) -> set[int]:
        """The processes that are there, but for those that nobody has waited for yet."""
        found, mark = set(), f"{_MARK}={self.waiting}".encode()
        for path in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark in path.read_bytes().split(b"\0"):
                    found.add(int(path.parent.name))
        return found

    def until(self, what, seconds: float = 90.0) -> bool:
        ends_s = time.monotonic() + seconds
        while not what() and time.monotonic() < ends_s:
            time.sleep(0.05)
        return bool(what())


@pytest.fixture
def started(request: pytest.FixtureRequest, tmp_path: Path, tiny_model: Path) -> Iterator[Started]:
    """The command of that name, in the middle of its work."""
    song = record(tmp_path / "music" / "waits.wav", 1)
    library, model = tmp_path / "library", {"PARTWISE_MODEL": str(tiny_model)}
    name: str = request.param
    if name not in ("index", "serve") and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    if name == "serve":
        record(tmp_path / "other" / "a.wav", 2)
        Library(library).index(tmp_path / "other", jobs=1, model=tiny_model)
    words: dict[str, list[str | Path]] = {
        "index": ["-m", "partwise", "index", tmp_path / "music", "--library", library],
        "serve": ["-m", "partwise", "serve", "--port", "0", "--library", library],
        "voices": ["-m", "partwise_lab", "voices", "--out", tmp_path / "out", "--jobs", "2"],
        "arrange": ["-m", "partwise_lab", "arrange", "--out", tmp_path / "out", "--jobs", "2"],
        "benchmark": ["-c", f"import measuring; measuring.child('-c', {_BENCHMARK!r})"],
    }
    run = Started(tmp_path, *words[name], **model)
    try:
        if name == "serve":
            upload(run, song)
        assert run.until(lambda: any(run.waiting.iterdir()))
        yield run
    finally:
        for number in run.running():
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        run.process.communicate()


def upload(run: Started, song: Path) -> None:
    """Begin to have a song heard, and do not wait for it."""
    assert run.process.stdout is not None
    lines = iter(run.process.stdout.readline, "")
    address = next(found[1] for line in lines if (found := re.match(r"open (\S+)", line)))
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="waits.wav"\r\n\r\n'
    body += song.read_bytes() + b"\r\n--b--\r\n"
    asked = urllib.request.Request(
        f"{address}api/v1/uploads", body, {"Content-Type": "multipart/form-data; boundary=b"}
    )
    with suppress(TimeoutError):
        urllib.request.urlopen(asked, timeout=5)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL"])
@pytest.mark.parametrize(
    "started", ["index", "serve", "voices", "arrange", "benchmark"], indirect=True
)
def test_a_command_leaves_nothing_behind(started: Started, name: str) -> None:
    assert len(started.running()) > 1
    started.process.send_signal(getattr(signal, name))
    started.process.wait(60)
    assert started.until(lambda: not started.running(), 20), "still running"


def parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text("utf-8"))
    except SystemError:  # python/cpython#106905: something else was collected in between
        return ast.parse(path.read_text("utf-8"))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def test_every_pool_ends_with_its_parent() -> None:
    pools = [
        (path.relative_to(ROOT), {word.arg: ast.unparse(word.value) for word in call.keywords})
        for folder in ("src", "scripts", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
        for function, call in calls(path)
        if function.endswith("ProcessPoolExecutor")
    ]
    assert len(pools) >= 2
    assert [path for path, words in pools if words.get("initializer") != "end_with_parent"] == []


def test_every_program_ends_with_who_runs_it() -> None:
    # These end at the end of their standard input, which their parent holds open.
    by_pipe = {"hearing/child.py", "index/ray_cluster.py"}
    started = [
        ("/".join(path.parts[-2:]), ast.unparse(call.args[0]))
        for path in (ROOT / "src").rglob("*.py")
        for function, call in calls(path)
        if function in ("subprocess.run", "subprocess.Popen", "subprocess.check_output")
    ]
    assert by_pipe <= {path for path, _ in started}
    loose = [one for one in started if not one[1].startswith("ended_with_parent(")]
    assert {path for path, _ in loose} == by_pipe
