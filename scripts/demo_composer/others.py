"""The five who play neither drums, bass, piano nor guitar."""

from __future__ import annotations

import numpy as np

from demo_composer.effects import chorus, drive, eq, lowpass, room, tremolo, vibrato
from demo_composer.harmony import Bar, near, scale_step, voicing
from demo_composer.players import CSOUND, Player
from demo_composer.score import Note, grid


class Other(Player):
    centre = 64

    def chord(self, bar: Bar) -> list[int]:
        return voicing(bar.chord.tones, self.centre)

    def ending(self, bar: Bar) -> list[Note]:
        return [Note(0.0, 3.8, key, 0.65) for key in self.chord(bar)]


class Anton(Other):
    name = "Anton"
    instrument = "string section"
    way = "held chords with a line on top that moves by step"
    program = 48
    centre = 67
    effects = (room(2.2, 0.25), eq(("high", 4000, 1)))

    def bar(self, bar: Bar) -> list[Note]:
        chord = self.chord(bar)
        notes = [Note(0.0, 4.0, key, 0.6) for key in chord]
        top = chord[-1] + 12
        moves = (
            (0, 1) if bar.intensity < 0.5 else (0, int(self.pick((-1, 1))), int(self.pick((2, -2))))
        )
        length = 4 / len(moves)
        for i, move in enumerate(moves):
            notes.append(Note(i * length, length, scale_step(top, move, bar.chord.scale), 0.65))
        return notes


class Bella(Other):
    name = "Bella"
    instrument = "drawbar organ"
    way = "short off-beat chords, then held ones, with a rotating speaker"
    program = 16
    centre = 62
    effects = (drive(6), tremolo(6.4, 0.3), vibrato(6.4, 0.0004), eq(("peak", 1000, 2)))

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.short = self.pick(("..8...8...8...8.", "9..8..9...8.....", "..8...89..8...8."))

    def bar(self, bar: Bar) -> list[Note]:
        chord = self.chord(bar)
        if bar.closes or bar.intensity > 0.75:
            return [Note(0.0, 3.9, key, 0.65) for key in (*chord, chord[0] + 12)]
        return [Note(b, 0.3, key, v * 0.75) for b, v in grid(self.short) for key in chord]


class Carl(Other):
    name = "Carl"
    instrument = "brass section"
    way = "stabs together, and swells at the end of a section"
    program = 61
    centre = 65
    effects = (eq(("peak", 1600, 2)), room(0.9, 0.15))
    riffs = ("9.....9.........", "..99......9..9..", "9..9..9.........", "9.9.9.......9.9.")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        order = rng.permutation(len(self.riffs))
        self.two = (self.riffs[order[0]], self.riffs[order[1]])

    def bar(self, bar: Bar) -> list[Note]:
        chord = [*self.chord(bar), near(bar.chord.root, self.centre) + 12]
        if bar.closes:
            return [Note(0.0, 3.7, key, 0.8) for key in chord]
        return [
            Note(b, 0.28 if v < 1 or b % 1 else 0.5, key, v * 0.88)
            for b, v in grid(self.two[bar.index % 2])
            for key in chord
        ]


class Dora(Other):
    name = "Dora"
    instrument = "warm synthesiser pad"
    way = "wide chords that never stop, slowly filtered"
    program = 89
    centre = 60
    effects = (
        eq(("low", 250, -4)),
        lowpass(4000, 1),
        chorus(0.3, 0.006, 0.8),
        tremolo(0.25, 0.3),
        room(2.5, 0.3),
    )

    def bar(self, bar: Bar) -> list[Note]:
        tones = (*bar.chord.tones, bar.chord.ninth)
        keys = sorted({*voicing(tones, self.centre), near(bar.chord.root, 48)})
        return [Note(0.0, 4.1, key, 0.75) for key in keys]


class Enzo(Other):
    name = "Enzo"
    instrument = "square-wave synthesiser lead"
    way = "a tune of short phrases in the upper octave, with vibrato"
    font = CSOUND
    program = 80
    effects = (vibrato(5.5, 0.0003), lowpass(6000, 1), room(0.9, 0.15))
    phrases = ("9..9..9.8...7...", "9.8.7...9.......", "..9.9.8.7..7....", "9.......8.7.8...")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        order = rng.permutation(len(self.phrases))
        self.two = (self.phrases[order[0]], self.phrases[order[1]])
        self.moves = [int(self.pick((-2, -1, 1, 2))) for _ in range(8)]

    def bar(self, bar: Bar) -> list[Note]:
        key = near(self.pick(bar.chord.tones), 76)
        steps = list(grid(self.two[bar.index % 2]))
        notes = []
        for i, (beat, velocity) in enumerate(steps):
            until = steps[i + 1][0] if i + 1 < len(steps) else 4.0
            notes.append(Note(beat, min(until - beat, 1.5) * 0.9, key, velocity * 0.75))
            key = scale_step(key, self.moves[(i + bar.index % 2 * 4) % 8], bar.chord.scale)
            key = min(max(key, 69), 86)
        return notes

    def ending(self, bar: Bar) -> list[Note]:
        return [Note(0.0, 3.5, near(bar.chord.root, 76), 0.7)]


OTHERS: tuple[type[Other], ...] = (Anton, Bella, Carl, Dora, Enzo)
