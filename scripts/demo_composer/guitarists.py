"""The six guitarists."""

from __future__ import annotations

import numpy as np

from demo_composer.effects import chorus, drive, echo, eq, highpass, lowpass, room, squash
from demo_composer.harmony import Bar, at_or_above, near, scale_step, voicing
from demo_composer.players import CSOUND, Player
from demo_composer.score import Note, grid, strum


def open_chord(bar: Bar, strings: int = 5, low: int = 40) -> list[int]:
    """A chord as it lies on a guitar: wide below, close above."""
    keys = [at_or_above(bar.chord.root, low)]
    tones = (bar.chord.fifth, bar.chord.root, bar.chord.third, bar.chord.tones[-1])
    for tone in (*tones, bar.chord.root):
        keys.append(at_or_above(tone, keys[-1] + 2))
    return keys[:strings]


class Guitarist(Player):
    def ending(self, bar: Bar) -> list[Note]:
        return strum(0.0, open_chord(bar), 3.5, 0.7, 0.15)


class Uma(Guitarist):
    name = "Uma"
    instrument = "nylon-string guitar"
    way = "plucks broken chords with the fingers, thumb on the beats"
    program = 24
    tempo = (78, 128)
    looseness = 0.012
    effects = (eq(("peak", 250, 2)), room(0.8, 0.14))
    rolls = ((0, 2, 3, 4, 1, 3, 4, 2), (0, 3, 2, 4, 1, 4, 3, 2), (0, 2, 4, 3, 1, 2, 4, 3))

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.roll = self.pick(self.rolls)

    def bar(self, bar: Bar) -> list[Note]:
        chord = open_chord(bar)
        notes = []
        for i, string in enumerate(self.roll):
            velocity = 0.72 if string < 2 else 0.58
            notes.append(Note(i / 2, 1.2, chord[string], velocity))
            if bar.intensity > 0.6 and i % 4 == 2:
                notes.append(Note(i / 2 + 0.25, 0.8, chord[self.roll[i - 1]], 0.5))
        return notes


class Vic(Guitarist):
    name = "Vic"
    instrument = "steel-string guitar"
    way = "strums whole chords, down and up"
    program = 25
    tempo = (80, 140)
    looseness = 0.01
    effects = (highpass(110), eq(("high", 5000, 3)), squash(-10, 3))
    # d down, u up, m damped
    patterns = ("d...d.u...u.d.u.", "d.mud.mud.mud.mu", "d..ud.u.d..ud.u.", "d...d...m.u.d.u.")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.pattern = self.pick(self.patterns)

    def bar(self, bar: Bar) -> list[Note]:
        chord = open_chord(bar, 6)
        notes = []
        strokes = [(i, s) for i, s in enumerate(self.pattern) if s != "."]
        for n, (step, sign) in enumerate(strokes):
            until = strokes[n + 1][0] if n + 1 < len(strokes) else 16
            length = 0.06 if sign == "m" else (until - step) / 4
            keys = chord[2:] if sign == "u" else chord
            velocity = {"d": 0.75, "u": 0.58, "m": 0.4}[sign]
            notes += strum(
                step / 4, keys, max(length, 0.1), velocity, -0.04 if sign == "u" else 0.05
            )
        return notes


class Wes(Guitarist):
    name = "Wes"
    instrument = "hollow-body jazz guitar"
    way = "soft chords on the beat, single-note lines between"
    program = 26
    tempo = (84, 140)
    looseness = 0.014
    behind = 0.01
    effects = (lowpass(3200, 2), eq(("peak", 450, 3)), room(0.6, 0.1))

    def bar(self, bar: Bar) -> list[Note]:
        colour = (*bar.chord.tones[1:], bar.chord.ninth)
        chord = voicing(colour, 57)[:4]
        if bar.index % 2 == 0:
            return [
                note
                for beat in range(4)
                for note in strum(beat, chord, 0.55, 0.62 if beat % 2 else 0.52, 0.02)
            ]
        notes = strum(0.0, chord, 0.6, 0.55, 0.02)
        key = near(self.pick(bar.chord.tones), 69)
        for i in range(2, 8):
            if self.chance(0.4 + 0.5 * bar.intensity):
                notes.append(Note(i / 2, 0.45, key, 0.68 if i % 2 else 0.6))
            key = scale_step(key, int(self.pick((-2, -1, 1, 2, -1))), bar.chord.scale)
            key = min(max(key, 60), 79)
        return notes


