"""Writes the table of packages in THIRD_PARTY.md from the metadata of what is installed.

    python scripts/make_notices.py            rewrite THIRD_PARTY.md
    python scripts/make_notices.py --check    exit 1 if it is out of date
    python scripts/make_notices.py --extra train     print the table of another extra

What counts is what `pip install 'partwise[web]'` brings in: the packages that pyproject.toml asks
for, and theirs in turn. All of them must be installed. Versions are those of constraints.txt, as
the licence of a package may change with its version.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Mapping, Set
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "THIRD_PARTY.md"
_MARKED = re.compile(r"(<!-- packages -->\n).*?(<!-- end -->)", re.DOTALL)

# Where a package's metadata gives no SPDX expression: what its text or classifier means.
_SPDX = {
    "Apache Software License": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "BSD 3-Clause License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "ISC License (ISCL)": "ISC",
}


def requirements(extras: tuple[str, ...] = ()) -> list[Requirement]:
    """What pyproject.toml asks for, with the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = list(project["dependencies"])
    for extra in extras:
        if extra not in project["optional-dependencies"]:
            sys.exit(f"{extra} is no extra of pyproject.toml")
        named += project["optional-dependencies"][extra]
    return [Requirement(text) for text in named]


def closure(wanted: list[Requirement]) -> list[str]:
    """Names of all packages that these need, here, in alphabetical order."""
    found: set[str] = set()
    waiting = [(need, extra) for need in wanted for extra in ("", *need.extras)]
    seen = set()
    while waiting:
        need, extra = waiting.pop()
        name = canonicalize_name(need.name)
        # Requirements of ours have had their own markers judged; theirs depend on the extra.
        if (name, extra) in seen or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        seen.add((name, extra))
        found.add(name)
        for text in installed(name).requires or []:
            inner = Requirement(text)
            if inner.marker is None or inner.marker.evaluate({"extra": extra}):
                bare = Requirement(str(inner).split(";")[0])
                waiting += [(bare, more) for more in ("", *inner.extras)]
    return sorted(found)


def installed(name: str):
    """The metadata of a package. Ends the program where it is not installed."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        sys.exit(f"{name} is not installed: pip install -c constraints.txt -e '.[web]'")


def licence(name: str) -> str:
    """The licence of an installed package as an SPDX expression."""
    data = installed(name).metadata
    if data["License-Expression"]:
        return data["License-Expression"]
    stated = [
        entry.rsplit(" :: ", 1)[1]
        for entry in data.get_all("Classifier") or []
        if entry.startswith("License :: ") and entry.count(" :: ") > 1
    ]
    text = (data["License"] or "").strip()
    if not stated and text and "\n" not in text:
        stated = [text]
    if not stated:
        sys.exit(f"{name} states no licence in its metadata")
    return " OR ".join(_SPDX.get(entry, entry) for entry in dict.fromkeys(stated))


def pins() -> dict[str, str]:
    """The versions of constraints.txt by name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if "==" in line)
    return {canonicalize_name(name): version.strip() for name, version in pairs}


def table(names: list[str], asked: Mapping[str, Set[str]]) -> str:
    """One row a package. asked : names that are asked for directly, by what asks."""
    versions = pins()
    rows = ["| package | version | licence | needed by |", "| --- | --- | --- | --- |"]
    for name in names:
        version = versions.get(name) or installed(name).version
        by = ", ".join(sorted(extra for extra, directly in asked.items() if name in directly))
        shown = installed(name).metadata["Name"]
        rows.append(f"| {shown} | {version} | {licence(name)} | {by or 'another of these'} |")
    return "\n".join(rows) + "\n"


def packages(extras: tuple[str, ...]) -> str:
    """The table of what partwise with these extras brings in."""
    asked = {"partwise": {canonicalize_name(need.name) for need in requirements()}}
    for extra in extras:
        these = {canonicalize_name(need.name) for need in requirements((extra,))}
        asked[f"partwise[{extra}]"] = these - asked["partwise"]
    return table(closure(requirements(extras)), asked)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the table of THIRD_PARTY.md.")
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    parser.add_argument("--extra", action="append", help="print what this extra brings in")
    options = parser.parse_args()
    if options.extra:
        print(packages(tuple(options.extra)), end="")
        return
    old = DOCUMENT.read_text(encoding="utf-8")
    new = _MARKED.sub(lambda found: found[1] + packages(("web",)) + found[2], old)
    if options.check and new != old:
        sys.exit("THIRD_PARTY.md is out of date: python scripts/make_notices.py")
    if not options.check:
        DOCUMENT.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
