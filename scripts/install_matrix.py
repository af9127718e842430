"""Installs a wheel with every Python and in every way that is to be had here, uses it, and prints.

usage: python scripts/install_matrix.py dist/partwise-*.whl [--python PATH]... [--way pip]...

Pythons: those given, else ``python3.11`` to ``python3.14`` on the PATH and what pyenv has. Ways:
pip into an empty environment, ``pipx install`` and ``uv tool install``; pipx and uv are installed
from the index into an environment of their own, which is thrown away. Nothing is taken from a
cache, so the time is that of a fresh machine on this network. Printed, as Markdown: how long each
took, how large the environment is, how long the first ``partwise demo`` took, what ``partwise
doctor`` says, and the largest packages.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
WAYS = ("pip", "pipx", "uv")
LARGEST = 10
# Folders that packages bring beside the one of their own name.
_BELONGS = {"_soundfile_data": "soundfile", "google": "protobuf"}


@dataclass(frozen=True)
class Tried:
    """One row. install_s, demo_s : seconds. demo : how often the demo's first answer was the same
    player. size_mb : of the environment, in 10^6 bytes.

    packages : size of each, in bytes. failed : what went wrong, or nothing.
    """

    python: str
    way: str
    install_s: float = 0.0
    size_mb: float = 0.0
    demo_s: float = 0.0
    demo: str = ""
    doctor: str = ""
    failed: str = ""
    packages: Counter[str] | None = None


class Failed(Exception):
    """A command that ended with an error; its last line says why."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--python", action="append", type=Path, metavar="PATH")
    parser.add_argument("--way", action="append", choices=WAYS)
    parser.add_argument("--extra", default="web", help="'' installs what the command line needs")
    asked = parser.parse_args()
    wheel = asked.wheel.resolve()
    what = f"partwise{f'[{asked.extra}]' if asked.extra else ''} @ {wheel.as_uri()}"
    rows = []
    with tempfile.TemporaryDirectory(prefix="partwise-matrix-") as work:
        ways = asked.way or WAYS
        tools = get_tools(Path(work) / "tools", [way for way in ways if way != "pip"])
        for python in asked.python or found_pythons():
            for way in ways:
                rows.append(try_one(python, way, what, tools, Path(work) / "tried"))
                print(row_of(rows[-1]), file=sys.stderr, flush=True)
    print(table(rows, wheel))


def found_pythons() -> list[Path]:
    """The newest of each version: on the PATH, or among pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = []
    for version in VERSIONS:
        candidates = sorted(pyenv.glob(f"{version}.*/bin/python"))[-1:]
        on_path = shutil.which(f"python{version}")
        # pyenv's shims are there for versions that are not chosen too, and then only complain.
        if on_path is not None and "shims" not in on_path:
            candidates.append(Path(on_path))
        found += candidates[:1]
    if not found:
        sys.exit(f"no Python {', '.join(VERSIONS)} was found: name one with --python")
    return found


def get_tools(folder: Path, names: Iterable[str]) -> Path:
    """Where pipx and uv are, in an environment of their own."""
    names = list(names)
    if names:
        run([sys.executable, "-m", "venv", folder])
        run([folder / "bin/python", "-m", "pip", "install", "--quiet", *names])
    return folder / "bin"


def try_one(python: Path, way: str, what: str, tools: Path, work: Path) -> Tried:
    """Install, measure and use it once, in an empty folder that is gone afterwards."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    version = "?"
    try:
        version = run([python, "-c", "import platform; print(platform.python_version())"]).strip()
        began = time.monotonic()
        environment = install(python, way, what, tools, work)
        install_s = time.monotonic() - began
        packages = sizes(environment)
        command = environment / "bin/partwise"
        library = work / "library"
        began = time.monotonic()
        said = run([command, "demo", "--library", library])
        demo_s = time.monotonic() - began
        right = re.search(r"same player: (\d+ of \d+)", said)
        doctor = subprocess.run(
            [command, "doctor", "--library", library], capture_output=True, text=True
        )
        amiss = [line.split()[1] for line in doctor.stdout.splitlines() if line.startswith("look")]
        return Tried(
            version,
            way,
            install_s,
            packages.total() / 1e6,
            demo_s,
            right[1] if right else "says nothing",
            "well" if doctor.returncode == 0 else f"looks at {', '.join(amiss) or 'nothing'}",
            packages=packages,
        )
    except Failed as error:
        return Tried(version, way, failed=str(error))


