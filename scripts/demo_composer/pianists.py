"""The six pianists. Two of them share one grand piano: only the way of playing tells them apart."""

from __future__ import annotations

import numpy as np

from demo_composer.effects import chorus, drive, eq, room, tremolo
from demo_composer.harmony import Bar, at_or_above, near, scale_step, voicing
from demo_composer.players import CSOUND, Player
from demo_composer.score import Note, grid, strum


class Pianist(Player):
    def ending(self, bar: Bar) -> list[Note]:
        bass = at_or_above(bar.chord.root, 40)
        return strum(0.0, [bass, *voicing(bar.chord.tones, 62)], 3.5, 0.7, 0.05)


class Olga(Pianist):
    name = "Olga"
    instrument = "grand piano"
    way = "ballad: held chords in the middle, octaves below"
    program = 0
    tempo = (78, 124)
    looseness = 0.012
    effects = (room(1.4, 0.12),)
    rhythms = ((0.0, 2.0), (0.0, 1.0, 2.0, 3.0), (0.0, 1.5, 3.0))

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.rhythm = self.pick(self.rhythms)

    def bar(self, bar: Bar) -> list[Note]:
        low = at_or_above(bar.chord.root, 36)
        notes = [Note(0.0, 3.9, low, 0.62), Note(0.0, 3.9, low + 12, 0.55)]
        beats = self.rhythm if bar.intensity > 0.5 else (0.0, 2.0)
        chord = voicing(bar.chord.tones, 62)
        for i, beat in enumerate(beats):
            until = beats[i + 1] if i + 1 < len(beats) else 4.0
            notes += strum(beat, chord, until - beat, 0.6 if i else 0.68, 0.02)
        if bar.closes:  # a small answer above
            top = chord[-1] + 12
            notes += [Note(3 + i / 2, 0.5, scale_step(top, -i, bar.chord.scale), 0.6)
                      for i in range(1, 3)]  # fmt: skip
        return notes


class Pia(Pianist):
    name = "Pia"
    instrument = "honky-tonk piano"
    way = "stride: bass and chord in turn, a ragged tune in octaves above"
    program = 3
    tempo = (88, 140)
    effects = (eq(("low", 150, -3), ("peak", 2000, 3)),)

    def bar(self, bar: Bar) -> list[Note]:
        low = at_or_above(bar.chord.root, 36)
        fifth = near(bar.chord.fifth, low - 3)
        chord = voicing(bar.chord.tones[:3], 57)
        notes = []
        for beat, bass in ((0, low), (2, fifth)):
            notes.append(Note(beat, 0.6, bass, 0.75))
            notes += [Note(beat + 1, 0.35, key, 0.6) for key in chord]
        tune = self.pick(
            ("9.7..7.79.7.....", "..7.9..7..7.9.7.", "9..7..9..7..9...", "7.7.9...7.9.7.9.")
        )
        key = near(self.pick(bar.chord.tones), 76)
        for beat, velocity in grid(tune):
            if self.chance(0.35 + 0.6 * bar.intensity):
                notes += [Note(beat, 0.22, k, velocity * 0.75) for k in (key, key - 12)]
            key = scale_step(key, int(self.pick((-2, -1, 1, 2))), bar.chord.scale)
            key = min(max(key, 70), 86)
        return notes


class Quin(Pianist):
    name = "Quin"
    instrument = "tine electric piano with tremolo"
    way = "syncopated rootless chords with ninths"
    program = 4
    tempo = (78, 126)
    looseness = 0.012
    behind = 0.01
    effects = (drive(5), tremolo(5.2, 0.45), eq(("peak", 350, 2), ("high", 5000, -3)))
    rhythms = ("9.....8.........", "...8..9...7.....", "9..7.......8....", "..8....9..7...6.")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        order = rng.permutation(len(self.rhythms))
        self.two = (self.rhythms[order[0]], self.rhythms[order[1]])

    def bar(self, bar: Bar) -> list[Note]:
        colour = (*bar.chord.tones[1:], bar.chord.ninth)
        chord = voicing(colour, 60)
        steps = list(grid(self.two[bar.index % 2]))
        notes = []
        for i, (beat, velocity) in enumerate(steps):
            until = steps[i + 1][0] if i + 1 < len(steps) else 4.0
            length = (until - beat) * (0.9 if i % 2 == 0 else 0.35)
            notes += strum(beat, chord, max(0.2, length), velocity * 0.75, 0.01)
        return notes