class Xan(Guitarist):
    name = "Xan"
    instrument = "clean electric guitar with chorus and echo"
    way = "ringing arpeggios high on the neck"
    program = 27
    tempo = (78, 132)
    effects = (
        chorus(0.9, 0.004, 0.8),
        echo(0.33, 0.45, 0.4),
        eq(("low", 200, -3), ("high", 4000, 3)),
    )

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.order = self.pick(((0, 1, 2, 3, 1, 2, 3, 2), (3, 1, 2, 0, 3, 1, 2, 1), (0, 2, 3, 1)))

    def bar(self, bar: Bar) -> list[Note]:
        chord = voicing((*bar.chord.tones[:3], bar.chord.ninth), 69)
        steps = 8 if bar.intensity < 0.6 else 16
        return [
            Note(
                i * 4 / steps,
                0.9,
                chord[self.order[i % len(self.order)]],
                0.7 if i % 2 == 0 else 0.55,
            )
            for i in range(steps)
            if steps == 8 or i % 4 != 3
        ]


class Yul(Guitarist):
    name = "Yul"
    instrument = "palm-muted guitar"
    way = "funk: clipped single notes and scratches in sixteenths"
    font = CSOUND
    program = 28
    tempo = (88, 132)
    effects = (squash(-14, 5), highpass(180), eq(("peak", 1200, 4)))
    patterns = ("9.79..7.9.79.7..", "..97..97..97.79.", "97.7.97.7.97.7..", "9...79.7..7.9.77")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.pattern = self.pick(self.patterns)
        self.shape = tuple(int(self.pick((0, 0, 1, 2, 3))) for _ in range(8))

    def bar(self, bar: Bar) -> list[Note]:
        low = at_or_above(bar.chord.root, 50)
        ladder = (low, at_or_above(bar.chord.third, low), near(bar.chord.fifth, low + 7), low + 12)
        notes = []
        for i, (beat, velocity) in enumerate(grid(self.pattern)):
            key = ladder[self.shape[i % 8]]
            notes.append(Note(beat, 0.14, key, velocity * 0.85))
            if velocity > 0.9 and bar.intensity > 0.5:  # a two-note stab
                notes.append(Note(beat, 0.14, key + 12, 0.6))
        return notes


class Zoe(Guitarist):
    name = "Zoe"
    instrument = "distorted guitar"
    way = "power chords, palm-muted chugs and held ones"
    program = 30
    tempo = (84, 140)
    effects = (drive(12), highpass(90), lowpass(5500, 3), eq(("peak", 900, -2), ("peak", 2800, 3)))
    riffs = ("H.......h...h...", "H..c.c.cH..c.c.c", "H.....H.c.c.H...", "H.c.c.H.c.c.h.h.")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.riff = self.pick(self.riffs)

    def power(self, bar: Bar) -> list[int]:
        root = at_or_above(bar.chord.root, 38)
        return [root, near(bar.chord.fifth, root + 7), root + 12]

    def bar(self, bar: Bar) -> list[Note]:
        keys = self.power(bar)
        strokes = [(i, s) for i, s in enumerate(self.riff) if s != "."]
        notes = []
        for n, (step, sign) in enumerate(strokes):
            until = strokes[n + 1][0] if n + 1 < len(strokes) else 16
            if sign == "c":
                notes += [Note(step / 4, 0.12, key, 0.6) for key in keys[:2]]
            else:
                length = (until - step) / 4 * 0.95
                notes += strum(step / 4, keys, length, 0.85 if sign == "H" else 0.75, 0.015)
        return notes

    def ending(self, bar: Bar) -> list[Note]:
        return strum(0.0, self.power(bar), 3.8, 0.85, 0.03)


GUITARISTS: tuple[type[Guitarist], ...] = (Uma, Vic, Wes, Xan, Yul, Zoe)
