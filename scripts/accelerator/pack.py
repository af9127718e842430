"""Packs what a far machine lacks into `.accelerator/`: MIDI, SoundFonts, FluidSynth, wheels.

Run it here, where there is a network; what is already in the folder is kept. Ends with a table of
sizes, and with exit code 1 when code and kit together are more than may travel.
"""

from __future__ import annotations

import argparse
import csv
import io
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from accelerator import kit
from accelerator.midi_window import Window, cut
from accelerator.small_font import shrink, shrink_hit
from partwise.errors import PartwiseError
from partwise.hearing.child import end_with_parent
from partwise_lab.synthesis.midi import title_of
from partwise_lab.synthesis.render import RenderSettings
from partwise_lab.synthesis.soundfont import family_of

REPOSITORY = Path(__file__).resolve().parents[2]
# One family is never heard in training; it is carried as it is, so that test sets are alike.
TRAIN_FONTS = (
    "FluidR3_GM.sf2",
    "TimGM6mb.sf2",
    "OPL-3_FM_128M.sf2",
    "Black_Pearl_4_LV2.sf2",
    "Red_Zeppelin_4_LV2.sf2",
)
TEST_FONTS = ("sf_GMbank.sf2",)
# What rendering, training and evaluating import and the far machine's Python has not.
WHEELS = ("soundfile", "soxr", "mido", "cffi")
_COLUMNS: list[str] = ["file", "original_path", "source", "licence"]  # of a MIDI folder's index.csv
_GLIBC = (28, 27, 17)  # tags of wheels are matched exactly, so several are named
# Code for x86 packs smaller through this filter.
_FILTERS = [
    {"id": lzma.FILTER_X86},
    {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME},
]


def main(arguments: Sequence[str] | None = None) -> int:
    args = _arguments(arguments)
    args.kit.mkdir(parents=True, exist_ok=True)
    try:
        once(args.kit / kit.MIDI, partial(pack_midi, args.midi, args.seconds, args.pieces))
        for split, fonts in (("train", args.train_font), ("test", args.test_font)):
            once(args.kit / kit.FONTS[split], partial(pack_fonts, fonts, args.quality, split))
        if args.drumkits:
            once(args.kit / kit.DRUMKITS, partial(pack_drumkits, args.drumkits, args.quality))
        once(args.kit / kit.FLUIDSYNTH, pack_fluidsynth)
        once(args.kit / kit.WHEELS, partial(pack_wheels, args.python))
        if args.voices:
            once(args.kit / kit.VOICES, partial(pack_voices, args.voices))
    except PartwiseError as error:
        print(f"pack: {error}", file=sys.stderr)
        return 2
    found = kit.rows(REPOSITORY, args.kit)
    print(kit.table(found))
    if kit.fits(found):
        return 0
    print(f"pack: delete {args.kit / kit.MIDI} and pack with fewer --pieces", file=sys.stderr)
    return 1


def once(place: Path, make: Callable[[Path], None]) -> None:
    """Make a file or folder of the kit if it is not there; it appears only when it is whole."""
    if place.exists():
        print(f"{place} is there already")
        return
    partial_place = place.with_name(f".partial-{place.name}")
    if partial_place.is_dir():
        shutil.rmtree(partial_place)
    make(partial_place)
    os.replace(partial_place, place)


