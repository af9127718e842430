"""How fast partwise and its rivals hear the same files, in one run, on one core.

    python benchmarks/rivals.py                          mp3 and flac of 2 minutes, 5 repeats
    python benchmarks/rivals.py --row musly --row mfcc   partwise and those two alone
    python benchmarks/rivals.py --json docs/results/rivals.json   for scripts/make_tables.py

Every row is a process of its own, bound to the same core, that decodes each file and turns it into
what it keeps of a track. The rows take turns, file by file and repeat by repeat, so that a busy
machine disturbs all of them alike. Times are of the processor; peak memory is that of the process,
Python and libraries included. Rivals hear a track as a whole, as those who publish them have it;
what is separated first is then embedded part by part. A row that cannot run here says why.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from indexing import processor, synthesise, write_flac, write_mp3
from partwise.audio.decode import decode
from partwise.audio.segment import HOP_S, SEGMENT_S, segment_starts
from partwise.errors import PartwiseError
from partwise.hearing.child import ended_with_parent
from partwise.parts import PARTS
from partwise_lab.report.comparison import rivals_table

TRACK_S = 240.0  # of which the bytes are told
_WARM_UP_S = 12


@dataclass(frozen=True)
class Row:
    """name : how the row is asked for; about : what its process does with a file."""

    name: str
    about: str


ROWS = {
    row.name: row
    for row in (
        Row("partwise", "five parts, segments of 10 s every 5 s, from the mix"),
        Row("bliss", "bliss-audio: 23 features of the track; decodes by itself"),
        Row("musly", "musly: timbre of the track"),
        Row("mfcc", "MFCC statistics of the track (librosa)"),
        Row("audiomuse", "AudioMuse-AI's metric: MusiCNN's dense layer (NumPy)"),
        Row("hpss", "separated by librosa's HPSS, then MFCC statistics of five parts"),
        Row("demucs", "separated by Demucs (six stems), then MFCC statistics of five parts"),
    )
}

# A path to what is kept of the track; and the bytes that a track of four minutes takes.
Hear = Callable[[str], object]


def hearer(name: str) -> tuple[Hear, int]:
    """What a row's process does. Raises PartwiseError where it cannot be done here."""
    if name == "partwise":
        from partwise.embedding.encoder import load_encoder

        encoder = load_encoder()
        segments = len(segment_starts(TRACK_S, SEGMENT_S, HOP_S))
        return encoder.embed_file, 4 * segments * len(PARTS) * encoder.dim
    from partwise_lab.rivals.frozen import rival

    if name == "bliss":
        track_bytes = rival(name).bytes_per_segment  # which finds out whether it can run here
        song = importlib.import_module("bliss_audio").Song  # without types
        return lambda path: song(path).analysis, track_bytes
    if name in ("hpss", "demucs"):
        from partwise_lab.separation.separator import load_separator

        inner = rival("mfcc")
        separator = load_separator(name, inner.sample_rate_hz)

        def separated(path: str) -> list[np.ndarray]:
            mix = decode(path, inner.sample_rate_hz).samples
            return [inner.embed(stem[None]) for stem in separator.separate(mix).values()]

        return separated, inner.bytes_per_segment * len(PARTS)
    whole = rival(name)
    return (
        lambda path: whole.embed(decode(path, whole.sample_rate_hz).samples[None]),
        whole.bytes_per_segment,
    )


def be_heard(name: str) -> None:
    """A row's process: paths come in, a line each; seconds of the processor and the wall go out."""
    out = os.fdopen(os.dup(1), "w", buffering=1)  # whatever a library prints goes elsewhere
    os.dup2(2, 1)
    try:
        hear, track_bytes = hearer(name)
    except (PartwiseError, ImportError) as error:
        print(json.dumps({"skipped": str(error)}), file=out)
        return
    print(json.dumps({"bytes_per_track": track_bytes}), file=out)
    for line in sys.stdin:
        begun, wall = time.process_time(), time.perf_counter()
        hear(line.rstrip("\n"))
        spent = {"cpu_s": time.process_time() - begun, "wall_s": time.perf_counter() - wall}
        print(json.dumps(spent | {"peak_mb": _peak_mb()}), file=out)


