"""Render MIDI to stems with SoundFonts and drum kits: a Slakh-shaped folder per piece.

Layout of the result::

    OUT/render.json                  how it was made (seed, fonts, seconds, split, chances)
    OUT/split.json                   what is in it: pieces, titles, font families, and a digest
    OUT/skipped.csv                  MIDI files that could not be used, and why
    OUT/<piece>/metadata.json        title, window, tempo, and each part's voice: font, family,
                                     programs, tuning, touch and effects
    OUT/<piece>/stems/<part>.flac    mono, 16 bit; only the parts that sound
    OUT/<piece>/mix.flac             the sum of the stems

Each piece is drawn from a generator seeded by (seed, file), so the result does not depend on the
number of jobs or on what was rendered before. Further takes (`<piece>-2`, ...) are the same music
with other voices. A piece's folder appears by one rename when it is whole: interrupting is safe,
also by a full disk, and running again goes on.
"""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import soundfile

from partwise.atomic import write_whole
from partwise.errors import PartwiseError
from partwise.hearing.child import end_with_parent
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import SPLITS, resumable, split_of, write_split
from partwise_lab.synthesis.hydrogen import DrumKit, read_drumkits
from partwise_lab.synthesis.midi import best_window, read_midi
from partwise_lab.synthesis.midi_files import (
    Take,
    chosen_takes,
    find_takes,
    read_index,
    read_skipped,
)
from partwise_lab.synthesis.soundfont import read_soundfont
from partwise_lab.synthesis.synthesis import check_fluidsynth, check_font, play_part
from partwise_lab.synthesis.voices import Instrument, band_of, draw_players, number_of, playing

_AT_ONCE = 64  # files handed out to the workers


@dataclass(frozen=True)
class RenderSettings:
    """How stems are made.

    seconds : length of the window taken from each piece, > 0 [s].
    min_parts : pieces with fewer parts sounding in `min_activity` of the seconds are skipped.
    keep_program : chance that a part keeps the programs written in the MIDI file; else one is drawn
        from its General MIDI group, so that timbre and composition are not tied.
    tuning_cents : how far a part may be out of tune; 0 for never.
    touch : chance that a part's velocities go through a curve of its own.
    effects : chance that a part goes through a chain of effects.
    bands : so many bands play all pieces, each with the same voices in all of its pieces; 0 for
        other voices in every piece.
    """

    seconds: float = 40.0
    sample_rate_hz: int = 22050
    min_parts: int = 4
    min_activity: float = 0.25
    keep_program: float = 0.3
    tuning_cents: float = 40.0
    touch: float = 0.8
    effects: float = 0.8
    bands: int = 0
    seed: int = 0


# What folders rendered before these settings existed were made with.
_BEFORE = {
    "tuning_cents": 0.0,
    "touch": 0.0,
    "effects": 0.0,
    "bands": 0,
    "drumkits": [],
    "sources": [],
    "licensed": False,
}