def pack_midi(folder: Path, seconds: float, pieces: int, out: Path) -> None:
    """Cut `pieces` usable MIDI files to the window that would be rendered."""
    index = folder / "index.csv"
    if not index.exists():
        raise PartwiseError(f"{index} is needed: a CSV with the columns file and original_path")
    with index.open(newline="", encoding="utf-8") as file:
        index_rows: dict[str, dict] = {row["file"]: row for row in csv.DictReader(file)}
    names = {name: row["original_path"] for name, row in index_rows.items()}
    settings = RenderSettings()
    work = partial(
        cut,
        seconds=seconds,
        min_parts=settings.min_parts,
        min_activity=settings.min_activity,
    )
    chosen: list[Window] = []
    with ProcessPoolExecutor(initializer=end_with_parent) as pool:
        paths = [folder / name for name in titles_first(names)]
        for count, result in enumerate(pool.map(work, paths, chunksize=16), start=1):
            if isinstance(result, Window):
                chosen.append(result)
            if count % 500 == 0:
                print(f"{count} of {len(paths)} MIDI files read, {len(chosen)} usable", flush=True)
            if len(chosen) == pieces:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    chosen.sort(key=lambda window: window.name)
    table = io.StringIO()
    writer = csv.DictWriter(table, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(index_rows[window.name] for window in chosen)
    with (
        lzma.open(out, "wb", filters=_FILTERS[1:]) as file,
        tarfile.open(None, "w", file) as archive,
    ):
        _add(archive, "midi/index.csv", table.getvalue().encode())
        for window in chosen:
            _add(archive, f"midi/{window.name}", window.data)
    print(f"{len(chosen)} of {len(names)} MIDI files are packed")


def titles_first(names: dict[str, str]) -> list[str]:
    """The files of `names` (file -> original path): every title once, then every title again."""
    seen: Counter[str] = Counter()
    ranked = []
    for name, original in sorted(names.items()):
        title = title_of(original)
        ranked.append((seen[title], name))
        seen[title] += 1
    return [name for _, name in sorted(ranked)]


def pack_fonts(fonts: Sequence[Path], quality: float, split: str, out: Path) -> None:
    """Training fonts are made small; test fonts stay as they are (and are packed with xz)."""
    out.mkdir()
    for font in fonts:
        if not font.exists():
            raise PartwiseError(f"SoundFont {font} does not exist")
        if split == "test":
            (out / f"{font.name}.xz").write_bytes(lzma.compress(font.read_bytes(), preset=9))
        else:
            shrink(font, out / f"{font.stem}.tables.xz", out / f"{font.stem}.ogg", quality=quality)
        print(f"{font.name}: family {family_of(font)}, for {split}", flush=True)


def pack_drumkits(folder: Path, quality: float, out: Path) -> None:
    """Every Hydrogen kit below `folder`, each sample under its own name but small."""
    records = sorted(folder.glob("*/drumkit.xml"))
    # AVL's kits are among the SoundFonts already.
    records = [record for record in records if family_of(record.parent) != "avl"]
    if not records:
        raise PartwiseError(f"no drum kit below {folder}")
    with tarfile.open(out, "w") as archive:
        for record in records:
            for path in sorted(record.parent.iterdir()):
                name = f"drumkits/{record.parent.name}/{path.name}"
                if path == record:
                    _add(archive, name, path.read_bytes())
                elif path.suffix.lower() in (".wav", ".flac", ".aif", ".aiff", ".ogg"):
                    _add(archive, name, shrink_hit(path, quality=quality))
    print(f"{len(records)} drum kits")


def pack_fluidsynth(out: Path) -> None:
    """This machine's FluidSynth with every library that it loads, the C library and loader too.

    So it runs whatever libraries the far machine has; `unpack` writes the line that starts it.
    """
    program = shutil.which("fluidsynth")
    if program is None:
        raise PartwiseError("FluidSynth is not installed: try `apt-get install fluidsynth`")
    listed = subprocess.run(["ldd", program], capture_output=True, check=True, text=True).stdout
    libraries = {word for word in listed.split() if word.startswith("/")}
    with _archive(out, _FILTERS) as archive:
        archive.add(os.path.realpath(program), "fluidsynth/program")
        for library in sorted(libraries):
            archive.add(os.path.realpath(library), f"fluidsynth/lib/{Path(library).name}")


def pack_wheels(python: str, out: Path) -> None:
    """Wheels for the far machine's Python, of the versions in constraints.txt."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(out)]
    command += ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    for minor in _GLIBC:
        command += ["--platform", f"manylinux_2_{minor}_x86_64"]
    command += ["--platform", "manylinux2014_x86_64"]
    command += ["--constraint", str(REPOSITORY / "constraints.txt"), *WHEELS]
    if subprocess.run(command, check=False).returncode != 0:
        raise PartwiseError(f"pip could not download {', '.join(WHEELS)} for Python {python}")


def pack_voices(bank: Path, out: Path) -> None:
    if not (bank / "voices.json").exists():
        raise PartwiseError(f"{bank} is no voice bank: make one with `partwise-lab voices`")
    shutil.copytree(bank, out)


@contextmanager
def _archive(out: Path, filters: list[dict]) -> Iterator[tarfile.TarFile]:
    with lzma.open(out, "wb", filters=filters) as file, tarfile.open(None, "w", file) as archive:
        yield archive


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    fonts = Path("/usr/share/sounds/sf2")
    parser = argparse.ArgumentParser(prog="pack.sh", description=__doc__)
    add = parser.add_argument
    add("--midi", type=Path, required=True, help="folder of MIDI files with an index.csv")
    add("--kit", type=Path, default=REPOSITORY / kit.KIT, help="folder to pack into")
    add("--pieces", type=int, default=4000, help="most MIDI files to carry")
    add("--seconds", type=float, default=40.0, help="length of the window cut from each file [s]")
    add("--train-font", type=Path, nargs="+", default=[fonts / name for name in TRAIN_FONTS])
    add("--test-font", type=Path, nargs="+", default=[fonts / name for name in TEST_FONTS])
    add("--drumkits", type=Path, help="folder of Hydrogen drum kits to carry")
    add("--quality", type=float, default=0.3, help="of the samples of training fonts, 0..1")
    add("--voices", type=Path, help="folder of a voice bank to carry")
    add("--python", default="3.12", help="the far machine's Python")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
