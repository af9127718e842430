"""Kill ``partwise index`` again and again, then check that nothing is lost and nothing is twice.

    python benchmarks/kill_test.py --files 200 --kills 20

Makes short recordings (kept in --work for the next time), indexes them once without interruption
as the reference, then indexes them into another library with SIGKILL at moments drawn from --seed:
at any moment, or right when a table is being written; the whole process group, or the parent only
(its workers have to notice). After the last kill a clean run has to complete the library, and what
it holds is compared with the reference.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import soundfile

from partwise.hearing.child import ended_with_parent
from partwise.library.index.settle import BATCH_FILES
from partwise.library.tables.ledger import State
from partwise.library.tables.reader import Store

RATE_HZ = 22050


def make_recordings(folder: Path, count: int, seed: int = 0) -> list[Path]:
    """``count`` distinct recordings of 6 to 16 s in ``folder``; those already there are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        suffix = ("mp3", "flac", "wav")[number % 3]
        path = folder / f"disc {number // 25:02d}" / f"song {number:03d}.{suffix}"
        paths.append(path)
        if path.exists():
            continue
        path.parent.mkdir(exist_ok=True)
        unfinished = path.with_name("unfinished." + suffix)
        samples = _music(np.random.default_rng([seed, number]))
        if suffix == "mp3":
            _write_mp3(unfinished, samples)
        else:
            soundfile.write(unfinished, samples, RATE_HZ)
        unfinished.rename(path)
    return paths


def _music(rng: np.random.Generator) -> np.ndarray:
    """A beat, a bass line and a chord, float32 [n]."""
    time_s = np.arange(int(rng.uniform(6.0, 16.0) * RATE_HZ)) / RATE_HZ
    beat_s = rng.uniform(0.3, 0.8)
    beat = rng.normal(size=len(time_s)) * np.exp(-(time_s % beat_s) * rng.uniform(15, 60))
    roots_hz = rng.uniform(40, 110, size=8)[(time_s / beat_s).astype(int) % 8]
    bass = np.sin(2 * np.pi * np.cumsum(roots_hz) / RATE_HZ)
    chord = sum(np.sin(2 * np.pi * hz * time_s) for hz in rng.uniform(200, 2000, size=3))
    levels = rng.uniform(0.05, 0.2, size=3)
    return (levels[0] * beat + levels[1] * bass + levels[2] * chord).astype(np.float32)


