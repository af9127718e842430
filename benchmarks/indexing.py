"""How many seconds of audio one core hears per second, step by step.

    python benchmarks/indexing.py                    mp3 and flac of 3 minutes, 5 repeats
    python benchmarks/indexing.py --hours 10         also a ten-hour flac: speed and peak memory
    python benchmarks/indexing.py --json out.json

Everything runs in one process bound to one core: decoding alone (soundfile and PyAV, to mono),
resampling, log-mel, the network, and the whole of ``embed_file``. Each figure is the median of the
repeats; the steps take turns within a repeat, so that a busy machine disturbs all of them alike.
Times are of the processor (a core shared with other programs counts only what it did here); the
last row is the same as the one above it by the clock on the wall. Log-mel and network are given per
second of the *recording*: a model that hears windows (`window_s`) hears every second once, another
hears it twice in segments of 10 s every 5 s.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import av
import av.audio
import numpy as np
import soundfile

from partwise.audio import readers
from partwise.audio.decode import decode
from partwise.audio.mono import Downmix
from partwise.audio.resample import resample
from partwise.audio.segment import HOP_S, SEGMENT_S, segments
from partwise.embedding.encoder import Encoder, load_encoder
from partwise.embedding.windows import windows_of
from partwise.hearing.child import ended_with_parent

RATE_HZ = 44100
BATCH = 4
WHOLE, WALL = "embed_file, all of it", "embed_file, wall clock"


def synthesise(seconds: int, seed: int = 0) -> np.ndarray:
    """A stereo band, float32 [n, 2]: decaying chords, a bass, drums of noise, 120 beats a minute.

    Dense enough in time and frequency that codecs have as much to do as on a recording.
    """
    rng = np.random.default_rng(seed)
    beat = RATE_HZ // 2
    time_s = np.arange(beat * 4) / RATE_HZ
    fade = np.exp(-3.0 * time_s)
    bars = []
    for _ in range(seconds // 2 + 1):
        root = 55.0 * 2 ** (rng.integers(0, 12) / 12)
        bar = np.zeros((beat * 4, 2), np.float32)
        for ratio in (1, 2, 2.52, 3, 4, 5.04, 6, 8):
            for harmonic in range(1, 9):
                phase, place = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.8)
                wave = np.sin(2 * np.pi * root * ratio * harmonic * time_s + phase) * fade
                bar += (0.05 / harmonic * wave)[:, None] * [place, 1 - place]
        for index in range(8):
            start = index * beat // 2
            length = min(beat // 2, len(bar) - start)
            hit = rng.normal(0, 0.15, length) * np.exp(
                -np.arange(length) / (400 + 900 * (index % 2))
            )
            bar[start : start + length] += hit[:, None]
        bars.append(bar)
    music = np.concatenate(bars)[: seconds * RATE_HZ]
    music += rng.normal(0, 1e-3, music.shape)
    return (music / np.abs(music).max() * 0.9).astype(np.float32)


def write_flac(path: Path, music: np.ndarray, repeats: int = 1) -> Path:
    with soundfile.SoundFile(str(path), "w", RATE_HZ, 2, "PCM_16") as file:
        for _ in range(repeats):
            for start in range(0, len(music), 1 << 16):
                file.write(music[start : start + (1 << 16)])
    return path


def write_mp3(path: Path, music: np.ndarray) -> Path:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libmp3lame", rate=RATE_HZ, layout="stereo")
        assert isinstance(stream, av.audio.AudioStream)
        stream.bit_rate = 192_000
        for start in range(0, len(music), 1 << 16):
            block = np.ascontiguousarray(music[start : start + (1 << 16)].reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, format="flt", layout="stereo")
            frame.sample_rate, frame.pts = RATE_HZ, start
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def drain(read: Callable, path: Path) -> None:
    with open(path, "rb", buffering=0) as file:
        for _ in read(file, readers.Report(), Downmix().mix):
            pass


def windows(samples: np.ndarray, encoder: Encoder) -> list[np.ndarray]:
    """What the network hears of a recording, one after the other: float32 [n] each."""
    rate_hz, window_s = encoder.settings.sample_rate_hz, encoder.config.window_s
    window = None if window_s is None else round(window_s * rate_hz)
    heard: dict[tuple[int, int], np.ndarray] = {}
    for segment in segments([samples], rate_hz):
        begin = round(segment.start_s * rate_hz)
        for bounds in windows_of(begin, len(segment.samples), window):
            heard[bounds] = samples[slice(*bounds)]
    return list(heard.values())


def measure(path: Path, repeats: int, model: str | None) -> dict[str, float]:
    """Seconds of audio per second of one core, for each step."""
    encoder = load_encoder(model)
    rate_hz = encoder.settings.sample_rate_hz
    audio = decode(path)
    resampled = resample(audio.samples, audio.sample_rate_hz, rate_hz)
    cut = windows(resampled, encoder)
    log_mel = np.stack([encoder.logmel(samples) for samples in cut])

    def network() -> None:
        for start in range(0, len(log_mel), BATCH):
            encoder.encode(log_mel[start : start + BATCH])

    steps: dict[str, Callable[[], object]] = {
        "decode, soundfile": lambda: drain(readers.read_with_soundfile, path),
        "decode, PyAV": lambda: drain(readers.read_with_av, path),
        "resample": lambda: resample(audio.samples, audio.sample_rate_hz, rate_hz),
        "log-mel": lambda: [encoder.logmel(samples) for samples in cut],
        "network": network,
        WHOLE: lambda: encoder.embed_file(path),
    }
    taken: dict[str, list[float]] = {name: [] for name in [*steps, WALL]}
    for _ in range(repeats):
        for name, step in steps.items():
            begun, wall = time.process_time(), time.perf_counter()
            step()
            taken[name].append(time.process_time() - begun)
        taken[WALL].append(time.perf_counter() - wall)  # of the last step
    return {name: audio.seconds / statistics.median(times) for name, times in taken.items()}


def measure_long(folder: Path, hours: float, model: str | None) -> dict[str, float]:
    """Embed a long flac in a process of its own; its speed and peak memory."""
    music = synthesise(60)
    path = write_flac(folder / "long.flac", music, max(1, round(hours * 60)))
    code = (
        "import sys, time, resource\n"
        "from partwise.embedding.encoder import load_encoder\n"
        "begun = time.process_time()\n"
        "heard = load_encoder(sys.argv[2] or None).embed_file(sys.argv[1])\n"
        "taken = time.process_time() - begun\n"
        "peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "if sys.platform == 'linux':\n"  # where ru_maxrss includes the process it came from
        "    peak = open('/proc/self/status').read().split('VmHWM:')[1].split()[0]\n"
        "print(heard.seconds, len(heard), taken, peak)\n"
    )
    command = [sys.executable, "-c", code, str(path), model or ""]
    command = ended_with_parent(command)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    path.unlink()
    seconds, count, taken, peak = map(float, done.stdout.split())
    return {
        "hours": seconds / 3600,
        "segments": count,
        "seconds_per_second": seconds / taken,
        "peak_mb": peak * (1 if sys.platform == "darwin" else 1024) / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=180, help="length of the files")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--hours", type=float, default=0.0, help="also embed a flac this long")
    parser.add_argument("--model", help="an ONNX file; default: the shipped weights")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    results: dict[str, object] = {
        "machine": processor(),
        "python": platform.python_version(),
        "versions": {
            "soundfile": soundfile.__version__,
            "av": av.__version__,
            "numpy": np.__version__,
            "onnxruntime": version("onnxruntime"),
        },
        "model": load_encoder(options.model).digest,
        "seconds": options.seconds,
        "repeats": options.repeats,
        "load_average": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory() as folder:
        music = synthesise(options.seconds)
        files = {
            "mp3": write_mp3(Path(folder) / "music.mp3", music),
            "flac": write_flac(Path(folder) / "music.flac", music),
        }
        print(
            f"{results['machine']}, one core, {options.seconds} s of 44.1 kHz stereo, segments of"
        )
        print(f"{SEGMENT_S:g} s every {HOP_S:g} s, median of {options.repeats}; times real time")
        speeds = {n: measure(path, options.repeats, options.model) for n, path in files.items()}
        results["speeds"] = speeds
        print(f"\n{'':24}{'mp3':>8}{'flac':>8}")
        for step in speeds["mp3"]:
            print(f"{step:24}{speeds['mp3'][step]:8.0f}{speeds['flac'][step]:8.0f}")
        if options.hours > 0:
            long = measure_long(Path(folder), options.hours, options.model)
            results["long"] = long
            print(
                f"\n{long['hours']:.1f} h of flac, {long['segments']:.0f} segments: "
                f"{long['seconds_per_second']:.0f} times real time, "
                f"peak memory {long['peak_mb']:.0f} MB"
            )
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
