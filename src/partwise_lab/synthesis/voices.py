"""Who plays a part: which font or kit, which programs, how tuned, how touched, through what.

All of it together is the part's timbre identity in a piece: it is drawn once and holds for the
whole window.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from partwise.parts import PARTS, Part
from partwise_lab.synthesis.effects import Effect, draw_chain
from partwise_lab.synthesis.hydrogen import DrumKit
from partwise_lab.synthesis.midi import MidiPiece
from partwise_lab.synthesis.soundfont import SoundFont

_PROGRAM_RANGES = {Part.PIANO: range(8), Part.GUITAR: range(24, 32), Part.BASS: range(32, 40)}

# Groups of eight General MIDI programs that OTHER can be played by alone, whatever its notes are.
_SINGLE = (1, 2, 5, 6, 7, 8, 9, 10, 11, 13)

Instrument = SoundFont | DrumKit


@dataclass(frozen=True)
class Touch:
    """How hard keys are struck: velocity v becomes softest + (hardest - softest) (v / 127)^bend."""

    bend: float = 1.0
    softest: float = 0.0
    hardest: float = 127.0

    def __call__(self, velocity: int) -> int:
        struck = self.softest + (self.hardest - self.softest) * (velocity / 127) ** self.bend
        return min(127, max(1, round(struck)))


@dataclass(frozen=True)
class Voice:
    """Who plays a part.

    font : a SoundFont, or a drum kit, which plays its own samples (`variant` chooses among them).
    program_of : replacement for each program (or kit) in the part's notes.
    reverb, reverb_room, reverb_level, chorus : FluidSynth's effects; room and level are 0..1.
    tuning_cents : how far out of tune, -100..100; drums are made higher or lower by it.
    effects : what the stem goes through afterwards.
    """

    font: Instrument
    program_of: dict[int, int]
    reverb: bool
    reverb_room: float
    reverb_level: float
    chorus: bool
    variant: int = 0
    tuning_cents: float = 0.0
    touch: Touch = Touch()
    effects: tuple[Effect, ...] = ()

    def metadata(self) -> dict[str, Any]:
        """What is kept with the stem; the font by its name, not by where it lies."""
        font = {
            "soundfont": self.font.path.name,
            "family": self.font.family,
            "drums_only": self.font.drums_only,
        }
        rest = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "font"}
        drawn = {"touch": asdict(self.touch), "effects": [asdict(each) for each in self.effects]}
        return font | rest | drawn


def playing(fonts: Sequence[Instrument], part: Part) -> list[Instrument]:
    """The fonts and kits that can play a part."""
    if part is Part.DRUMS:
        return [font for font in fonts if font.plays_drums]
    return [
        font
        for font in fonts
        if isinstance(font, SoundFont) and font.melodic and not font.drums_only
    ]


def draw_players(
    fonts: Sequence[Instrument],
    piece: MidiPiece,
    seed: int,
    *,
    keep_program: float | None,
    tuning_cents: float,
    touch: float,
    effects: float,
) -> dict[Part, Voice]:
    """Who plays each part and how: see `draw_voice` and `draw_manner`."""
    # Drawn apart, so that manners can be switched off without changing the voices.
    rng, manners = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    players: dict[Part, Voice] = {}
    for part in PARTS:
        voice = draw_voice(part, fonts, piece, rng, keep_program)
        cents, curve, chain = draw_manner(
            part,
            manners,
            room=not voice.reverb,
            tuning_cents=tuning_cents,
            touch=touch,
            effects=effects,
        )
        players[part] = replace(voice, tuning_cents=cents, touch=curve, effects=chain)
    return players


def draw_voice(
    part: Part,
    fonts: Sequence[Instrument],
    piece: MidiPiece,
    rng: np.random.Generator,
    keep_program: float | None,
) -> Voice:
    """Draw who plays a part: font, programs (or kit) and FluidSynth's reverb and chorus.

    Families are drawn first and fonts within them, so that a family with many fonts does not rule;
    but a kit is one set of sounds where a font has many, so four kits count as a font.
    keep_program : chance that the part keeps the programs of the MIDI file. None for one instrument
        in the whole part, whatever the file says: then fonts and rng alone decide.
    """
    candidates = playing(fonts, part)
    family = _draw_family(candidates, rng)
    members = [font for font in candidates if font.family == family]
    font = members[rng.integers(len(members))]
    programs = sorted({note.program for note in piece.notes[part]})
    program_of: dict[int, int] = {}
    variant = 0
    if isinstance(font, DrumKit):
        variant = int(rng.integers(1000))
    elif part is Part.DRUMS:
        kit = 0 if font.drums_only else int(font.kits[rng.integers(len(font.kits))])
        program_of = dict.fromkeys(programs, kit)
    else:
        keep = rng.random() < (keep_program or 0.0)
        shared = _PROGRAM_RANGES.get(part)
        drawn = {group: int(rng.integers(8)) for group in range(16)}
        if keep_program is None and not shared:
            first = _SINGLE[rng.integers(len(_SINGLE))] * 8
            shared = range(first, first + 8)
        for program in programs:
            if keep:
                program_of[program] = program
            elif shared:  # one instrument for the whole part
                program_of[program] = shared.start + drawn[0]
            else:  # OTHER may hold several instruments: each stays within its group of eight
                program_of[program] = program // 8 * 8 + drawn[program // 8]
    reverb = bool(rng.random() < 0.6)
    room, level = round(float(rng.uniform(0.1, 0.9)), 3), round(float(rng.uniform(0.1, 0.9)), 3)
    chorus = bool(rng.random() < 0.25)
    by_fluidsynth = not isinstance(font, DrumKit)
    return Voice(
        font=font,
        program_of=program_of,
        reverb=reverb and by_fluidsynth,
        reverb_room=room,
        reverb_level=level,
        chorus=chorus and by_fluidsynth,
        variant=variant,
    )


def _draw_family(candidates: Sequence[Instrument], rng: np.random.Generator) -> str:
    families = sorted({font.family for font in candidates})
    kits = [font.family for font in candidates if isinstance(font, DrumKit)]
    weights = np.array([max(1.0, kits.count(family) / 4) for family in families])
    if np.all(weights == 1.0):
        return families[rng.integers(len(families))]
    return str(rng.choice(families, p=weights / weights.sum()))


def draw_manner(
    part: Part,
    rng: np.random.Generator,
    *,
    room: bool,
    tuning_cents: float,
    touch: float,
    effects: float,
) -> tuple[float, Touch, tuple[Effect, ...]]:
    """Draw how a part is played: its tuning [cents], its touch and its effects.

    room : whether the effects may hold a room (else the stem has one already).
    tuning_cents : the farthest; most parts are a third of it off, drums up to twice.
    touch, effects : chance that the velocities go through a curve, the stem through a chain.
    """
    cents = float(np.clip(rng.normal(0, 1 / 3), -1, 1)) * tuning_cents
    if part is Part.DRUMS:
        cents = float(np.clip(2 * cents, -100, 100))
    curved = rng.random() < touch
    curve = Touch(
        bend=round(float(2 ** rng.uniform(-0.8, 0.8)), 3),
        softest=round(float(rng.uniform(0, 45)), 1),
        hardest=round(float(rng.uniform(90, 127)), 1),
    )
    wet = rng.random() < effects
    chain = tuple(draw_chain(part, rng, room=room))
    return round(cents, 1), curve if curved else Touch(), chain if wet else ()


def band_of(title: str, bands: int) -> str:
    """Which of so many bands plays a title: the same in every take, whatever else is rendered."""
    return f"band {number_of(title) % bands}"


def number_of(text: str) -> int:
    """64 bits that depend on nothing but the text."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
