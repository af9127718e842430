"""Privacy: nothing leaves the machine, and nothing is written that nobody asked for."""

from __future__ import annotations

import re
from pathlib import Path

from field_case import PARTWISE, NotRun, Outcome, Place, case, judged, need
from field_music import flac


@case(
    "microsoft/onnxruntime#27379, #29843, #3898",
    "hear one file with a fresh HOME",
    "nothing is written outside the library, nothing is looked up",
)
def nothing_leaves(place: Place) -> Outcome:
    path = flac(place.folder / "music" / "one.flac", seconds=8.0)
    home, trace = Path(place.environment["HOME"]), place.folder / "trace"
    watched = (need("strace"), "-f", "-qq", "-o", trace, "-e", "trace=connect,sendto,sendmsg")
    index = ("index", path.parent, "--library", place.own, "--jobs", "1")
    checks: dict[str, bool | str] = {}
    for name, words in {
        "index": index,
        "like": ("like", path, "--library", place.own),
        "embed": ("embed", path, "--out", place.folder / "e.npz"),
    }.items():
        trace.unlink(missing_ok=True)
        ran = place.run(*watched, *PARTWISE, *words, timeout_s=300)
        if not trace.exists():
            raise NotRun(f"strace cannot watch here: {ran.short}")
        asked = set(
            re.findall(r'sin6?_addr=[^"]*"([0-9a-f.:]+)"', trace.read_text(errors="replace"))
        )
        outside = {address for address in asked if not re.match(r"127\.|::1$", address)}
        checks[name] = (ran.code == 0 and not outside) or f"{ran.short}; asked {sorted(outside)}"
    foreign = [str(found.relative_to(home)) for found in home.rglob("*") if found.is_file()]
    checks["home"] = not foreign or f"written: {', '.join(foreign[:3])}"
    return judged(checks)
