"""The seven bassists. Keys are MIDI numbers; a bass's lowest string is 28."""

from __future__ import annotations

import numpy as np

from demo_composer.effects import chorus, drive, eq, lowpass, room, squash
from demo_composer.harmony import Bar, at_or_above, near, scale_step
from demo_composer.players import CSOUND, Player
from demo_composer.score import Note, grid


class Bassist(Player):
    low = 28

    def root(self, bar: Bar) -> int:
        return at_or_above(bar.chord.root, self.low)

    def fifth(self, bar: Bar) -> int:
        return near(bar.chord.fifth, self.root(bar) + 7)

    def ending(self, bar: Bar) -> list[Note]:
        return [Note(0.0, 3.5, self.root(bar), 0.8)]


class Hal(Bassist):
    name = "Hal"
    instrument = "double bass"
    way = "walks in quarters, with steps from below and above into the next chord"
    program = 32
    looseness = 0.012
    effects = (eq(("low", 100, 2), ("peak", 900, 2)), room(0.5, 0.08))

    def bar(self, bar: Bar) -> list[Note]:
        root = self.root(bar)
        target = at_or_above(bar.following.root, self.low)
        approach = target + int(self.pick((-1, 1, 2, -2)))
        third = near(bar.chord.third, root + 4)
        inner = self.pick(
            (
                (third, self.fifth(bar)),
                (self.fifth(bar), third),
                (scale_step(root, 1, bar.chord.scale), third),
                (root + 12, self.fifth(bar)),
            )
        )
        notes = [
            Note(beat, 0.92, key, 0.72 if beat % 2 else 0.66)
            for beat, key in enumerate((root, *inner, approach))
        ]
        if self.chance(0.3 * bar.intensity):  # a skipped eighth before the third or fourth beat
            beat = int(self.pick((2, 3)))
            notes.append(Note(beat - 0.5, 0.3, notes[beat].key, 0.5))
        return notes


class Ida(Bassist):
    name = "Ida"
    instrument = "finger-plucked electric bass"
    way = "root and fifth, syncopated with the kick, a run at the end of a section"
    program = 33
    effects = (squash(-8, 3), eq(("peak", 700, 2), ("high", 3000, -2)))
    rhythms = ("9.....8.9.....7.", "9..8..9...8..7..", "9.....898.......", "9..7....9..7..8.")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.rhythm = self.pick(self.rhythms)

    def bar(self, bar: Bar) -> list[Note]:
        root, fifth = self.root(bar), self.fifth(bar)
        notes = []
        steps = list(grid(self.rhythm))
        for i, (beat, velocity) in enumerate(steps):
            until = steps[i + 1][0] if i + 1 < len(steps) else 4.0
            key = root if i != len(steps) - 2 else fifth
            notes.append(Note(beat, (until - beat) * 0.85, key, velocity * 0.8))
        if bar.closes:
            notes = [n for n in notes if n.beat < 3] + [
                Note(3 + i / 4, 0.22, scale_step(root, i + 1, bar.chord.scale), 0.65)
                for i in range(4)
            ]
        return notes


class Jo(Bassist):
    name = "Jo"
    instrument = "electric bass with a plectrum, driven"
    way = "eighths on the root without a hole"
    program = 34
    tempo = (84, 140)
    effects = (drive(10), eq(("peak", 1800, 4), ("low", 80, -1)), lowpass(5000, 2))

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.octaves = self.chance(0.4)

    def bar(self, bar: Bar) -> list[Note]:
        root = self.root(bar)
        notes = []
        for i in range(8):
            key = root + 12 if self.octaves and i in (3, 6) else root
            if i == 7:
                target = at_or_above(bar.following.root, self.low)
                key = target - 1 if target != root else root
            notes.append(Note(i / 2, 0.42, key, 0.82 if i % 2 == 0 else 0.68))
        return notes


