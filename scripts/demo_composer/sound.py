"""From a player in a piece to a stem: play, feel, FluidSynth, effects."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np

from demo_composer.plan import Piece
from demo_composer.score import humanised, swung, write_midi
from partwise.hearing.child import ended_with_parent
from partwise.parts import PARTS, Part

SAMPLE_RATE_HZ = 48_000
TAIL_S = 2.5
FONT_FOLDER = Path("/usr/share/sounds/sf2")


def stem_of(piece: Piece, part: Part, fonts: Path = FONT_FOLDER) -> np.ndarray:
    """float64 [samples] at SAMPLE_RATE_HZ: one part of a piece, effects included.

    Raises FileNotFoundError without FluidSynth or the font, and RuntimeError when it fails.
    """
    person = piece.players[part]
    rng = np.random.default_rng([piece.seed, PARTS.index(part)])
    player = person(rng)
    notes = player.play([bar for bar in piece.bars if bar.index in piece.active[part]])
    notes = swung(notes, piece.players[Part.DRUMS].swing)
    notes = humanised(notes, rng, timing=person.looseness, dynamics=0.04)
    seconds = len(piece.bars) * piece.bar_s + TAIL_S
    with tempfile.TemporaryDirectory(prefix="partwise-demo-") as folder:
        midi = Path(folder) / "part.mid"
        write_midi(
            notes,
            midi,
            bpm=piece.bpm,
            bank=person.bank,
            program=person.program,
            tail_s=TAIL_S,
        )
        dry = _synthesise(midi, fonts / person.font)
    dry = np.pad(dry, (0, max(0, round(seconds * SAMPLE_RATE_HZ) - len(dry))))
    dry = dry[: round(seconds * SAMPLE_RATE_HZ)].astype(np.float64)
    for effect in person.effects:
        dry = effect(dry, SAMPLE_RATE_HZ)
    return dry


def _synthesise(midi: Path, font: Path) -> np.ndarray:
    """float32 [samples], mono, played by FluidSynth without reverb and chorus of its own."""
    if not font.exists():
        raise FileNotFoundError(f"{font} (Debian: fluid-soundfont-gm, csound-soundfont)")
    raw = midi.with_suffix(".raw")
    command = ["fluidsynth", "-n", "-i", "-q", "-g", "0.4", "-R", "0", "-C", "0"]
    command += ["-r", str(SAMPLE_RATE_HZ), "-o", "synth.dynamic-sample-loading=1"]
    command += ["-T", "raw", "-O", "float", "-F", str(raw), str(font), str(midi)]
    command = ended_with_parent(command)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode or not raw.exists():
        raise RuntimeError(f"fluidsynth failed: {done.stderr.strip()[-300:]}")
    return np.fromfile(raw, dtype=np.float32).reshape(-1, 2).mean(axis=1)
