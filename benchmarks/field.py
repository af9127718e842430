"""What people reported of other tools, tried on partwise: one case each, judged by code.

    python benchmarks/field.py                         all, in some minutes
    python benchmarks/field.py --kind tags --case date
    python benchmarks/field.py --write                 also docs/results/scale/field.json

Each case makes its own input from the demo's pieces, runs partwise as a user does (the command in a
process of its own, HTTP) and compares what came with what a user may expect. What a case needs and
this machine lacks (ffmpeg, nginx, root) leaves it "not run", with the reason. Exit code 1 if a case
fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

import field_disks
import field_names
import field_output
import field_privacy
import field_proxy
import field_sound
import field_tags
from field_case import CASES, ROOT, Case, Judging, Mark, NotRun, Outcome, Place, serving

KINDS = {
    module.__name__.removeprefix("field_"): (module.__doc__ or "").split(":")[0]
    for module in (
        field_privacy,
        field_sound,
        field_tags,
        field_names,
        field_disks,
        field_output,
        field_proxy,
    )
}
RESULT = ROOT / "docs" / "results" / "scale" / "field.json"


def run_kind(cases: list[Case], folder: Path) -> Iterator[tuple[Case, Outcome]]:
    """The cases of one kind, in one folder."""
    shelf, library = folder / "shelf", folder / "library"
    shelf.mkdir(parents=True)
    shared: dict[str, object] = {}
    waiting: list[tuple[Case, Place, Judging]] = []
    for number, case in enumerate(cases):
        own = folder / f"case {number}"
        own.mkdir()
        place = Place(own, shelf, library, shared=shared)
        outcome = attempt(lambda case=case, place=place: _begin(case, place, waiting))
        if outcome is not None:
            yield case, outcome
    with ExitStack() as stack:
        url, ran = "", None
        if waiting:
            first = waiting[0][1]
            ran = first.partwise("index", shelf, "--library", library, "--jobs", "1", timeout_s=600)
            url = stack.enter_context(serving(first, library))[0]
        for case, place, judging in waiting:
            place.url, place.ran = url, ran
            yield case, attempt(lambda judging=judging: _end(judging)) or Outcome(Mark.FAIL, "")


def _begin(case: Case, place: Place, waiting: list[tuple[Case, Place, Judging]]) -> Outcome | None:
    """The outcome of a case; None for one that waits for its kind's shelf."""
    found = case.function(place)
    if isinstance(found, Outcome):
        return found
    next(found)
    waiting.append((case, place, found))
    return None


def _end(judging: Judging) -> Outcome:
    try:
        next(judging)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("a case yields once")


def attempt(part: object) -> Outcome | None:
    """What a part of a case gives; a case that breaks has failed, and says where."""
    try:
        return part()  # type: ignore[operator]
    except NotRun as missing:
        return Outcome(Mark.NOT_RUN, str(missing))
    except Exception as error:
        at = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {error} ({Path(at.filename).name}:{at.lineno})"
        return Outcome(Mark.FAIL, text[:400])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kind", action="append", choices=KINDS, dest="kinds")
    parser.add_argument("--case", metavar="TEXT", default="", help="only those named so")
    parser.add_argument("--jobs", type=int, default=2, help="kinds at a time")
    parser.add_argument("--write", action="store_true", help=f"write {RESULT.relative_to(ROOT)}")
    arguments = parser.parse_args()
    chosen = {
        kind: [
            case
            for case in CASES
            if case.kind == kind and arguments.case in f"{case.function.__name__} {case.title}"
        ]
        for kind in arguments.kinds or KINDS
    }
    began = time.monotonic()
    found: dict[Case, Outcome] = {}
    with tempfile.TemporaryDirectory(prefix="partwise-field-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # one case is another user

        def whole(kind: str) -> None:
            for case, outcome in run_kind(chosen[kind], folder / kind):
                found[case] = outcome
                line = f"{case.kind}: {case.title}: {outcome.mark}: {outcome.came}"
                print(line, file=sys.stderr, flush=True)

        with ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(whole, sorted(chosen, key=lambda kind: -len(chosen[kind]))))
    took_s = time.monotonic() - began
    rows = [
        {
            "kind": case.kind,
            "case": case.title,
            "source": case.source,
            "expected": case.expected,
            "mark": str(found[case].mark),
            "came": found[case].came.replace(name, "..."),
        }
        for case in CASES
        if case in found
    ]
    counts = Counter(str(row["mark"]) for row in rows)
    for row in rows:
        print(f"| {' | '.join(row.values())} |")
    print(", ".join(f"{counts[mark]} {mark}" for mark in Mark), f"in {took_s:.0f} s")
    if arguments.write:
        from partwise.atomic import write_whole

        commit = subprocess.run(
            ("git", "rev-parse", "--short", "HEAD"), cwd=ROOT, capture_output=True, text=True
        )
        told = {
            "command": "python benchmarks/field.py --write",
            "commit": commit.stdout.strip(),
            "took_s": round(took_s),
            "cases": rows,
        }
        write_whole(RESULT, json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    return 1 if counts[Mark.FAIL] else 0


if __name__ == "__main__":
    sys.exit(main())
