"""Everything that can go wrong with a library, done on purpose, as a table of what came of it.

    python benchmarks/faults.py --out faults.json

Damaged files: every file of a small library is deleted, emptied, cut in half, filled with zeros
and has single bits flipped (--flips per file), one at a time; then ``check``, a search, ``check
--repair``, ``check`` again, the next run, and a comparison of all answers with those before. Power
cuts: every prefix of a run's file operations, with the last ones not on the disk yet. Kills:
``kill_test.py``. And disks, folders, clocks and processes that fail (``fault_runs.py``).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from fault_files import SPOILS, Spoilt, library_files, spoil_file
from fault_power import cut_faults, cuts, record_run
from fault_runs import SCENES, NotHere, Scene, play
from fault_seed import Seed, make_seed
from kill_test import make_recordings, run_kill_test

_PARTS = ("runs", "files", "power", "kills")
_HEAD = ("what was done", "what the user saw", "what the next run did", "lost")


def spoil_scenes(seed: Seed, work: Path, flips: int, say: Callable[[str], None]) -> list[Scene]:
    """A row for each way of damaging files."""
    scenes = []
    rng = np.random.default_rng(0)
    files = library_files(seed.library)
    for spoil in SPOILS:
        times = flips if "bit" in spoil else 1
        results = [spoil_file(seed, work, file, spoil, rng) for file in files for _ in range(times)]
        scenes.append(_spoil_row(spoil, len(files), results))
        say(f"{spoil}: {scenes[-1].lost or 'nothing lost'}")
    return scenes


def _spoil_row(spoil: str, files: int, results: list[Spoilt]) -> Scene:
    found = sum(bool(result.found) for result in results)
    refused = sum(result.sentence is not None for result in results)
    heard = max(result.heard_again for result in results)
    faults = [f"{result.file}: {fault}" for result in results for fault in result.faults]
    return Scene(
        f"each of {files} files {spoil} ({len(results)} times in all)",
        f"check finds {found}, the others are harmless (same answers);"
        f" a search is refused with a sentence {refused} times",
        f"--repair, then index: at most {heard} songs heard again, same answers",
        "; ".join(faults),
    )


def power_scene(seed: Seed, work: Path, every: int) -> Scene:
    """All moments of a run, or every so many of them."""
    chosen = list(cuts(record_run(seed, work / "run", len(seed.answers))))[::every]
    needed, lost = 0, []
    for cut in chosen:
        repair, faults = cut_faults(seed, work / "cut", cut)
        needed += repair
        lost += [f"{cut.name}: {fault}" for fault in faults]
    return Scene(
        f"power cut at {len(chosen)} moments of a run, written files cut short or full of zeros",
        f"a sentence {needed} times",
        f"index goes on {len(chosen) - needed} times; {needed} times it takes --repair first",
        "; ".join(lost),
    )


def kill_scene(seed: Seed, work: Path, kills: int) -> Scene:
    """SIGKILL, of the parent or of all, at any moment or in a write."""
    make_recordings(work / "music", 70)
    report = run_kill_test(
        work / "music", work, kills, seed=1, model=seed.model, jobs=2, say=lambda _: None
    )
    return Scene(
        f"{kills} runs killed, at any moment or while writing",
        "nothing",
        f"goes on; in the end {report.tracks} tracks, {report.segments} segments, as without kills",
        "; ".join(report.faults),
    )


def table(scenes: list[Scene]) -> str:
    """As Markdown."""
    lines = [f"| {' | '.join(_HEAD)} |", "|---|---|---|---|"]
    for scene in scenes:
        cells = (scene.done, scene.seen, scene.next_run, scene.lost or "nothing")
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--songs", type=int, default=6)
    parser.add_argument("--flips", type=int, default=10, help="flipped bits per file")
    parser.add_argument("--every", type=int, default=1, help="take each so many power cuts")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--out", type=Path, default=None, help="also write the table as JSON")
    arguments = parser.parse_args()
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:6.0f} s  {text}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory(prefix="partwise-faults-") as folder:
        home = Path(folder)
        seed = make_seed(home / "seed", arguments.songs)
        scenes = []
        for name in SCENES if "runs" in arguments.only else ():
            try:
                scenes.append(play(name, seed, home / "work"))
            except NotHere as reason:
                scenes.append(Scene(name.replace("_", " "), f"not played: {reason}", "", ""))
            say(f"{name}: {scenes[-1].lost or 'nothing lost'}")
        if "files" in arguments.only:
            scenes += spoil_scenes(seed, home / "spoilt", arguments.flips, say)
        if "power" in arguments.only:
            scenes.append(power_scene(seed, home / "power", arguments.every))
            say(f"power cuts: {scenes[-1].lost or 'nothing lost'}")
        if "kills" in arguments.only:
            scenes.append(kill_scene(seed, home / "kills", arguments.kills))
            say(f"kills: {scenes[-1].lost or 'nothing lost'}")
    print(table(scenes))
    if arguments.out is not None:
        arguments.out.write_text(json.dumps([asdict(scene) for scene in scenes], indent=2) + "\n")
    return 1 if any(scene.lost for scene in scenes) else 0


if __name__ == "__main__":
    sys.exit(main())
