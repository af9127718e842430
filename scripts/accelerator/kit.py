"""What the kit is: a folder beside the code, what lies in it, and how large everything may be."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

KIT = Path(".accelerator")
# What may travel to the far machine (code and kit), and what may come back.
MOST_BYTES = 64 << 20
MOST_BYTES_BACK = 16 << 20
MOST_FILES_BACK = 8

# Names inside the kit. Each is made when it is not there: delete one to make it anew.
MIDI = "midi.tar.xz"
FLUIDSYNTH = "fluidsynth.tar.xz"
WHEELS = "wheels"
FONTS = {"train": "fonts-train", "test": "fonts-test"}
DRUMKITS = "drumkits.tar"
VOICES = "voices"


@dataclass(frozen=True)
class Row:
    """One line of the size table."""

    what: str
    bytes: int


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 when it does not exist."""
    if path.is_file():
        return path.stat().st_size
    return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())


def tree_files(repository: Path) -> list[Path]:
    """The files of the working tree that travel: tracked, and untracked but not ignored."""
    command = ["git", "-C", str(repository), "ls-files", "-z"]
    command += ["--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, check=True).stdout
    found = (repository / name.decode() for name in listed.split(b"\0") if name)
    return sorted({path for path in found if path.is_file()})


def rows(repository: Path, kit: Path) -> list[Row]:
    """What travels: the code, and each thing in the kit."""
    code = sum(path.stat().st_size for path in tree_files(repository))
    there = sorted(kit.iterdir()) if kit.is_dir() else []
    return [Row("code", code), *(Row(f"{kit.name}/{p.name}", size_of(p)) for p in there)]


def table(found: Iterable[Row], most: int = MOST_BYTES) -> str:
    """The sizes as text, their sum and what is left of `most`."""
    found = list(found)
    total = sum(row.bytes for row in found)
    lines = [f"{row.what:32} {row.bytes / 1e6:8.2f} MB" for row in found]
    left = most - total
    lines.append(f"{'together':32} {total / 1e6:8.2f} MB of {most / 1e6:.2f} MB")
    lines.append(
        f"{-left / 1e6:.2f} MB too much" if left < 0 else f"{left / 1e6:.2f} MB are left over"
    )
    return "\n".join(lines)


def fits(found: Iterable[Row], most: int = MOST_BYTES) -> bool:
    return sum(row.bytes for row in found) <= most
