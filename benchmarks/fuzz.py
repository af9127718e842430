"""Damaged sound files, heard as an indexing run hears them: none may crash or hang it.

    python benchmarks/fuzz.py                       500 files of each format
    python benchmarks/fuzz.py --format flac --seed 7 --keep failed
    python benchmarks/fuzz.py --index 300           a folder of them through ``partwise index``

Each damaged file is reproducible from its format, seed and number (fuzz_files.py) and is heard in
a child process with limits of memory and time (fuzz_child.py). Exit code 1 if there is a fault: a
crash, a hang, memory beyond the limit, an exception, or a result that cannot be.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from fuzz_child import Child, Kind, Verdict
from fuzz_files import FORMATS, SECONDS, mutate, original
from fuzz_index import index_folder
from tiny_model import write_tiny_model

# Two seconds may become more where a damaged header names a lower rate or fewer bits; more than a
# thousand times as long is no recording of that file any more.
LONGEST_S = 1000 * SECONDS


@dataclass
class Result:
    """All damaged files of a format.

    reasons : what was said of them, with N for every number.
    """

    name: str
    kinds: Counter[Kind] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    longest_s: float = 0.0
    most_cpu_s: float = 0.0
    peak_mb: float = 0.0

    def add(self, number: int, done: tuple[str, ...], verdict: Verdict) -> None:
        self.kinds[verdict.kind] += 1
        if verdict.text:
            self.reasons[re.sub(r"[\d,.]*\d", "N", verdict.text)] += 1
        self.longest_s = max(self.longest_s, verdict.audio_s)
        self.most_cpu_s = max(self.most_cpu_s, verdict.cpu_s)
        self.peak_mb = max(self.peak_mb, verdict.peak_mb)
        if verdict.kind.is_fault:
            what = ", ".join(done)
            self.faults.append(f"{self.name} {number} ({what}): {verdict.kind}: {verdict.text}")


def fuzz(
    names: list[str],
    count: int,
    seed: int,
    children: list[Child],
    folder: Path,
    keep: Path | None = None,
) -> Iterator[Result]:
    """Hear ``count`` damaged files of each format."""
    free: SimpleQueue[Child] = SimpleQueue()
    for child in children:
        free.put(child)

    def one(name: str, number: int) -> tuple[int, tuple[str, ...], Verdict]:
        data, done = mutate(name, number, seed, folder)
        path = folder / f"{name} {number}.{FORMATS[name].suffix}"
        path.write_bytes(data)
        child = free.get()
        try:
            verdict = child.hear(path)
        finally:
            free.put(child)
        if keep is not None and verdict.kind.is_fault:
            (keep / path.name).write_bytes(data)
        path.unlink()
        return number, done, verdict

    with ThreadPoolExecutor(len(children)) as pool:
        for name in names:
            original(name, folder)
            result = Result(name)
            for heard in pool.map(lambda number, name=name: one(name, number), range(count)):
                result.add(*heard)
            yield result


def row(result: Result) -> str:
    counts = " | ".join(str(result.kinds[kind]) for kind in Kind)
    costs = f"{result.longest_s:,.0f} | {result.most_cpu_s:.1f} | {result.peak_mb:,.0f}"
    return f"| {result.name} | {sum(result.kinds.values())} | {counts} | {costs} |"


def header() -> str:
    columns = ["format", "files", *Kind, "longest s", "most CPU s", "most MB"]
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--per-format", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", action="append", choices=sorted(FORMATS), dest="formats")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--memory-mb", type=int, default=512, help="beside what a worker has")
    parser.add_argument("--limit-s", type=float, default=20.0, help="of processor time")
    parser.add_argument("--json", type=Path, help="write all counts and reasons there")
    parser.add_argument("--keep", type=Path, help="keep the files with faults there")
    parser.add_argument("--index", type=int, metavar="FILES", help="index a folder of so many")
    arguments = parser.parse_args()
    names = arguments.formats or list(FORMATS)
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        model = write_tiny_model(folder / "model")
        if arguments.index:
            return index_folder(names, arguments.index, arguments.seed, folder, model)
        children = [
            Child(model, arguments.memory_mb, arguments.limit_s, LONGEST_S)
            for _ in range(arguments.jobs)
        ]
        started = time.monotonic()
        results = []
        print(header(), flush=True)
        try:
            for result in fuzz(
                names, arguments.per_format, arguments.seed, children, folder, arguments.keep
            ):
                results.append(result)
                print(row(result), flush=True)
        finally:
            for child in children:
                child.close()
    print(f"\nseed {arguments.seed}, {time.monotonic() - started:.0f} s")
    faults = [fault for result in results for fault in result.faults]
    print("\n".join(faults))
    if arguments.json:
        arguments.json.write_text(json.dumps([vars(result) for result in results], indent=1))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