def _write_mp3(path: Path, samples: np.ndarray) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mp3", rate=RATE_HZ, layout="mono")
        for start in range(0, len(samples), 1152):
            frame = av.AudioFrame.from_ndarray(
                samples[None, start : start + 1152].copy(), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = RATE_HZ, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


@dataclass
class Kill:
    """One run that was killed. workers_lived_s : how long workers outlived their parent."""

    moment: str
    target: str
    after_s: float
    files_stored: int
    workers_lived_s: float | None


@dataclass
class Report:
    """What happened, and what is wrong at the end (nothing, one hopes)."""

    kills: list[Kill] = field(default_factory=list)
    rounds: int = 1
    faults: list[str] = field(default_factory=list)
    files: int = 0
    tracks: int = 0
    segments: int = 0
    largest_difference: float = 0.0


def run_kill_test(
    music: Path,
    work: Path,
    kills: int,
    seed: int = 0,
    model: Path | None = None,
    jobs: int | None = None,
    say=print,
) -> Report:
    """Index ``music`` with ``kills`` kills into a library in ``work``, and compare.

    A run that completes before its kill ends a round; the next round starts with a new library.
    """
    rng = random.Random(seed)
    report = Report()
    reference, library = work / "reference", work / "library"
    for folder in (reference, library):
        shutil.rmtree(folder, ignore_errors=True)
    whole_s = _index(music, reference, model, jobs)
    # The time before the first file is heard, from a run that has nothing to hear.
    start_s = _index(music, reference, model, jobs)
    say(f"uninterrupted: {whole_s:.1f} s, of which {start_s:.1f} s to start")
    files = len(Store(reference).ledger())
    batch_s = max(whole_s - start_s, 0.2) * min(1.0, BATCH_FILES / files)
    while len(report.kills) < kills:
        number = len(report.kills)
        # Spread over the work: the kill waits until that many files are stored, by former runs or
        # by this one, then for some time more. Every third waits for the next write instead.
        goal = max(files - BATCH_FILES, 0) * number // kills
        in_write = number % 3 == 2
        plan = _Moment(
            whole_group=number % 2 == 0,
            in_write=in_write,
            files_stored=0 if in_write else goal,
            early_s=rng.uniform(0.2 * start_s, start_s + batch_s),
            late_s=rng.uniform(0.0, 0.03 if in_write else batch_s),
        )
        kill = _killed_run(_command(music, library, model, jobs), library, plan)
        if kill is None:
            report.faults += check(library, reference, report)
            shutil.rmtree(library)
            report.rounds += 1
            continue
        report.kills.append(kill)
        lived = "" if kill.workers_lived_s is None else f", workers {kill.workers_lived_s:.2f} s"
        say(
            f"kill {number + 1:2d}: {kill.moment:8s} {kill.target:11s} after {kill.after_s:5.2f} s"
            f" with {kill.files_stored:3d} files stored{lived}"
        )
    _index(music, library, model, jobs)
    report.faults += check(library, reference, report)
    return report


def _command(music: Path, library: Path, model: Path | None, jobs: int | None) -> list[str]:
    command = [sys.executable, "-m", "partwise", "index", str(music), "--library", str(library)]
    if model is not None:
        command += ["--model", str(model)]
    if jobs is not None:
        command += ["--jobs", str(jobs)]
    return command


def _index(music: Path, library: Path, model: Path | None, jobs: int | None) -> float:
    """A run to the end; returns its seconds."""
    started = time.monotonic()
    command = ended_with_parent(_command(music, library, model, jobs))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"partwise index failed ({done.returncode}): {done.stderr or done.stdout}")
    return time.monotonic() - started


@dataclass(frozen=True)
class _Moment:
    """When to kill, and whom.

    early_s : seconds after the start, if ``files_stored`` files are stored already.
    late_s : seconds after that number is reached, or after a table has changed (``in_write``).
    """

    whole_group: bool
    in_write: bool
    files_stored: int
    early_s: float
    late_s: float