def install(python: Path, way: str, what: str, tools: Path, work: Path) -> Path:
    """Install in one of the ways; returns the environment that it is in."""
    if way == "pip":
        run([python, "-m", "venv", work / "env"])
        pip = [work / "env/bin/python", "-m", "pip", "install", "--quiet", "--no-cache-dir"]
        run([*pip, "-c", CONSTRAINTS, what])
        return work / "env"
    if way == "pipx":
        words = [tools / "pipx", "install", "--quiet", "--python", python]
        run(
            [*words, f"--pip-args=--no-cache-dir -c {CONSTRAINTS}", what],
            PIPX_HOME=work / "pipx",
            PIPX_BIN_DIR=work / "bin",
            PIPX_MAN_DIR=work / "man",
        )
        return work / "pipx/venvs/partwise"
    words = [tools / "uv", "tool", "install", "--quiet", "--no-cache", "--python", python]
    run(
        [*words, "--no-python-downloads", "-c", CONSTRAINTS, what],
        UV_TOOL_DIR=work / "uv",
        UV_TOOL_BIN_DIR=work / "bin",
        UV_LINK_MODE="copy",
    )
    return work / "uv/partwise"


def run(command: list, **variables: object) -> str:
    """What a command prints. Raises Failed with the last line of what went wrong."""
    kept = {
        name: text for name, text in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")
    }
    environment = kept | {name: str(value) for name, value in variables.items()}
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env=environment)
    if done.returncode:
        lines = (done.stderr + done.stdout).strip().splitlines() or ["no reason is given"]
        raise Failed(f"{Path(words[0]).name}: {lines[-1]}")
    return done.stdout


def sizes(environment: Path) -> Counter[str]:
    """Bytes of each package, and of the rest, in an environment; links count nothing."""
    packages: Counter[str] = Counter()
    for file in environment.rglob("*"):
        if file.is_symlink() or not file.is_file():
            continue
        inside = file.parts[len(environment.parts) :]
        name = "the environment"
        if "site-packages" in inside:
            name = inside[inside.index("site-packages") + 1]
            name = re.sub(r"(\.libs|-[^-]+\.dist-info|\.py|\..*\.so)$", "", name)
        packages[_BELONGS.get(name, name)] += file.stat().st_size
    return packages


def table(rows: list[Tried], wheel: Path) -> str:
    lines = [
        f"{wheel.name} ({wheel.stat().st_size / 1e6:.1f} MB) on {platform.system()}"
        f" {platform.machine()}, {os.cpu_count()} cores",
        "",
        "| Python | way | installed in | environment | demo: first answer right | doctor |",
        "|---|---|---|---|---|---|",
        *map(row_of, rows),
    ]
    measured = next((row for row in reversed(rows) if row.packages), None)
    if measured is not None and measured.packages is not None:
        largest = ", ".join(
            f"{name} {size / 1e6:.0f} MB" for name, size in measured.packages.most_common(LARGEST)
        )
        lines += ["", f"Largest, with Python {measured.python} by {measured.way}: {largest}."]
    return "\n".join(lines)


def row_of(row: Tried) -> str:
    if row.failed:
        return f"| {row.python} | {row.way} | {row.failed} | | | |"
    return (
        f"| {row.python} | {row.way} | {row.install_s:.0f} s | {row.size_mb:.0f} MB"
        f" | {row.demo}, {row.demo_s:.0f} s | {row.doctor} |"
    )


if __name__ == "__main__":
    main()
