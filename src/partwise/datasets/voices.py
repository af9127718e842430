"""Who plays a part: which font, which programs or kit, in which room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from partwise.datasets.midi import MidiPiece
from partwise.datasets.soundfont import SoundFont
from partwise.parts import Part

_PROGRAM_RANGES = {Part.PIANO: range(8), Part.GUITAR: range(24, 32), Part.BASS: range(32, 40)}


@dataclass(frozen=True)
class Voice:
    """Who plays a part.

    program_of : replacement for each program (or kit) in the part's notes.
    reverb, reverb_room, reverb_level, chorus : FluidSynth's effects; room and level are 0..1.
    """

    font: SoundFont
    program_of: dict[int, int]
    reverb: bool
    reverb_room: float
    reverb_level: float
    chorus: bool

    def metadata(self) -> dict[str, Any]:
        """What is kept with the stem; the font by its name, not by where it lies."""
        return {
            "soundfont": self.font.path.name,
            "family": self.font.family,
            "drums_only": self.font.drums_only,
            "program_of": self.program_of,
            "reverb": self.reverb,
            "reverb_room": self.reverb_room,
            "reverb_level": self.reverb_level,
            "chorus": self.chorus,
        }


def playing(fonts: list[SoundFont], part: Part) -> list[SoundFont]:
    """The fonts that can play a part."""
    if part is Part.DRUMS:
        return [font for font in fonts if font.plays_drums]
    return [font for font in fonts if font.melodic and not font.drums_only]


def draw_voice(
    part: Part,
    fonts: list[SoundFont],
    piece: MidiPiece,
    rng: np.random.Generator,
    keep_program: float,
) -> Voice:
    """Draw who plays a part: font, programs (or kit) and FluidSynth's reverb and chorus.

    Families are drawn first and fonts within them, so that a family with many fonts does not rule.
    keep_program : chance that the part keeps the programs of the MIDI file.
    """
    candidates = playing(fonts, part)
    families = sorted({font.family for font in candidates})
    family = families[rng.integers(len(families))]
    members = [font for font in candidates if font.family == family]
    font = members[rng.integers(len(members))]
    programs = sorted({note.program for note in piece.notes[part]})
    program_of: dict[int, int] = {}
    if part is Part.DRUMS:
        kit = 0 if font.drums_only else int(font.kits[rng.integers(len(font.kits))])
        program_of = dict.fromkeys(programs, kit)
    else:
        keep = rng.random() < keep_program
        shared = _PROGRAM_RANGES.get(part)
        drawn = {group: int(rng.integers(8)) for group in range(16)}
        for program in programs:
            if keep:
                program_of[program] = program
            elif shared:  # one instrument for the whole part
                program_of[program] = shared.start + drawn[0]
            else:  # OTHER may hold several instruments: each stays within its group of eight
                program_of[program] = program // 8 * 8 + drawn[program // 8]
    return Voice(
        font=font,
        program_of=program_of,
        reverb=bool(rng.random() < 0.6),
        reverb_room=round(float(rng.uniform(0.1, 0.9)), 3),
        reverb_level=round(float(rng.uniform(0.1, 0.9)), 3),
        chorus=bool(rng.random() < 0.25),
    )
