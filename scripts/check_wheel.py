"""Checks that what is released holds everything that it must, and nothing else.

usage: python scripts/check_wheel.py WHEEL [SDIST] [WHEEL_FROM_SDIST]

The wheel: what partwise needs at run time, licences and notices; no tests, no training data. The
source distribution: what is needed to build, test and read it. The third is a wheel that was built
from the source distribution: it must be the same file.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path

MOST_WHEEL_MB = 40
MOST_SDIST_MB = 45

NEEDED = (
    "cli.py",
    "py.typed",
    "embedding/weights/partwise.onnx",
    "embedding/weights/partwise.json",
    "embedding/weights/masks.onnx",
    "embedding/weights/masks.json",
    "web/templates/base.html",
    "web/templates/find.html",
    "web/templates/library.html",
    "web/templates/map.html",
    "web/static/main.js",
    "web/static/map.js",
    "web/static/partwise.css",
    "web/static/vendor/htmx.LICENSE.txt",
    "web/static/vendor/htmx.min.js",
    "web/static/vendor/wavesurfer.LICENSE.txt",
    "web/static/vendor/wavesurfer.esm.js",
)
MANUAL_PAGE = "data/share/man/man1/partwise.1"
LICENCES = ("LICENSE", "NOTICE", "THIRD_PARTY.md")
# The ending of whatever is trained with, or left over from building and running.
UNWANTED = (".pyc", ".sf2", ".sf3", ".mid", ".safetensors", ".npz", ".flac", ".wav", ".csv")
# Voices and stems are recordings too; the demo's are the only ones that are ours to give.
RECORDINGS = (".opus", ".mp3", ".m4a", ".ogg", ".wma")
SDIST_NEEDED = (
    ".ci/run",
    "CHANGELOG.md",
    "CITATION.cff",
    "CONTRIBUTING.md",
    "LICENSE",
    "MODEL_CARD.md",
    "Makefile",
    "NOTICE",
    "PKG-INFO",
    "README.md",
    "THIRD_PARTY.md",
    "benchmarks/search.py",
    "constraints.txt",
    "docs/design.md",
    "mkdocs.yml",
    "pyproject.toml",
    "scripts/check_wheel.py",
    "src/partwise/cli.py",
    "src/partwise_lab/cli.py",
    "lab/pyproject.toml",
    "tests/conftest.py",
)


def wheel_problems(wheel: Path) -> list[str]:
    """What is wrong with a wheel, one sentence each; empty when nothing is."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        wanted = {f"partwise/{name}" for name in NEEDED}
        if "partwise/demo/groups.json" in names:
            pieces = json.loads(archive.read("partwise/demo/groups.json"))["pieces"]
            demo = {f"partwise/demo/audio/{piece['file']}" for piece in pieces}
        else:
            demo = {"partwise/demo/groups.json"}
        about = next((name for name in names if name.endswith(".dist-info/METADATA")), None)
        if about is None:
            return ["METADATA is missing"]
        info = about.removesuffix("/METADATA")
        manual_page = f"{info.removesuffix('.dist-info')}.data/{MANUAL_PAGE}"
        wanted |= demo | {f"{info}/licenses/{name}" for name in LICENCES} | {manual_page}
        found = [f"{name} is missing" for name in sorted(wanted - names)]
        found += metadata_problems(archive.read(about).decode())
    for name in sorted(names):
        stranger = name.split("/", 1)[0] not in ("partwise", info) and name != manual_page
        audio = name.endswith(RECORDINGS) and name not in demo
        if stranger or audio or name.endswith(UNWANTED) or "/tests/" in name:
            found.append(f"{name} does not belong in the wheel")
    return found + size_problems(wheel, MOST_WHEEL_MB)


def metadata_problems(text: str) -> list[str]:
    """What is wrong with a wheel's METADATA."""
    from partwise import __version__

    data = HeaderParser().parsestr(text)
    fields = ("Name", "Summary", "Keywords", "License-Expression", "Requires-Python", "Classifier")
    found = [f"METADATA has no {field}" for field in fields if not data[field]]
    if data["Version"] != __version__:
        found.append(f"METADATA has version {data['Version']}, the source {__version__}")
    if data["Description-Content-Type"] != "text/markdown" or not data.get_payload():
        found.append("METADATA does not hold the README")
    return found


def sdist_problems(sdist: Path) -> list[str]:
    """What is wrong with a source distribution."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    found = [f"{name} is missing" for name in SDIST_NEEDED if name not in names]
    for name in sorted(names):
        demo = name.startswith("src/partwise/demo/audio/")
        if name.endswith((*UNWANTED, *RECORDINGS)) and not demo:
            found.append(f"{name} does not belong in the source distribution")
    return found + size_problems(sdist, MOST_SDIST_MB)


def size_problems(path: Path, most_mb: int) -> list[str]:
    """A sentence where a file is larger than it may be."""
    megabytes = path.stat().st_size / 1e6
    return [f"{megabytes:.0f} MB, more than {most_mb} MB"] if megabytes > most_mb else []


def different(first: Path, second: Path) -> list[str]:
    """In what two wheels differ; nothing when they are one and the same file."""
    if digest(first.read_bytes()) == digest(second.read_bytes()):
        return []
    contents = []
    for wheel in (first, second):
        with zipfile.ZipFile(wheel) as archive:
            contents.append({name: digest(archive.read(name)) for name in archive.namelist()})
    here, there = contents
    names = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    return [f"{name} is not the same as from the source distribution" for name in names] or [
        "the archive is packed otherwise than from the source distribution"
    ]


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    if not 2 <= len(sys.argv) <= 4:
        sys.exit(__doc__)
    wheel, *rest = (Path(text) for text in sys.argv[1:])
    found = {wheel: wheel_problems(wheel)}
    if rest:
        found[rest[0]] = sdist_problems(rest[0])
    if len(rest) > 1:
        found[wheel] += different(wheel, rest[1])
    for path, sentences in found.items():
        for sentence in sentences:
            print(f"{path.name}: {sentence}", file=sys.stderr)
    if any(found.values()):
        sys.exit(1)
    for path in found:
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, everything is inside")
    if len(rest) > 1:
        print("the source distribution builds the same wheel")


if __name__ == "__main__":
    main()
