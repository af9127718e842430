"""Render MIDI to stems with SoundFonts: a Slakh-shaped folder per piece, made by FluidSynth.

Layout of the result::

    OUT/render.json                  how it was made (seed, fonts, seconds, split), and a digest
    OUT/skipped.csv                  MIDI files that could not be used, and why
    OUT/<piece>/metadata.json        title, window, font, family, programs and effects of each part
    OUT/<piece>/stems/<part>.flac    mono, 16 bit; only the parts that sound
    OUT/<piece>/mix.flac             the sum of the stems

Each piece is drawn from a generator seeded by (seed, file), so the result does not depend on the
number of jobs or on what was rendered before. A piece's folder appears by one rename when it is
whole: interrupting is safe and running again goes on.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile

from partwise.datasets.midi import MidiPiece, best_window, read_midi, title_of, write_window
from partwise.datasets.soundfont import SoundFont, read_soundfont
from partwise.datasets.voices import Voice, draw_voice, playing
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part

SPLITS = {"train": range(80), "valid": range(80, 90), "test": range(90, 100)}


@dataclass(frozen=True)
class RenderSettings:
    """How stems are made.

    seconds : length of the window taken from each piece, > 0 [s].
    min_parts : pieces with fewer parts sounding in `min_activity` of the seconds are skipped.
    keep_program : chance that a part keeps the programs written in the MIDI file; else one is drawn
        from its General MIDI group, so that timbre and composition are not tied.
    """

    seconds: float = 40.0
    sample_rate_hz: int = 22050
    min_parts: int = 4
    min_activity: float = 0.25
    keep_program: float = 0.3
    seed: int = 0


def split_of(title: str) -> str:
    """The split (train, valid, test) that a title belongs to, by its hash: 80/10/10."""
    slot = int.from_bytes(hashlib.blake2b(title.encode(), digest_size=4).digest(), "big") % 100
    return next(name for name, slots in SPLITS.items() if slot in slots)


def read_titles(path: Path) -> dict[str, str]:
    """File name -> title, from a CSV with columns `file` and `original_path`."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return {row["file"]: title_of(row["original_path"]) for row in csv.DictReader(file)}
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise PartwiseError(
            f"{path} cannot be used for titles: a CSV with the columns file and original_path "
            f"is needed ({type(error).__name__}: {error})"
        ) from None


def check_fluidsynth() -> None:
    """Raises PartwiseError when the `fluidsynth` program is not installed."""
    if shutil.which("fluidsynth") is None:
        raise PartwiseError("FluidSynth is not installed: try `apt-get install fluidsynth`")