class Kim(Bassist):
    name = "Kim"
    instrument = "fretless bass"
    way = "sings long notes high on the neck and slides into them"
    program = 35
    tempo = (78, 124)
    looseness = 0.014
    behind = 0.015
    low = 36
    effects = (chorus(0.6, 0.002, 0.5), eq(("peak", 600, 3)), room(1.2, 0.18))

    def bar(self, bar: Bar) -> list[Note]:
        root = self.root(bar)
        notes = [Note(0.0, 1.6, root, 0.75, bend_from=-1.0)]
        tenth = near(bar.chord.third, root + 15)
        if bar.intensity > 0.35:
            middle = self.pick((self.fifth(bar), root + 12, tenth))
            notes.append(Note(1.75, 1.1, middle, 0.65, bend_from=-2.0 if self.chance(0.6) else 0.0))
        if self.chance(0.4 + 0.3 * bar.intensity):
            key = scale_step(at_or_above(bar.following.root, self.low), 1, bar.chord.scale)
            notes.append(Note(3.0, 0.9, key, 0.6, bend_from=1.0))
        return notes

    def ending(self, bar: Bar) -> list[Note]:
        return [Note(0.0, 3.5, self.root(bar), 0.75, bend_from=-2.0)]


class Lee(Bassist):
    name = "Lee"
    instrument = "slapped bass"
    way = "funk: thumbed roots, popped octaves, muted sixteenths"
    program = 36
    tempo = (88, 126)
    effects = (squash(-12, 4), eq(("low", 90, 3), ("peak", 500, -4), ("high", 3500, 4)))
    # t thumb (root), p pop (octave), f pop of the seventh or fifth, m muted
    rhythms = ("t..pt.m.t.mp..f.", "t.mp..t.m.tp.mf.", "t...p.mtm.t.p.f.", "tmp.t.m..tmpf...")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.rhythm = self.pick(self.rhythms)
        self.other = self.pick(self.rhythms)

    def bar(self, bar: Bar) -> list[Note]:
        root = self.root(bar)
        seventh = root + (bar.chord.intervals[3] if len(bar.chord.intervals) > 3 else 7)
        kinds = {
            "t": (root, 0.3, 0.85),
            "p": (root + 12, 0.15, 0.9),
            "f": (seventh, 0.15, 0.8),
            "m": (root, 0.05, 0.4),
        }
        rhythm = self.other if bar.closes else self.rhythm
        return [
            Note(step / 4, *(kinds[sign][1], kinds[sign][0], kinds[sign][2]))
            for step, sign in enumerate(rhythm)
            if sign != "."
        ]


class Max(Bassist):
    name = "Max"
    instrument = "sawtooth synthesiser bass"
    way = "machine sixteenths, root and octave"
    program = 38
    tempo = (92, 140)
    looseness = 0.0
    effects = (lowpass(1800, 2), drive(5), eq(("low", 80, 3)))
    rhythms = ("9.5899.589.589.5", "9.9.59.99.9.59.5", "9..99..99..99.55")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.rhythm = self.pick(self.rhythms)
        self.lift = int(self.pick((2, 3)))

    def bar(self, bar: Bar) -> list[Note]:
        root = self.root(bar)
        notes = []
        for i, (beat, velocity) in enumerate(grid(self.rhythm)):
            key = root + 12 if i % self.lift == self.lift - 1 else root
            notes.append(Note(beat, 0.18, key, velocity * 0.85))
        return notes


class Noa(Bassist):
    name = "Noa"
    instrument = "dark electric bass"
    way = "dub: few, heavy, low notes with holes between them"
    font = CSOUND
    program = 33
    tempo = (78, 118)
    behind = 0.02
    low = 26
    effects = (lowpass(420, 2), drive(6), eq(("low", 70, 4)))
    rhythms = ("9..9......7.8...", "..9.9.....9..8..", "9.....9.....7...", "9...7..8........")

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        self.rhythm = self.pick(self.rhythms)
        self.shape = self.pick(((0, 0, 7, 5, 0), (0, 7, 0, 0, 7), (0, 0, -5, 0, 0)))

    def bar(self, bar: Bar) -> list[Note]:
        root = self.root(bar)
        steps = list(grid(self.rhythm))
        notes = []
        for i, (beat, velocity) in enumerate(steps):
            step = self.shape[i % len(self.shape)]
            key = max(24, self.fifth(bar) if step == 7 else root + step)
            notes.append(Note(beat, 0.6, key, velocity * 0.9))
        return notes


BASSISTS: tuple[type[Bassist], ...] = (Hal, Ida, Jo, Kim, Lee, Max, Noa)
