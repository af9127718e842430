"""A folder with every kind of bad file among good ones, and what ``partwise index`` says of it.

    python benchmarks/bad_files.py

Builds the folder in --work (afresh each time), indexes it into a new library, takes one file away
while the run is on, and prints the summary and the status.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from partwise.hearing.child import ended_with_parent

RATE_HZ = 22050


@dataclass
class BadFolder:
    """What was built.

    good : files that must be indexed. bad : path -> a word that the reason must contain.
    vanishing : a good file that is to be removed while the run is on.
    skipped : what could not be made here, and why.
    """

    folder: Path
    vanishing: Path
    good: list[Path] = field(default_factory=list)
    bad: dict[Path, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def tune(seconds: float, rate_hz: int = RATE_HZ, seed: int = 0, channels: int = 1) -> np.ndarray:
    """A beat over a bass and a chord, float32 [n, channels]."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(int(seconds * rate_hz)) / rate_hz
    beat = rng.normal(size=len(time_s)) * np.exp(-(time_s % rng.uniform(0.3, 0.7)) * 30)
    tones = sum(np.sin(2 * np.pi * hz * time_s) for hz in (rng.uniform(50, 100), 220, 330, 440))
    mono = (0.1 * beat + 0.08 * tones).astype(np.float32)
    return np.repeat(mono[:, None], channels, axis=1)


def build(folder: Path) -> BadFolder:
    """Make the folder, which must not exist yet."""
    folder.mkdir(parents=True)
    made = BadFolder(folder, folder / "zz vanishing.wav")
    _good(made)
    _odd_but_good(made)
    _bad_contents(made)
    _bad_kinds(made)
    soundfile.write(made.vanishing, tune(3.0, seed=99), RATE_HZ)
    made.bad[made.vanishing] = "vanished"
    return made


def _good(made: BadFolder) -> None:
    for number, suffix in enumerate(("wav", "flac", "mp3", "ogg", "aiff", "opus")):
        path = made.folder / "good" / f"song {number}.{suffix}"
        path.parent.mkdir(exist_ok=True)
        rate_hz = 48000 if suffix == "opus" else RATE_HZ
        samples = tune(6.0, rate_hz, seed=number)
        if suffix == "opus":  # libsndfile does not know that suffix
            soundfile.write(path, samples, rate_hz, format="OGG", subtype="OPUS")
        else:
            soundfile.write(path, samples, rate_hz)
        made.good.append(path)


