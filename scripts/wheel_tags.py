"""For which systems and Pythons the package index has wheels of what partwise runs with.

usage: python scripts/wheel_tags.py [--extra web]

Run it where partwise is installed. The packages are those that partwise needs, the versions those
of constraints.txt. One that is pure Python runs anywhere and is not asked about; for each of the
others pip's index is asked once, and its files' names tell. Printed as Markdown: for each system
the Pythons that have a wheel, and the oldest system that takes one.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.tags import Tag, compatible_tags, cpython_tags, mac_platforms
from packaging.utils import (
    InvalidWheelFilename,
    NormalizedName,
    canonicalize_name,
    parse_wheel_filename,
)

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))
# As packages' conditions call systems.
_MARKERS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    "darwin": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    "win32": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
}
_NEWEST_GLIBC = 36  # 2.36, of Debian 12
_NEWEST_MACOS = (15, 0)


def linux_platforms(processor: str) -> list[str]:
    versions = [f"manylinux_2_{minor}_{processor}" for minor in range(_NEWEST_GLIBC, 4, -1)]
    return [*versions, f"manylinux2014_{processor}", f"manylinux2010_{processor}"]


SYSTEMS = {
    "Linux x86_64": linux_platforms("x86_64"),
    "Linux aarch64": linux_platforms("aarch64"),
    "macOS arm64": list(mac_platforms(_NEWEST_MACOS, "arm64")),
    "macOS x86_64": list(mac_platforms(_NEWEST_MACOS, "x86_64")),
    "Windows x64": ["win_amd64"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--extra", default="web")
    extra = parser.parse_args().extra
    pinned = dict(
        line.lower().split("==")
        for line in CONSTRAINTS.read_text().splitlines()
        if "==" in line and line[0] != "#"
    )
    pinned = {canonicalize_name(name): version for name, version in pinned.items()}
    names = sorted(needed("partwise", {extra, ""}))
    pure = [name for name in names if is_pure(name)]
    print(f"| package | {' | '.join(SYSTEMS)} |")
    print(f"|---|{'---|' * len(SYSTEMS)}")
    for name in names:
        if name in pure:
            continue
        version = pinned.get(name) or sys.exit(f"{name} is not in {CONSTRAINTS.name}")
        files = list(wheels(name, version))
        cells = [cell(files, platforms) for platforms in SYSTEMS.values()]
        print(f"| {name} {version} | {' | '.join(cells)} |", flush=True)
    print(f"\nPure Python, so for every system: {', '.join(pure)}.")


def needed(name: str, extras: set[str]) -> set[NormalizedName]:
    """Everything that a package needs on any of the systems and Pythons, by canonical names."""
    found: set[NormalizedName] = set()
    gather(name, extras, found)
    return found


def gather(name: str, extras: set[str], found: set[NormalizedName]) -> None:
    """Add what a package needs to what was found."""
    try:
        requirements = distribution(name).requires or []
    except PackageNotFoundError:  # of another system than this one
        return
    for text in requirements:
        one = Requirement(text)
        if not applies(one, extras):
            continue
        key = canonicalize_name(one.name)
        if key not in found or one.extras:
            found.add(key)
            gather(key, {*one.extras, ""}, found)


def applies(one: Requirement, extras: set[str]) -> bool:
    """Whether a condition holds on any of the systems, with any of the Pythons."""
    if one.marker is None:
        return True
    return any(
        one.marker.evaluate(
            {
                **system,
                "extra": extra,
                "python_version": f"{major}.{minor}",
                "python_full_version": f"{major}.{minor}.0",
            }
        )
        for extra in extras
        for system in _MARKERS.values()
        for major, minor in PYTHONS
    )


def is_pure(name: str) -> bool:
    """Whether what is installed here is a wheel for any system; False where none is installed."""
    try:
        text = distribution(name).read_text("WHEEL") or ""
    except PackageNotFoundError:
        return False
    tags = re.findall(r"^Tag: (\S+)", text, re.MULTILINE)
    return bool(tags) and all(tag.endswith("-none-any") for tag in tags)


def wheels(name: str, version: str) -> Iterator[frozenset[Tag]]:
    """The tags of each wheel of a version in pip's index."""
    request = urllib.request.Request(
        f"{index_address().rstrip('/')}/{name}/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        files = json.load(answer)["files"]
    for file in files:
        try:
            _, found, _, tags = parse_wheel_filename(file["filename"])
        except InvalidWheelFilename:
            continue
        if str(found) == version and not file.get("yanked"):
            yield tags


def index_address() -> str:
    """Of the index that pip is set up with, else its own default."""
    if chosen := os.environ.get("PIP_INDEX_URL"):
        return chosen
    pip = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    asked = subprocess.run(pip, capture_output=True, text=True)
    if asked.returncode == 0:
        return asked.stdout.strip()
    from pip._internal.models.index import PyPI

    return PyPI.simple_url


def cell(files: list[frozenset[Tag]], platforms: list[str]) -> str:
    """The Pythons that one of the wheels fits on a system, and the oldest such system."""
    fitting = {python: set(platforms_of(files, python, platforms)) for python in PYTHONS}
    lacking = [f"{major}.{minor}" for (major, minor), found in fitting.items() if not found]
    if len(lacking) == len(PYTHONS):
        return "**none**"
    oldest = min(set.union(*fitting.values()), key=age)
    words = [f"all but {', '.join(lacking)}" if lacking else "all", since_when(oldest)]
    return ", ".join(filter(None, words))


def platforms_of(
    files: list[frozenset[Tag]], python: tuple[int, int], platforms: list[str]
) -> Iterator[str]:
    """The platform of every tag that a Python on a system takes."""
    interpreter = f"cp{python[0]}{python[1]}"
    fit = {
        *cpython_tags(python, [interpreter], platforms),
        *compatible_tags(python, interpreter, platforms),
    }
    return (tag.platform for tags in files for tag in tags if tag in fit)


def age(platform: str) -> tuple[int, ...]:
    """The version of glibc or macOS in a platform's name; nothing where it has none."""
    for old, new in {"manylinux2014": "manylinux_2_17", "manylinux2010": "manylinux_2_12"}.items():
        platform = platform.replace(old, new)
    version = re.match(r"(?:manylinux|macosx)_(\d+)_(\d+)_", platform)
    return () if version is None else (int(version[1]), int(version[2]))


def since_when(platform: str) -> str:
    """The oldest system that takes a wheel, in words; nothing where that is not told."""
    version = ".".join(map(str, age(platform)))
    if platform.startswith("manylinux"):
        return f"glibc {version}"
    return f"macOS {version}" if platform.startswith("macosx") else ""


if __name__ == "__main__":
    main()
