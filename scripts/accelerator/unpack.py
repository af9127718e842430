"""Unpacks the kit on the far machine; the wheels are unpacked by run.sh before.

usage: python -m accelerator.unpack KIT WORK
"""

from __future__ import annotations

import lzma
import os
import shutil
import sys
import tarfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from accelerator import kit
from accelerator.small_font import restore
from partwise.hearing.child import end_with_parent

_START = '#!/bin/sh\nexec "{lib}/{loader}" --library-path "{lib}" "{program}" "$@"\n'


def unpack(packed: Path, work: Path) -> None:
    """Fill `work` with midi, fonts/train, fonts/test, bin/fluidsynth, and drumkits and voices."""
    for name in (kit.MIDI, kit.FLUIDSYNTH, kit.DRUMKITS):
        if name != kit.DRUMKITS or (packed / name).exists():
            with tarfile.open(packed / name) as archive:
                archive.extractall(work, filter="data")
    write_start(work / "fluidsynth", work / "bin" / "fluidsynth")
    with ProcessPoolExecutor(initializer=end_with_parent) as pool:
        jobs = []
        for split, folder in kit.FONTS.items():
            out = work / "fonts" / split
            out.mkdir(parents=True, exist_ok=True)
            for path in sorted((packed / folder).iterdir()):
                if path.name.endswith(".tables.xz"):
                    stem = path.name.removesuffix(".tables.xz")
                    sound = path.with_name(f"{stem}.ogg")
                    jobs.append(pool.submit(restore, path, sound, out / f"{stem}.sf2"))
                elif path.suffix == ".xz":
                    (out / path.stem).write_bytes(lzma.decompress(path.read_bytes()))
        for job in jobs:
            job.result()
    if (packed / kit.VOICES).is_dir():
        shutil.copytree(packed / kit.VOICES, work / "voices", dirs_exist_ok=True)


def write_start(folder: Path, script: Path) -> None:
    """A script that starts the carried FluidSynth with the loader and libraries beside it."""
    lib = folder.resolve() / "lib"
    loader = next(path.name for path in lib.iterdir() if path.name.startswith("ld-linux"))
    script.parent.mkdir(parents=True, exist_ok=True)
    partial = script.with_suffix(".partial")
    partial.write_text(_START.format(lib=lib, loader=loader, program=lib.parent / "program"))
    partial.chmod(0o755)
    for program in (lib / loader, lib.parent / "program"):
        program.chmod(0o755)
    os.replace(partial, script)


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