def _odd_but_good(made: BadFolder) -> None:
    """Unusual, and yet to be indexed."""
    odd = made.folder / "odd but good"
    odd.mkdir()

    def add(name: str, write: Callable[[Path], object]) -> None:
        path = odd / name
        try:
            write(path)
        except OSError as error:  # a file system that takes no such names
            made.skipped.append(f"{name!r}: {error.strerror}")
        else:
            made.good.append(path)

    def wav(seed: int, seconds: float = 4.0) -> Callable[[Path], object]:
        # Through a handle: libsndfile is not shown names that are not text.
        def write(path: Path) -> None:
            with open(path, "wb") as file:
                soundfile.write(file, tune(seconds, seed=seed), RATE_HZ, format="WAV")

        return write

    eight = tune(4.0, 48000, seed=11, channels=8)
    fast = tune(4.0, 192000, seed=12, channels=2)
    add("eight channels.wav", lambda p: soundfile.write(p, eight, 48000))
    add("192 kHz.flac", lambda p: soundfile.write(p, fast, 192000, subtype="PCM_24"))
    add(
        "flac named as.mp3",
        lambda p: soundfile.write(p, tune(4.0, seed=13), RATE_HZ, format="FLAC"),
    )
    add("UPPER CASE.WAV", wav(14))
    add(os.fsdecode(b"caf\xe9 in Latin-1.wav"), wav(15))
    add("line\nbreak.wav", wav(16))
    add('it\'s 100% "quoted" 日本.wav', wav(17))
    add("-starts with a dash.wav", wav(18))
    add("folder named as.mp3", lambda p: (p.mkdir(), wav(19)(p / "inside.wav")))
    if made.good[-1].is_dir():
        made.good[-1] = made.good[-1] / "inside.wav"
    whole = odd / "whole.wav"
    wav(20, 8.0)(whole)
    (odd / "cut short.wav").write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    mp3 = made.good[2].read_bytes()
    (odd / "cut short.mp3").write_bytes(mp3[: len(mp3) // 2])
    made.good += [whole, odd / "cut short.wav", odd / "cut short.mp3"]
    shutil.copy(made.good[0], odd / "a copy of song 0.wav")
    made.good.append(odd / "a copy of song 0.wav")
    elsewhere = made.folder.with_name(made.folder.name + " elsewhere")
    shutil.rmtree(elsewhere, ignore_errors=True)
    elsewhere.mkdir()
    wav(21)(elsewhere / "linked.wav")
    (odd / "link to a folder").symlink_to(elsewhere)
    made.good.append(odd / "link to a folder" / "linked.wav")
    (odd / "loop").symlink_to(made.folder)  # must neither hang nor show anything twice


def _bad_contents(made: BadFolder) -> None:
    bad = made.folder / "bad"
    bad.mkdir()

    def add(name: str, contents: bytes, reason: str) -> None:
        (bad / name).write_bytes(contents)
        made.bad[bad / name] = reason

    rng = np.random.default_rng(0)
    add("empty.mp3", b"", "empty")
    add("text.mp3", b"These are the lyrics, not the song.\n" * 200, "not audio")
    add("picture.flac", b"\x89PNG\r\n\x1a\n" + rng.bytes(5000), "PNG")
    add("noise.m4a", rng.bytes(20000), "")
    flac = (made.folder / "good" / "song 1.flac").read_bytes()
    add("cut in its header.flac", flac[:60], "")
    soundfile.write(bad / "silent.wav", np.zeros(RATE_HZ * 3, np.float32), RATE_HZ)
    made.bad[bad / "silent.wav"] = "silent"
    soundfile.write(bad / "0.2 s.wav", tune(0.2), RATE_HZ)
    made.bad[bad / "0.2 s.wav"] = "too short"


def _bad_kinds(made: BadFolder) -> None:
    """Names that promise audio and are no readable files."""
    bad = made.folder / "bad"
    (bad / "dangling.mp3").symlink_to("no such file.mp3")
    made.bad[bad / "dangling.mp3"] = "dangling"
    (bad / "loop.mp3").symlink_to("loop.mp3")
    made.bad[bad / "loop.mp3"] = "itself"
    os.mkfifo(bad / "pipe.mp3")
    made.bad[bad / "pipe.mp3"] = "named pipe"
    # The socket's name in a relative path: socket addresses are short.
    here = Path.cwd()
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(bad)
        try:
            server.bind("socket.flac")
        finally:
            os.chdir(here)
    made.bad[bad / "socket.flac"] = "socket"
    secret = bad / "no permission.wav"
    soundfile.write(secret, tune(3.0, seed=30), RATE_HZ)
    secret.chmod(0)
    if os.access(secret, os.R_OK):
        secret.unlink()
        made.skipped.append("a file and a folder without read permission: root reads everything")
        return
    made.bad[secret] = "permission"
    closed = bad / "no permission"
    closed.mkdir(mode=0)
    made.bad[closed] = "permission"


def index_while_vanishing(
    made: BadFolder, library: Path, options: list[str]
) -> tuple[int, str, str]:
    """Run ``partwise index`` and remove ``made.vanishing`` once the folder has been scanned.

    Returns exit code, standard output and standard error.
    """
    command = [sys.executable, "-m", "partwise", "index", str(made.folder), *options]
    process = subprocess.Popen(
        ended_with_parent([*command, "--library", str(library)]),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
    )
    # A new library is made after the scan, and before the first file is read.
    while process.poll() is None and not library.exists():
        time.sleep(0.001)
    made.vanishing.unlink()
    out, err = process.communicate()
    return process.returncode, out, err


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument(
        "--work", type=Path, default=Path(tempfile.gettempdir()) / "partwise-bad-files"
    )
    arguments = parser.parse_args()
    for path in arguments.work.rglob("no permission*"):
        path.chmod(0o700)
    shutil.rmtree(arguments.work, ignore_errors=True)
    made = build(arguments.work / "music")
    for line in made.skipped:
        print(f"not tried here: {line}")
    library = arguments.work / "library"
    options = [] if arguments.model is None else ["--model", str(arguments.model)]
    print(f"$ partwise index {made.folder} --library {library}", flush=True)
    code, out, err = index_while_vanishing(made, library, options)
    print(f"{err}{out}exit code {code}\n\n$ partwise status --library {library}", flush=True)
    status = [sys.executable, "-m", "partwise", "status", "--library", str(library)]
    return max(code, subprocess.run(status).returncode)


if __name__ == "__main__":
    sys.exit(main())
