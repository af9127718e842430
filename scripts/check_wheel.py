"""Checks that a wheel holds everything that partwise needs at run time, and nothing else.

usage: python scripts/check_wheel.py dist/partwise-0.1.0-py3-none-any.whl
"""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path

MOST_MEGABYTES = 40


def problems(wheel: Path) -> list[str]:
    """What is wrong with ``wheel``, one sentence each; empty when nothing is."""
    found: list[str] = []
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

        def need(name: str) -> bool:
            if name not in names:
                found.append(f"{name} is missing")
            return name in names

        need("partwise/cli.py")
        need("partwise/embedding/weights/partwise.onnx")
        need("partwise/embedding/weights/partwise.json")
        need("partwise/evaluation/html/templates/page.html")
        need("partwise/evaluation/html/templates/style.css")
        for name in ("base", "find", "library", "map"):
            need(f"partwise/web/templates/{name}.html")
        for name in ("main.js", "map.js", "partwise.css", "vendor/htmx.LICENSE.txt"):
            need(f"partwise/web/static/{name}")
        for name in ("vendor/wavesurfer.esm.js", "vendor/wavesurfer.LICENSE.txt"):
            need(f"partwise/web/static/{name}")
        need("partwise/listening/templates/question.html")
        need("partwise/listening/static/listen.js")
        if need("partwise/demo/groups.json"):
            groups = json.loads(archive.read("partwise/demo/groups.json"))
            for piece in groups["pieces"]:
                need(f"partwise/demo/audio/{piece['file']}")
        for name in sorted(names):
            top = name.split("/", 1)[0]
            if top != "partwise" and not top.endswith(".dist-info"):
                found.append(f"{name} does not belong in the wheel")
            if name.endswith((".pyc", ".sf2", ".mid", ".safetensors")):
                found.append(f"{name} does not belong in the wheel")
    megabytes = wheel.stat().st_size / 1e6
    if megabytes > MOST_MEGABYTES:
        found.append(f"the wheel is {megabytes:.0f} MB, more than {MOST_MEGABYTES} MB")
    return found


def main() -> None:
    wheel = Path(sys.argv[1])
    found = problems(wheel)
    for problem in found:
        print(f"{wheel.name}: {problem}", file=sys.stderr)
    if found:
        sys.exit(1)
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, weights and demo audio are inside")


if __name__ == "__main__":
    main()
