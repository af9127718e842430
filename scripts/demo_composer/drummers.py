"""The seven drummers."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from demo_composer.effects import drive, eq, highpass, lowpass, room, squash
from demo_composer.harmony import Bar
from demo_composer.players import CSOUND, Player
from demo_composer.score import Note, grid

KICK, STICK, SNARE, CLAP, SNARE2 = 36, 37, 38, 39, 40
TOM_LOW, HAT, TOM_FLOOR, PEDAL, TOM_MID, HAT_OPEN, TOM_HIGH = 41, 42, 43, 44, 47, 46, 50
CRASH, RIDE, BELL, COWBELL, SHAKER, CLAVE = 49, 51, 53, 56, 70, 75
CONGA_MUTE, CONGA_HIGH, CONGA_LOW, TIMBALE_HIGH, TIMBALE_LOW = 62, 63, 64, 65, 66

# A groove: instrument -> 16 steps, digits for velocity.
Groove = dict[int, str]


class Drummer(Player):
    """Plays one groove per piece (a second one when it gets lively), and fills between sections."""

    bank = 128
    grooves: ClassVar[tuple[Groove, ...]]
    fills: ClassVar[tuple[Groove, ...]]
    opening: ClassVar[int | None] = CRASH

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__(rng)
        order = rng.permutation(len(self.grooves))
        self.calm = self.grooves[order[0]]
        self.lively = self.grooves[order[1]]
        self.fill = self.pick(self.fills)

    def hits(self, groove: Groove) -> list[Note]:
        return [
            Note(beat, 0.12, key, velocity)
            for key, pattern in groove.items()
            for beat, velocity in grid(pattern)
        ]

    def bar(self, bar: Bar) -> list[Note]:
        notes = self.hits(self.lively if bar.intensity > 0.6 else self.calm)
        if bar.closes:
            fill = self.hits(self.fill)
            first = min(note.beat for note in fill)
            notes = [note for note in notes if note.beat < first] + fill
        if bar.opens and self.opening is not None and bar.index > 0:
            notes.append(Note(0.0, 1.0, self.opening, 0.8))
        return notes

    def ending(self, bar: Bar) -> list[Note]:
        notes = [Note(0.0, 0.5, KICK, 0.9)]
        if self.opening is not None:
            notes.append(Note(0.0, 3.0, self.opening, 0.8))
        return notes


class Ada(Drummer):
    name = "Ada"
    instrument = "standard rock kit"
    way = "straight eighths on closed hats, backbeat, tom fills"
    program = 0
    tempo = (96, 132)
    effects = (eq(("peak", 400, -3), ("high", 7000, 2)), squash(-10, 3), room(0.5, 0.12))
    grooves = (
        {HAT: "9.6.8.6.9.6.8.6.", SNARE: "....9.......9...", KICK: "9.....9.9......."},
        {HAT: "9.6.8.6.9.6.8...", HAT_OPEN: "..............7.", SNARE: "....9.......9...",
         KICK: "9..9....9.9....."},
        {HAT: "9.6.8.6.9.6.8.6.", SNARE: "....9..3....9..3", KICK: "9.9.....9.....9."},
        {RIDE: "8.5.8.5.8.5.8.5.", SNARE: "....9.......9...", KICK: "9.......9.9..9.."},
    )  # fmt: skip
    fills = (
        {SNARE: "........99......", TOM_HIGH: "..........99....", TOM_MID: "............99..",
         TOM_FLOOR: "..............99"},
        {SNARE: "............9999"},
        {TOM_HIGH: "........9.9.....", TOM_FLOOR: "............9.9.", KICK: "........9...9..."},
    )  # fmt: skip


class Bo(Drummer):
    name = "Bo"
    instrument = "TR-808"
    way = "sparse low kicks, claps, rattling sixteenth hats"
    program = 25
    tempo = (78, 106)
    looseness = 0.0
    opening = None
    effects = (eq(("low", 70, 5), ("peak", 3000, -2)), drive(4))
    grooves = (
        {HAT: "7.5.7.5.7.5.7.rr", CLAP: "....9.......9...", KICK: "9.....8...9....."},
        {HAT: "75757r7575757575", CLAP: "....9.......9...", KICK: "9..8......8..7.."},
        {HAT: "7.5.7.rr7.5.7.5.", CLAP: "........9.......", KICK: "9.......7.9.....",
         COWBELL: "..5..5....5....."},
        {HAT: "7.57.57.7.57.57.", CLAP: "....9.......9..6", KICK: "9.........98....",
         HAT_OPEN: "..............6."},
    )  # fmt: skip
    fills = (
        {HAT: "........rrrrrrrr", KICK: "........9.9...9."},
        {TOM_FLOOR: "........8..8..8.", TOM_HIGH: "..........6..6.."},
        {CLAP: "............9.99"},
    )


class Cy(Drummer):
    name = "Cy"
    instrument = "jazz kit"
    way = "swung ride, hats on two and four, snare chatter"
    program = 32
    tempo = (100, 140)
    swing = 1.0
    looseness = 0.014
    opening = None
    effects = (eq(("low", 120, -2), ("high", 6000, 1)), room(0.9, 0.18))
    grooves = (
        {RIDE: "8...9.6.8...9.6.", PEDAL: "....7.......7...", KICK: "4...3...4...3..."},
        {RIDE: "8...9.6.8...9...", PEDAL: "....7.......7...", SNARE: "......4.......5.",
         KICK: "4...3...4..6...."},
        {RIDE: "8...9.6.8...9.6.", PEDAL: "....7.......7...", STICK: "............8...",
         KICK: "4...3.....5....."},
    )  # fmt: skip
    fills = (
        {SNARE: "........7.6.8.6.", KICK: "..........6....8"},
        {SNARE: "........8.....7.", TOM_MID: "..........7.7...", KICK: "............7..."},
    )

    def bar(self, bar: Bar) -> list[Note]:
        notes = super().bar(bar)
        for step in (2, 6, 10, 14):  # chatter: soft, never the same twice
            if self.chance(0.25 * bar.intensity):
                notes.append(Note(step / 4, 0.2, SNARE, float(self.rng.uniform(0.2, 0.45))))
        return notes

    def ending(self, bar: Bar) -> list[Note]:
        return [Note(0.0, 3.0, RIDE, 0.8), Note(0.0, 0.5, KICK, 0.7), Note(0.0, 0.5, SNARE, 0.5)]


class Dee(Drummer):
    name = "Dee"
    instrument = "kit with brushes"
    way = "sweeping brushes, soft kick, hardly any cymbals"
    program = 40
    tempo = (78, 112)
    swing = 0.35
    looseness = 0.014
    behind = 0.01
    opening = None
    effects = (lowpass(9000, 1), eq(("peak", 250, 2)), room(0.4, 0.1))
    grooves = (
        {SNARE2: "7...5...7...5...", SNARE: "....7.......7...", KICK: "7.......6......."},
        {SNARE2: "7...6...7...6...", SNARE: "....7..4....7.4.", KICK: "7.....5.6......."},
        {SNARE2: "7.......7.......", SNARE: "..4.7.4...4.7.4.", KICK: "7.......6.5....."},
    )
    fills = (
        {SNARE: "........5.6.7.66"},
        {TOM_MID: "........6.6.....", TOM_FLOOR: "............6.6."},
    )

    def ending(self, bar: Bar) -> list[Note]:
        return [Note(0.0, 2.0, SNARE2, 0.7), Note(0.0, 0.5, KICK, 0.6)]


class Eli(Drummer):
    name = "Eli"
    instrument = "electronic kit"
    way = "kick on every beat, open hats between, sixteenth hats"
    program = 24
    tempo = (108, 132)
    looseness = 0.0
    effects = (eq(("low", 90, 2), ("high", 5000, 3)), squash(-12, 5, 0.08))
    grooves = (
        {KICK: "9...9...9...9...", HAT_OPEN: "..8...8...8...8.", SNARE2: "....8.......8..."},
        {KICK: "9...9...9...9...", HAT_OPEN: "..8...8...8...8.", HAT: "55.555.555.555.5",
         CLAP: "....9.......9..."},
        {KICK: "9...9...9...9.7.", HAT_OPEN: "..8...8...8...8.", CLAP: "....9.......9..9",
         HAT: "5..55..55..55..5"},
    )  # fmt: skip
    fills = (
        {SNARE2: "........8.8.8888", KICK: "9...9..........."},
        {CLAP: "........9..9..9."},
        {TOM_HIGH: "........88......", TOM_MID: "..........88....", TOM_LOW: "............8888"},
    )


class Fay(Drummer):
    name = "Fay"
    instrument = "power kit in a big room"
    way = "half-time, washy crash-ride, double kicks, heavy toms"
    program = 16
    tempo = (84, 122)
    looseness = 0.01
    effects = (drive(8), eq(("low", 100, 3), ("peak", 800, -3)), room(1.6, 0.3, pre_delay_s=0.02))
    grooves = (
        {CRASH: "7...6...7...6...", SNARE: "........9.......", KICK: "9.....99......9."},
        {RIDE: "8...8...8...8...", SNARE: "........9.......", KICK: "9.9.......9..9.."},
        {TOM_FLOOR: "9.7.9.7...7.9.7.", SNARE: "........9.......", KICK: "9...9.......9..."},
    )
    fills = (
        {TOM_HIGH: "........999.....", TOM_MID: "...........99...", TOM_FLOOR: ".............999"},
        {SNARE: "........9.99....", TOM_FLOOR: "............9.99", KICK: "........9...9..."},
    )


class Gus(Drummer):
    name = "Gus"
    instrument = "congas, clave, shaker and timbales"
    way = "latin percussion in sixteenths, hardly a drum kit"
    font = CSOUND
    program = 0
    tempo = (90, 124)
    looseness = 0.01
    opening = None
    effects = (highpass(50), eq(("peak", 1500, 2)), room(0.7, 0.15))
    grooves = (
        {CLAVE: "9..9...9....9.9.", CONGA_MUTE: "6...6...6...6...", CONGA_HIGH: "......8.........",
         CONGA_LOW: ".............8.8", SHAKER: "5363536353635363", KICK: "5.....5.5.....5."},
        {CLAVE: "....9.9...9..9..", CONGA_MUTE: "6.5...5.6.5...5.", CONGA_HIGH: "...8..8....8....",
         CONGA_LOW: "............8.8.", SHAKER: "6.5.6.5.6.5.6.5."},
        {STICK: "9..9...9....9.9.", CONGA_LOW: "8..8...8..8.....", CONGA_HIGH: "....7.......7.7.",
         SHAKER: "5363536353635363", COWBELL: "7...7...7...7..."},
    )  # fmt: skip
    fills = (
        {TIMBALE_HIGH: "........8888....", TIMBALE_LOW: "............8.88"},
        {CONGA_HIGH: "........88.8....", CONGA_LOW: "...........8.888"},
    )

    def ending(self, bar: Bar) -> list[Note]:
        return [Note(0.0, 0.5, CONGA_LOW, 0.9), Note(0.0, 0.5, TIMBALE_LOW, 0.7)]


DRUMMERS: tuple[type[Drummer], ...] = (Ada, Bo, Cy, Dee, Eli, Fay, Gus)