class Child:
    """A row's process, waiting for files. ``ready`` : its first word."""

    def __init__(self, name: str) -> None:
        one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            ended_with_parent([sys.executable, __file__, "--child", name]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            env={**os.environ, **one},
        )
        self.ready = self._answer()

    def hear(self, path: Path) -> dict[str, float]:
        """Raises PartwiseError where the process ended instead."""
        with suppress(BrokenPipeError):  # then there is no answer either
            _pipe(self._process.stdin).write(f"{path}\n")
        return self._answer()

    def end(self) -> int:
        """Let it go, and wait for it; returns its exit status."""
        with suppress(BrokenPipeError):
            _pipe(self._process.stdin).close()
        _pipe(self._process.stdout).close()
        return self._process.wait()

    def _answer(self) -> dict[str, Any]:
        line = _pipe(self._process.stdout).readline()
        if not line:
            raise PartwiseError(f"its process ended with {self.end()}")
        return json.loads(line)


def measure(
    names: Sequence[str], files: dict[str, Path], seconds: float, repeats: int, warm_up: Path
) -> list[dict[str, Any]]:
    """A row each: speeds per repeat over all files, and by file; or why it was skipped."""
    children: dict[str, Child] = {}
    skipped: dict[str, str] = {}
    for name in names:
        try:
            child = Child(name)
            if "skipped" in child.ready:
                skipped[name] = child.ready["skipped"]
                child.end()
            else:
                child.hear(warm_up)
                children[name] = child
        except PartwiseError as error:
            skipped[name] = str(error)
    taken: dict[str, dict[str, list[float]]] = {n: {f: [] for f in files} for n in children}
    peaks: dict[str, float] = {}
    for _ in range(repeats):
        for file, path in files.items():
            for name, child in children.items():
                spent = child.hear(path)
                taken[name][file].append(spent["cpu_s"])
                peaks[name] = spent["peak_mb"]
    rows = []
    for name in names:
        row: dict[str, Any] = {"name": name, "about": ROWS[name].about}
        if name in skipped:
            rows.append(row | {"skipped": skipped[name]})
            continue
        children[name].end()
        together = np.sum(list(taken[name].values()), axis=0)  # [repeats]
        speeds = sorted(float(seconds * len(files) / spent) for spent in together)
        rows.append(
            row
            | {
                "speed": statistics.median(speeds),
                "slowest": speeds[0],
                "fastest": speeds[-1],
                "by_file": {f: seconds / statistics.median(s) for f, s in taken[name].items()},
                "peak_mb": peaks[name],
                "bytes_per_track": children[name].ready["bytes_per_track"],
            }
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=120, help="length of the files")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--row", action="append", choices=[*ROWS][1:], help="default: all of them")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--child", choices=[*ROWS], help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        be_heard(options.child)
        return
    if hasattr(os, "sched_setaffinity"):  # which the processes of the rows inherit
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    names = ["partwise", *(name for name in ROWS if name in (options.row or [*ROWS][1:]))]
    with tempfile.TemporaryDirectory() as folder:
        music = synthesise(options.seconds)
        files = {
            "mp3": write_mp3(Path(folder) / "music.mp3", music),
            "flac": write_flac(Path(folder) / "music.flac", music),
        }
        warm_up = write_flac(Path(folder) / "warm.flac", synthesise(_WARM_UP_S))
        rows = measure(names, files, options.seconds, options.repeats, warm_up)
    results = {
        "machine": processor(),
        "python": platform.python_version(),
        "seconds": options.seconds,
        "repeats": options.repeats,
        "rows": rows,
    }
    print(rivals_table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def _pipe(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _peak_mb() -> float | None:
    """The most memory that this process ever had; None where /proc does not tell."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


if __name__ == "__main__":
    main()