class Rita(Pianist):
    name = "Rita"
    instrument = "bright concert piano"
    way = "broken chords in sixteenths, high, up and down"
    font = CSOUND
    program = 1
    tempo = (78, 128)
    effects = (eq(("low", 200, -4), ("high", 4000, 3)), room(2.0, 0.2))

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.order = self.pick(((0, 1, 2, 3, 2, 1), (0, 2, 1, 3), (3, 2, 1, 0), (0, 1, 2, 3)))

    def bar(self, bar: Bar) -> list[Note]:
        first = at_or_above(bar.chord.root, 60)
        ladder = [first]
        for tone in (*bar.chord.tones[1:3], bar.chord.root):
            ladder.append(at_or_above(tone, ladder[-1] + 1))
        notes = [Note(0.0, 3.8, first - 12, 0.5)]
        steps = range(16) if bar.intensity > 0.45 else range(0, 16, 2)
        for i, step in enumerate(steps):
            rung = self.order[i % len(self.order)]
            accent = 0.68 if step % 4 == 0 else 0.52
            notes.append(Note(step / 4, 0.6, ladder[rung] + (12 if step >= 8 else 0), accent))
        return notes


class Saul(Pianist):
    name = "Saul"
    instrument = "digital electric piano"
    way = "long bell-like chords and sparkling answers, chorus"
    program = 5
    tempo = (78, 116)
    effects = (chorus(0.5, 0.004, 0.7), eq(("high", 4500, 4)), room(1.8, 0.2))

    def bar(self, bar: Bar) -> list[Note]:
        chord = voicing((*bar.chord.tones, bar.chord.ninth), 65)
        notes = strum(0.0, chord, 3.9, 0.66, 0.12)
        if bar.intensity > 0.5:
            notes += strum(2.5, chord[1:], 1.4, 0.5, 0.05)
        if bar.index % 2 or bar.closes:
            key = near(self.pick(bar.chord.tones), 84)
            for i in range(4):
                notes.append(Note(2.0 + i / 2, 0.9, key, 0.6))
                key = scale_step(key, int(self.pick((-3, -1, 2))), bar.chord.scale)
        return notes


class Tito(Pianist):
    name = "Tito"
    instrument = "grand piano"
    way = "montuno: syncopated octaves and broken chords, dry"
    program = 0
    tempo = (90, 136)
    effects = (eq(("peak", 2500, 3), ("low", 120, -2)),)
    # c chord, o octave of the root, t octave of the third
    rhythms = ("o.c.ot.c.o.c.t.c", "oc.ot..ct.c.oc.t", "o..co.c.t.o.c.t.")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.rhythm = self.pick(self.rhythms)

    def bar(self, bar: Bar) -> list[Note]:
        root = at_or_above(bar.chord.root, 57)
        third = at_or_above(bar.chord.third, root)
        inner = [third, at_or_above(bar.chord.tones[-1], third)]
        keys = {"o": [root, root + 12], "t": [third, third + 12], "c": inner}
        notes = []
        for step, sign in enumerate(self.rhythm):
            if sign == "." or (bar.intensity < 0.45 and sign == "t"):
                continue
            velocity = 0.8 if sign == "o" else 0.66
            notes += [Note(step / 4, 0.24, key, velocity) for key in keys[sign]]
        return notes


PIANISTS: tuple[type[Pianist], ...] = (Olga, Pia, Quin, Rita, Saul, Tito)