def render_folder(
    midi: Path | Sequence[Path],
    out: Path,
    fonts: Sequence[Path],
    settings: RenderSettings,
    *,
    drumkits: Sequence[Path] = (),
    split: str | None = None,
    titles: Path | Sequence[Path] | None = None,
    sources: Sequence[str] = (),
    licensed: bool = False,
    limit: int | None = None,
    takes: int = 1,
    jobs: int | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> tuple[int, int]:
    """Render the MIDI files below folders into `out`; returns (pieces there, files skipped).

    Files are taken in the order of their hash until `limit` pieces exist, and again for each
    further take. `split` keeps only the titles of one split, `licensed` and `sources` (texts found
    in the columns source or licence) only what the indexes in `titles` say so of.
    `progress(done, skipped, target)` is called after each file.
    Raises PartwiseError for missing fonts, MIDI or FluidSynth, when `out` was rendered with other
    settings, and when the disk is full.
    """
    check_fluidsynth()
    if split is not None and split not in SPLITS:
        raise PartwiseError(f"unknown split {split!r}: choose from {', '.join(SPLITS)}")
    library = _instruments(fonts, drumkits)
    indexes = [titles] if isinstance(titles, Path) else titles or []
    index = {name: entry for path in indexes for name, entry in read_index(path).items()}
    first = find_takes([midi] if isinstance(midi, Path) else midi, index)
    first = chosen_takes(first, index, sources, licensed)
    if split:
        first = [take for take in first if split_of(take.title) == split]
    target = min(limit or len(first), len(first)) * takes
    with resumable(out):
        _claim(out, settings, library, split, sources, licensed)
        _sweep(out)
        skipped = read_skipped(out)
        with ProcessPoolExecutor(jobs or os.cpu_count(), initializer=end_with_parent) as pool:
            done = 0
            for number in range(1, takes + 1):
                for finished in _render_takes(
                    [replace(each, number=number) for each in first],
                    target // takes,
                    out,
                    library,
                    settings,
                    skipped,
                    pool,
                ):
                    if progress:
                        progress(done + finished, len(skipped), target)
                done += finished
        if done:
            write_split(out, split)
    return done, len(skipped)


def _render_takes(
    takes: list[Take],
    target: int,
    out: Path,
    library: list[Instrument],
    settings: RenderSettings,
    skipped: dict[str, str],
    pool: ProcessPoolExecutor,
) -> Iterator[int]:
    """Render takes until `target` pieces are there; yields how many are, at first and each time.

    What is skipped is added to `skipped` and to OUT/skipped.csv.
    """
    done, pending, exhausted = 0, {}, False
    queue = iter([take for take in takes if take.piece not in skipped])
    try:
        while True:
            # Never more in flight than could still be needed, so that the limit is exact.
            while not exhausted and done + len(pending) < target and len(pending) < _AT_ONCE:
                take = next(queue, None)
                if take is None:
                    exhausted = True
                elif (out / take.piece / "metadata.json").exists():
                    done += 1
                else:
                    pending[pool.submit(_render_safely, take, out, library, settings)] = take
            yield done
            if not pending:
                return
            finished, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                take = pending.pop(future)
                reason = future.result()
                if reason is None:
                    done += 1
                else:
                    skipped[take.piece] = reason
                    with (out / "skipped.csv").open("a", newline="") as file:
                        csv.writer(file).writerow([take.piece, reason])
    except BrokenProcessPool:
        raise PartwiseError(
            "a rendering process was killed (is there enough memory?): run again with fewer "
            "--jobs, it goes on from here"
        ) from None
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise


def _instruments(fonts: Sequence[Path], drumkits: Sequence[Path]) -> list[Instrument]:
    """The fonts and kits, each seen to be playable; PartwiseError when a part has none."""
    library: list[Instrument] = []
    for path in fonts:
        font = read_soundfont(path)
        check_font(font)
        library.append(font)
    for path in drumkits:
        library += read_drumkits(path)
    for part, kind in ((Part.DRUMS, "drums"), (Part.OTHER, "melodies")):
        if not playing(library, part):
            raise PartwiseError(f"no SoundFont given can play {kind}: add one with --soundfont")
    return library


def _claim(
    out: Path,
    settings: RenderSettings,
    library: list[Instrument],
    split: str | None,
    sources: Sequence[str],
    licensed: bool,
) -> None:
    """Write down how `out` is made, or check that it was made the same way."""
    kits = {font.path.name for font in library if isinstance(font, DrumKit)}
    made = asdict(settings) | {
        "format": 1,
        "split": split,
        "soundfonts": sorted({font.path.name for font in library} - kits),
        "drumkits": sorted(kits),
        "families": sorted({font.family for font in library}),
        "sources": sorted(sources),
        "licensed": licensed,
    }
    record = out / "render.json"
    out.mkdir(parents=True, exist_ok=True)
    if record.exists():
        before = _BEFORE | json.loads(record.read_text())
        changed = [key for key in made if before.get(key) != made[key]]
        if changed:
            key = changed[0]
            raise PartwiseError(
                f"{out} was rendered with {key} = {before.get(key)}, not {made[key]}: "
                "choose another folder or the same settings"
            )
    write_whole(record, json.dumps(made, indent=1) + "\n")


def _sweep(out: Path) -> None:
    """Remove what a killed run left half done, an hour ago or more (another may be going on)."""
    for work in out.glob(".render-*"):
        if time.time() - work.stat().st_mtime > 3600:
            shutil.rmtree(work, ignore_errors=True)


def _render_safely(
    take: Take, out: Path, library: list[Instrument], settings: RenderSettings
) -> str | None:
    """None when the piece was written, else the reason why it was skipped."""
    try:
        render_piece(take, out, library, settings)
    except PartwiseError as error:
        return str(error)
    return None


def render_piece(
    take: Take, out: Path, library: list[Instrument], settings: RenderSettings
) -> None:
    """Render one take into `out / take.piece`.

    Raises PartwiseError when the file is broken or too few parts sound in it.
    """
    piece = read_midi(take.path)
    start_s, shares = best_window(piece, settings.seconds)
    active = [part for part in PARTS if shares[part] >= settings.min_activity]
    if len(active) < settings.min_parts:
        absent = ", ".join(part for part in PARTS if part not in active)
        raise PartwiseError(
            f"{take.path} has only {len(active)} parts that sound long enough (not {absent})"
        )
    band = band_of(take.title, settings.bands) if settings.bands else None
    seed = number_of(f"{settings.seed}/{band}") if band else _seed(take, settings.seed)
    players = draw_players(
        library,
        piece,
        seed,
        keep_program=None if band else settings.keep_program,
        tuning_cents=settings.tuning_cents,
        touch=settings.touch,
        effects=settings.effects,
    )
    with tempfile.TemporaryDirectory(prefix=".render-", dir=out) as folder:
        work = Path(folder)
        stems: dict[Part, np.ndarray] = {}
        voices: dict[str, dict] = {}
        for part in active:
            voice = players[part]
            samples = play_part(
                piece, part, start_s, settings.seconds, voice, settings.sample_rate_hz, work
            )
            if np.max(np.abs(samples), initial=0.0) > 1e-3:
                stems[part] = samples
                voices[part] = voice.metadata() | {"activity": round(shares[part], 3)}
        if len(stems) < settings.min_parts:
            raise PartwiseError(f"{take.path} renders to only {len(stems)} parts that can be heard")
        metadata = {
            "title": take.title,
            "midi": take.path.name,
            "take": take.number,
            "start_s": start_s,
            "seconds": settings.seconds,
            "tempo_bpm": piece.tempo_bpm(start_s, settings.seconds),
            "sample_rate_hz": settings.sample_rate_hz,
            **({"players": band} if band else {}),
            "stems": voices,
        }
        final = _write_piece(work / "piece", stems, metadata, settings.sample_rate_hz)
        target = out / take.piece
        shutil.rmtree(target, ignore_errors=True)
        os.rename(final, target)


def _seed(take: Take, seed: int) -> int:
    return number_of(f"{seed}/{take.path.name}" + (f"/{take.number}" if take.number > 1 else ""))


def _write_piece(
    place: Path, stems: dict[Part, np.ndarray], metadata: dict, sample_rate_hz: int
) -> Path:
    """Write stems, their sum and metadata.json, all at one gain that keeps every peak below 1."""
    mix = np.sum(list(stems.values()), axis=0)
    scale = 0.9 / max(1e-9, *(float(np.abs(samples).max()) for samples in (mix, *stems.values())))
    (place / "stems").mkdir(parents=True)
    for part, samples in stems.items():
        _write_flac(place / "stems" / f"{part}.flac", samples * scale, sample_rate_hz)
    _write_flac(place / "mix.flac", mix * scale, sample_rate_hz)
    (place / "metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")
    return place


def _write_flac(path: Path, samples: np.ndarray, sample_rate_hz: int) -> None:
    # Encoded in memory: libsndfile does not tell when the disk is full, write_bytes does.
    encoded = io.BytesIO()
    soundfile.write(encoded, samples, sample_rate_hz, format="FLAC", subtype="PCM_16")
    path.write_bytes(encoded.getvalue())
