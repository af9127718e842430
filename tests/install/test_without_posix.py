"""What a listener does works in processes that have nothing of POSIX that Windows lacks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from demo_music import demo_music

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1] / "src"


def run(log: Path, *words: object) -> str:
    path = os.pathsep.join([str(HERE / "without_posix"), str(SOURCE)])
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        env={**os.environ, "PYTHONPATH": path, "WITHOUT_POSIX_LOG": str(log)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("how", ["import {0}", "import importlib; importlib.import_module({0!r})"])
@pytest.mark.parametrize("name", ["fcntl", "resource", "pwd", "grp", "termios"])
def test_only_partwise_cannot_import_what_is_absent(how: str, name: str, tmp_path: Path) -> None:
    code = how.format(name)
    program = f"""
import os
exec({code!r}, {{"__name__": "portalocker.portalocker"}})
try:
    exec({code!r}, {{"__name__": "partwise.library"}})
except ModuleNotFoundError as error:
    print(error.name, hasattr(os, "fork"))
"""
    assert run(tmp_path / "log", "-c", program) == f"{name} False\n"


def test_hearing_and_asking_work_without_what_is_absent(tmp_path: Path, tiny_model: Path) -> None:
    log, library = tmp_path / "log", tmp_path / "library"
    music = tmp_path / "music"
    songs = demo_music(music, 3)
    run(log, "-m", "partwise", "index", music, "--library", library, "--model", tiny_model)
    said = run(log, "-m", "partwise", "status", "--library", library)
    assert f"{len(songs)} tracks" in said
    lines = log.read_text().splitlines()
    # The processes that hear are children of the command, and as poor as it is.
    assert len({line.split()[0] for line in lines if line.endswith(" began")}) >= 3
