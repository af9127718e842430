"""``partwise doctor``: what partwise runs with here, and what to do where something is amiss."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer

from partwise.commands.console import LIBRARY
from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise.paths import library_folder, path_to_text, shown

# Decoders of FFmpeg by what people call the files.
_DECODERS = {
    "mp3": "mp3float",
    "flac": "flac",
    "ogg": "vorbis",
    "opus": "opus",
    "aac, m4a": "aac",
    "alac": "alac",
    "wma": "wmav2",
    "wav": "pcm_s16le",
}
_PACKAGES = ("av", "numpy", "onnxruntime", "lancedb", "pyarrow", "soundfile", "soxr")
_PAGE = ("fastapi", "uvicorn", "jinja2", "multipart")
_LEAST_DISK_BYTES = 1 << 30
_LEAST_MEMORY_BYTES = 1 << 30
_LEAST_SPEED = 20.0  # seconds of music a second: below it a library of some size takes days
_TRIED_S = 20.0


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, whether it is well, what was found, what to do if it is not."""

    name: str
    well: bool
    found: str
    advice: str = ""


def doctor(
    library: Path | None = LIBRARY,
    as_json: bool = typer.Option(False, "--json", help="For programs."),
) -> int:
    """Look at versions, model, decoders, library, disk and machine; say what to do.

    Nothing is written but a probe in the library's folder, and nothing is sent. Ends with 1 where
    something is amiss.
    """
    findings = []
    for look in _LOOKS:
        for finding in look(library):
            findings.append(finding)
            if not as_json:
                print(_line(finding), flush=True)
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    return 0 if all(finding.well for finding in findings) else 1


def _line(finding: Finding) -> str:
    mark = "ok   " if finding.well else "look "
    advice = f": {finding.advice}" if finding.advice else ""
    return f"{mark} {finding.name:<10} {finding.found}{advice}"


def _versions(_: Path | None) -> Iterator[Finding]:
    from partwise import __version__

    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding("partwise", True, f"{__version__}, Python {platform.python_version()}, {system}")
    lacking = [name for name in _PACKAGES if _version(name) is None]
    found = ", ".join(f"{name} {_version(name)}" for name in _PACKAGES if name not in lacking)
    yield Finding(
        "packages",
        not lacking,
        f"without {', '.join(lacking)}" if lacking else found,
        "install partwise anew, in an environment of its own" if lacking else "",
    )
    from importlib.util import find_spec

    page = all(find_spec(name) for name in _PAGE)
    advice = "" if page else "for `partwise serve`: pip install 'partwise[web]'"
    yield Finding("page", page, "can be served" if page else "cannot be served", advice)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _model(_: Path | None) -> Iterator[Finding]:
    import numpy as np

    from partwise.embedding.encoder import load_encoder

    try:
        encoder = load_encoder()
    except PartwiseError as error:
        yield Finding("model", False, str(error), "install partwise anew")
        return
    rate_hz = encoder.settings.sample_rate_hz
    noise = np.random.default_rng(0).normal(0, 0.1, round(_TRIED_S * rate_hz)).astype(np.float32)
    encoder.embed(noise[: 5 * rate_hz], rate_hz)  # the first call also sets up
    began = time.perf_counter()
    encoder.embed(noise, rate_hz)
    speed = _TRIED_S / (time.perf_counter() - began)
    yield Finding(
        "model",
        speed >= _LEAST_SPEED,
        f"{encoder.digest}, {len(PARTS)} parts; hears {speed:.0f} s of music a second on one core",
        "" if speed >= _LEAST_SPEED else "slow: is the machine busy?",
    )


def _decoders(_: Path | None) -> Iterator[Finding]:
    import av

    lacking = [name for name, codec in _DECODERS.items() if codec not in av.codecs_available]
    yield Finding(
        "decoder",
        not lacking,
        f"PyAV {av.__version__}: {', '.join(name for name in _DECODERS if name not in lacking)}",
        f"cannot read {', '.join(lacking)}: install av from PyPI" if lacking else "",
    )


def _library(option: Path | None) -> Iterator[Finding]:
    from partwise.library.library import Library
    from partwise.library.tables.disk import check_disk

    try:
        folder = library_folder(option)
        if Library(folder).exists:
            state = Library.open(folder).status()
            failed = f", {len(state.failed)} files failed" if state.failed else ""
            yield Finding("library", True, f"{shown(folder)}: {state.tracks} tracks{failed}")
            check_disk(folder)
        else:
            yield Finding("library", True, f"none yet at {shown(folder)}", "partwise index FOLDER")
    except PartwiseError as error:
        yield Finding("library", False, str(error), "" if "`partwise" in str(error) else _CHECK)
        return
    there = next((place for place in (folder, *folder.parents) if place.exists()), Path("/"))
    free = shutil.disk_usage(there).free
    advice = "" if free >= _LEAST_DISK_BYTES else "make room, or set PARTWISE_LIBRARY elsewhere"
    yield Finding("disk", not advice, f"{free / 1e9:.1f} GB free at {path_to_text(there)}", advice)


_CHECK = "partwise check"


def _machine(_: Path | None) -> Iterator[Finding]:
    from partwise.hearing.child import cores

    features = _processor_features()
    words = f"{cores()} cores" + (f", {', '.join(features)}" if features else "")
    old = platform.machine() in ("x86_64", "AMD64") and bool(features) and "avx2" not in features
    advice = "a processor without AVX2 is several times slower" if old else ""
    yield Finding("processor", not old, words, advice)
    memory = _memory_bytes()
    if memory is not None:
        advice = "" if memory >= _LEAST_MEMORY_BYTES else "index with --jobs 1"
        yield Finding("memory", not advice, f"{memory / 1e9:.1f} GB", advice)


def _processor_features() -> list[str]:
    """What makes hearing fast, where Linux tells; nothing elsewhere."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        return []
    known = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "asimd", "asimddp", "i8mm")
    return [name for name in known if name in flags]


def _memory_bytes() -> int | None:
    """Of the machine, or what a container was given; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    try:
        most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return None
    try:
        given = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        return most
    return min(most, int(given)) if given.isdigit() else most


def _privacy(_: Path | None) -> Iterator[Finding]:
    off = os.environ.get("ORT_DISABLE_TELEMETRY") == "1"
    advice = "" if off else "your ORT_DISABLE_TELEMETRY lets ONNX Runtime report: unset it"
    yield Finding("telemetry", off, "off" if off else "on", advice)


_LOOKS: tuple[Callable[[Path | None], Iterator[Finding]], ...] = (
    _versions,
    _model,
    _decoders,
    _library,
    _machine,
    _privacy,
)
