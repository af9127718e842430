"""Composes, plays, mixes and encodes the demo library: the same files for the same seed.

usage: python scripts/make_demo_library.py [--seed N] [--out DIR] [--stems DIR] [--only N ...]

Needs FluidSynth and two SoundFonts (Debian: fluidsynth fluid-soundfont-gm csound-soundfont; MIT and
public domain), and the packages of the extra `train`. Writes audio/*.opus and groups.json below
--out (default: src/partwise/demo), and prints the loudness of every part of every piece.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from demo_composer.mix import encode, levelled, loudness_lufs, mixed
from demo_composer.plan import ROSTER, Piece, compose
from demo_composer.sound import FONT_FOLDER, SAMPLE_RATE_HZ, stem_of
from partwise.hearing.child import end_with_parent
from partwise.parts import PARTS

ARTIST, ALBUM, YEAR = "partwise demo band", "Who plays with whom", "2026"
DEFAULT_OUT = Path(__file__).resolve().parents[1] / "src" / "partwise" / "demo"


def make_piece(piece: Piece, out: Path, stems_folder: Path | None, fonts: Path) -> dict:
    """Write one piece's audio; returns its record for groups.json."""
    stems = levelled(
        {part: stem_of(piece, part, fonts) for part in PARTS if part in piece.players}, piece.seed
    )
    mix = mixed(stems, piece.seed)
    file = f"{piece.file_stem}.opus"
    tags = {
        "title": piece.title,
        "artist": ARTIST,
        "album": ALBUM,
        "date": YEAR,
        "tracknumber": str(piece.number),
    }
    encode(mix, out / "audio" / file, tags)
    if stems_folder is not None:
        arrays: dict[str, Any] = {"mix": mix} | {str(part): stem for part, stem in stems.items()}
        np.savez(stems_folder / f"{piece.file_stem}.npz", **arrays)
    levels = "  ".join(f"{part} {loudness_lufs(stem):6.1f}" for part, stem in stems.items())
    print(f"{piece.number:2d} {piece.title:22s} {piece.bpm:4d} bpm  {levels}", flush=True)
    return {
        "file": file,
        "title": piece.title,
        "key": piece.key,
        "bpm": piece.bpm,
        "bars": len(piece.bars),
        "duration_s": round(len(mix) / SAMPLE_RATE_HZ, 2),
        "seed": piece.seed,
        "players": {
            str(part): piece.players[part].name if part in piece.players else None for part in PARTS
        },
    }


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--out", type=Path, default=DEFAULT_OUT)
    options.add_argument("--stems", type=Path, help="also keep levelled stems here, as npz")
    options.add_argument("--only", type=int, nargs="*", help="piece numbers; no groups.json then")
    options.add_argument("--jobs", type=int, default=2)
    options.add_argument("--fonts", type=Path, default=FONT_FOLDER)
    chosen = options.parse_args()

    pieces = compose(chosen.seed)
    if chosen.only:
        pieces = [piece for piece in pieces if piece.number in chosen.only]
    audio = chosen.out / "audio"
    audio.mkdir(parents=True, exist_ok=True)
    if not chosen.only:
        for old in audio.iterdir():
            old.unlink()
    if chosen.stems:
        chosen.stems.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(chosen.jobs, initializer=end_with_parent) as pool:
        make = partial(make_piece, out=chosen.out, stems_folder=chosen.stems, fonts=chosen.fonts)
        records = list(pool.map(make, pieces))
    if chosen.only:
        return
    groups = {
        "format": 1,
        "made_by": f"scripts/make_demo_library.py --seed {chosen.seed}",
        "licence": "Apache-2.0, as partwise; SoundFonts: FluidR3 (MIT), sf_GMbank (public domain)",
        "players": {
            str(part): {
                person.name: {
                    "instrument": person.instrument,
                    "way": person.way,
                    "font": person.font,
                    "program": person.program,
                }
                for person in ROSTER[part]
            }
            for part in PARTS
        },
        "pieces": records,
    }
    text = json.dumps(groups, indent=1, ensure_ascii=False)
    (chosen.out / "groups.json").write_text(text + "\n", encoding="utf-8")
    size = sum(path.stat().st_size for path in audio.iterdir())
    print(f"{len(records)} pieces, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