def render_folder(
    midi_folder: Path,
    out: Path,
    fonts: Sequence[Path],
    settings: RenderSettings,
    *,
    split: str | None = None,
    titles: Path | None = None,
    limit: int | None = None,
    jobs: int | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> tuple[int, int]:
    """Render the MIDI files below `midi_folder` into `out`; returns (pieces there, files skipped).

    Files are taken in the order of their hash until `limit` pieces exist. `split` keeps only the
    titles of one split. `progress(done, skipped, target)` is called after each file.
    Raises PartwiseError for missing fonts, MIDI or FluidSynth, and when `out` was rendered with
    other settings.
    """
    check_fluidsynth()
    if split is not None and split not in SPLITS:
        raise PartwiseError(f"unknown split {split!r}: choose from {', '.join(SPLITS)}")
    library = [read_soundfont(font) for font in fonts]
    for part in (Part.DRUMS, Part.OTHER):
        if not playing(library, part):
            kind = "drums" if part is Part.DRUMS else "melodies"
            raise PartwiseError(f"no SoundFont given can play {kind}: add one with --soundfont")
    midi = _midi_files(midi_folder)
    names = read_titles(titles) if titles else {}
    if split:
        midi = [p for p in midi if split_of(names.get(p.name) or title_of(p.name)) == split]
    _claim(out, settings, library, split)
    target = min(limit or len(midi), len(midi))
    skipped = _read_skipped(out)
    todo = [p for p in midi if p.stem not in skipped]
    done = 0
    pending: dict = {}
    queue = iter(todo)
    with ProcessPoolExecutor(jobs or os.cpu_count()) as pool:
        try:
            exhausted = False
            while True:
                # Never more in flight than could still be needed, so that the limit is exact.
                while not exhausted and done + len(pending) < target and len(pending) < 64:
                    path = next(queue, None)
                    if path is None:
                        exhausted = True
                        break
                    if (out / path.stem / "metadata.json").exists():
                        done += 1
                        continue
                    title = names.get(path.name) or title_of(path.name)
                    pending[pool.submit(_render_safely, path, out, title, library, settings)] = path
                if progress:
                    progress(done, len(skipped), target)
                if not pending:
                    break
                finished, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    path = pending.pop(future)
                    reason = future.result()
                    if reason is None:
                        done += 1
                    else:
                        skipped[path.stem] = reason
                        with (out / "skipped.csv").open("a", newline="") as file:
                            csv.writer(file).writerow([path.stem, reason])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return done, len(skipped)


def _midi_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise PartwiseError(f"MIDI folder {folder} does not exist")
    files = [p for p in folder.rglob("*") if p.suffix.lower() in (".mid", ".midi", ".kar")]
    if not files:
        raise PartwiseError(f"no MIDI file below {folder}")
    return sorted(files, key=lambda p: hashlib.blake2b(p.name.encode(errors="replace")).digest())


def _claim(out: Path, settings: RenderSettings, fonts: list[SoundFont], split: str | None) -> None:
    """Write down how `out` is made, or check that it was made the same way."""
    made = asdict(settings) | {
        "format": 1,
        "split": split,
        "soundfonts": sorted(font.path.name for font in fonts),
        "families": sorted({font.family for font in fonts}),
    }
    record = out / "render.json"
    out.mkdir(parents=True, exist_ok=True)
    if record.exists():
        before = json.loads(record.read_text())
        changed = [key for key in made if before.get(key) != made[key]]
        if changed:
            key = changed[0]
            raise PartwiseError(
                f"{out} was rendered with {key} = {before.get(key)}, not {made[key]}: "
                "choose another folder or the same settings"
            )
    record.write_text(json.dumps(made, indent=1) + "\n")


def _read_skipped(out: Path) -> dict[str, str]:
    path = out / "skipped.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row[0]: row[1] for row in csv.reader(file) if len(row) == 2}


def _render_safely(
    midi: Path, out: Path, title: str, fonts: list[SoundFont], settings: RenderSettings
) -> str | None:
    """None when the piece was written, else the reason why it was skipped."""
    try:
        render_piece(midi, out, title, fonts, settings)
    except PartwiseError as error:
        return str(error)
    return None


def render_piece(
    midi: Path, out: Path, title: str, fonts: list[SoundFont], settings: RenderSettings
) -> None:
    """Render one MIDI file into `out / midi.stem`.

    Raises PartwiseError when the file is broken or too few parts sound in it.
    """
    piece = read_midi(midi)
    start_s, shares = best_window(piece, settings.seconds)
    active = [part for part in PARTS if shares[part] >= settings.min_activity]
    if len(active) < settings.min_parts:
        raise PartwiseError(f"{midi} has only {len(active)} parts that sound long enough")
    seed = int.from_bytes(
        hashlib.blake2b(f"{settings.seed}/{midi.name}".encode(), digest_size=8).digest(), "big"
    )
    rng = np.random.default_rng(seed)
    with tempfile.TemporaryDirectory(prefix=".render-", dir=out) as folder:
        work = Path(folder)
        stems: dict[Part, np.ndarray] = {}
        voices: dict[str, dict] = {}
        for part in PARTS:
            voice = draw_voice(part, fonts, piece, rng, settings.keep_program)
            if part not in active:
                continue
            samples = _synthesise(piece, part, start_s, voice, settings, work)
            if np.max(np.abs(samples), initial=0.0) > 1e-3:
                stems[part] = samples
                voices[part] = voice.metadata() | {"activity": round(shares[part], 3)}
        if len(stems) < settings.min_parts:
            raise PartwiseError(f"{midi} renders to only {len(stems)} parts that can be heard")
        mix = np.sum(list(stems.values()), axis=0)
        scale = 0.9 / max(
            1e-9, float(np.max(np.abs(mix))), *(np.abs(s).max() for s in stems.values())
        )
        final = work / "piece"
        (final / "stems").mkdir(parents=True)
        for part, samples in stems.items():
            _write_flac(final / "stems" / f"{part}.flac", samples * scale, settings)
        _write_flac(final / "mix.flac", mix * scale, settings)
        metadata = {
            "title": title,
            "midi": midi.name,
            "start_s": start_s,
            "seconds": settings.seconds,
            "sample_rate_hz": settings.sample_rate_hz,
            "stems": voices,
        }
        (final / "metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")
        target = out / midi.stem
        shutil.rmtree(target, ignore_errors=True)
        os.rename(final, target)


def _synthesise(
    piece: MidiPiece,
    part: Part,
    start_s: float,
    voice: Voice,
    settings: RenderSettings,
    work: Path,
) -> np.ndarray:
    """One part of the window as float32 [samples], played by FluidSynth."""
    midi = work / f"{part}.mid"
    raw = work / f"{part}.raw"
    write_window(
        piece,
        part,
        start_s,
        settings.seconds,
        midi,
        program_of=voice.program_of,
        channel=0 if voice.font.drums_only else None,
    )
    command = ["fluidsynth", "-n", "-i", "-q", "-g", "0.5", "-r", str(settings.sample_rate_hz)]
    options = {
        "synth.dynamic-sample-loading": 1,
        "synth.cpu-cores": 1,
        "synth.reverb.active": int(voice.reverb),
        "synth.reverb.room-size": voice.reverb_room,
        "synth.reverb.level": voice.reverb_level,
        "synth.chorus.active": int(voice.chorus),
    }
    for name, value in options.items():
        command += ["-o", f"{name}={value}"]
    command += ["-T", "raw", "-O", "float", "-F", str(raw), str(voice.font.path), str(midi)]
    try:
        result = subprocess.run(command, capture_output=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        raise PartwiseError(f"{piece.path}: FluidSynth did not finish {part} in 300 s") from None
    if result.returncode != 0 or not raw.exists():
        cause = result.stderr.decode(errors="replace").strip().splitlines()
        raise PartwiseError(
            f"{piece.path}: FluidSynth failed on {part}: {cause[-1] if cause else 'no message'}"
        )
    stereo = np.fromfile(raw, dtype=np.float32)
    raw.unlink()
    samples = stereo[: len(stereo) // 2 * 2].reshape(-1, 2).mean(axis=1)
    length = round(settings.seconds * settings.sample_rate_hz)
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def _write_flac(path: Path, samples: np.ndarray, settings: RenderSettings) -> None:
    soundfile.write(path, samples, settings.sample_rate_hz, format="FLAC", subtype="PCM_16")