def _killed_run(command: list[str], library: Path, moment: _Moment) -> Kill | None:
    """Start a run and kill it; None when it was done before."""
    seen = _table_files(library)
    early = not moment.in_write and _files_stored(library) >= moment.files_stored
    process = subprocess.Popen(
        ended_with_parent(command),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    started = time.monotonic()
    kill_at = started + moment.early_s if early else None
    while process.poll() is None and (kill_at is None or time.monotonic() < kill_at):
        time.sleep(0.001)
        if kill_at is None and (now_there := _table_files(library)) != seen:
            seen = now_there
            if moment.in_write or _files_stored(library) >= moment.files_stored:
                kill_at = time.monotonic() + moment.late_s
    after_s = time.monotonic() - started
    workers = _session(process.pid) - {process.pid}
    if process.poll() is not None:
        if process.returncode != 0:
            raise SystemExit(f"partwise index failed with exit code {process.returncode}")
        return None
    if moment.whole_group:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed = time.monotonic()
    lived_s = None
    while _session(process.pid):
        if time.monotonic() - killed > 30.0:
            raise SystemExit("workers still live 30 s after their parent was killed")
        time.sleep(0.005)
    if workers and not moment.whole_group:
        lived_s = time.monotonic() - killed
    return Kill(
        "in write" if moment.in_write else "any",
        "everything" if moment.whole_group else "parent only",
        after_s,
        _files_stored(library),
        lived_s,
    )


def _table_files(library: Path) -> set[str]:
    """Names of the data files and versions of all tables."""
    names = set()
    for folder in (*library.glob("*.lance/data"), *library.glob("*.lance/_versions")):
        try:
            names.update(os.listdir(folder))
        except FileNotFoundError:
            continue
    return names


def _session(leader: int) -> set[int]:
    """Living processes of a session, from /proc."""
    members = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                values = (entry / "stat").read_text().rsplit(") ", 1)[1].split()
            except (OSError, IndexError):
                continue
            if int(values[3]) == leader and values[0] not in "ZX":
                members.add(int(entry.name))
    return members


def _files_stored(library: Path) -> int:
    try:
        return Store(library).ledger_table.count_rows()
    except Exception:
        return 0  # killed before there was a library


def check(library: Path, reference: Path, report: Report) -> list[str]:
    """What is wrong with ``library``, compared with a library that was never interrupted."""
    faults = []
    ours, theirs = Store(library), Store(reference)
    ledger, wanted = ours.ledger(), theirs.ledger()
    report.files = len(ledger)
    if ours.ledger_table.count_rows() != len(ledger):
        faults.append("a path stands in the ledger twice")
    for path in sorted({*ledger, *wanted}):
        mine, its = ledger.get(path), wanted.get(path)
        if mine is None or its is None:
            faults.append(f"{path} is in one ledger only")
        elif (mine.state, mine.content_hash) != (its.state, its.content_hash):
            faults.append(f"{path} is {mine.state} and not {its.state}, or has another content")
        elif mine.state is not State.INDEXED:
            faults.append(f"{path} is {mine.state}: {mine.reason}")
    rows = ours.tracks.fetch().column("track_id").to_pylist()
    report.tracks = len(rows)
    faults += [f"track {track} is there {n} times" for track, n in Counter(rows).items() if n > 1]
    if set(rows) != {row.content_hash for row in ledger.values()}:
        faults.append("the ledger and the tracks table name different contents")
    segments = ours.segments.fetch()
    report.segments = len(segments)
    pairs = zip(segments["track_id"].to_pylist(), segments["segment"].to_pylist(), strict=True)
    faults += [f"segment {pair} is there {n} times" for pair, n in Counter(pairs).items() if n > 1]
    if not set(segments["track_id"].to_pylist()) <= set(rows):
        faults.append("there are segments without a track")
    mine, its = ours.track_vectors(), theirs.track_vectors()
    if mine.track_ids != its.track_ids or mine.segments.tolist() != its.segments.tolist():
        return [*faults, "the tracks are not those of an uninterrupted run"]
    differences = [np.abs(mine.vectors - its.vectors).max()]
    my_segments, its_segments = ours.segments_of(rows), theirs.segments_of(rows)
    for track in its.track_ids:
        a, b = my_segments[track], its_segments[track]
        if a.embeddings.shape != b.embeddings.shape or not np.array_equal(a.start_s, b.start_s):
            faults.append(f"track {track} has other segments than in an uninterrupted run")
            continue
        differences += [np.abs(a.embeddings - b.embeddings).max()]
        differences += [np.abs(a.presence - b.presence).max()]
    report.largest_difference = max(report.largest_difference, float(max(differences)))
    if report.largest_difference > 1e-6:
        faults.append("vectors differ from those of an uninterrupted run")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "partwise-kill-test"
    )
    arguments = parser.parse_args()
    music = arguments.work / f"music-{arguments.files}"
    make_recordings(music, arguments.files)
    report = run_kill_test(
        music, arguments.work, arguments.kills, arguments.seed, arguments.model, arguments.jobs
    )
    lived = [kill.workers_lived_s for kill in report.kills if kill.workers_lived_s is not None]
    print(
        f"\n{len(report.kills)} kills in {report.rounds} round(s), then a clean run:\n"
        f"  files in the ledger     {report.files}\n"
        f"  tracks                  {report.tracks}\n"
        f"  segments                {report.segments}\n"
        f"  largest difference from an uninterrupted run  {report.largest_difference:g}\n"
        f"  longest that workers outlived their parent    {max(lived, default=0.0):.2f} s\n"
        f"  faults                  {len(report.faults)}"
    )
    for fault in report.faults:
        print(f"    {fault}")
    return 1 if report.faults else 0


if __name__ == "__main__":
    sys.exit(main())
