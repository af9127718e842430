"""Keys, chords and progressions."""

from __future__ import annotations

import re
from dataclasses import dataclass

NAMES = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
_DEGREES = {"i": 0, "ii": 2, "iii": 4, "iv": 5, "v": 7, "vi": 9, "vii": 11}
_MODES = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "minor": (0, 2, 3, 5, 7, 8, 10),
}

# (mode, first section, second section): one chord a bar, as degrees of the major scale.
PROGRESSIONS: tuple[tuple[str, str, str], ...] = (
    ("major", "I V vi IV", "ii IV I V"),
    ("major", "I vi IV V", "IV V iii vi"),
    ("major", "Imaj7 IVmaj7 Imaj7 V7", "vi7 ii7 IVmaj7 V7"),
    ("major", "ii7 V7 Imaj7 vi7", "iii7 vi7 ii7 V7"),
    ("major", "I iii IV iv", "vi IV I V"),
    ("mixolydian", "I bVII IV I", "I IV bVII IV"),
    ("mixolydian", "I7 IV7 I7 V7", "IV7 IV7 I7 V7"),
    ("dorian", "i7 IV7", "bVII IV i7 IV7"),
    ("dorian", "i7 ii7 bIIImaj7 ii7", "IV7 i7 IV7 v7"),
    ("minor", "i bVI bIII bVII", "iv i bVI V7"),
    ("minor", "i bVII bVI V7", "iv bVII bIII bVI"),
    ("minor", "i7 iv7 i7 V7", "bVImaj7 bVII i7 i7"),
)


@dataclass(frozen=True)
class Chord:
    """A chord: pitch class of its root, intervals above it, and the scale it is heard in."""

    root: int
    intervals: tuple[int, ...]
    scale: tuple[int, ...]

    @property
    def tones(self) -> tuple[int, ...]:
        """Pitch classes, the root first."""
        return tuple((self.root + interval) % 12 for interval in self.intervals)

    @property
    def third(self) -> int:
        return (self.root + self.intervals[1]) % 12

    @property
    def fifth(self) -> int:
        return (self.root + self.intervals[2]) % 12

    @property
    def ninth(self) -> int:
        """The ninth that lies in the scale."""
        candidates = [(self.root + step) % 12 for step in (2, 1)]
        return next((c for c in candidates if c in self.scale), candidates[0])


@dataclass(frozen=True)
class Bar:
    """Four beats of a piece.

    intensity : how much is going on, 0..1. opens : first bar of a section. closes : last one.
    last : the closing bar, where everybody holds a chord.
    """

    index: int
    chord: Chord
    following: Chord
    intensity: float
    opens: bool
    closes: bool
    last: bool

    @property
    def start(self) -> float:
        """In beats from the start of the piece."""
        return 4.0 * self.index


def read_chord(text: str, tonic: int, mode: str) -> Chord:
    """Read a degree such as ``bVImaj7`` in the key of ``tonic`` (pitch class)."""
    match = re.fullmatch(r"(b?)([ivIV]+)(maj7|7)?", text)
    if match is None:
        raise ValueError(f"not a degree: {text!r}")
    flat, degree, suffix = match.groups()
    intervals = (0, 3, 7) if degree.islower() else (0, 4, 7)
    if suffix:
        intervals += (11,) if suffix == "maj7" else (10,)
    root = (tonic + _DEGREES[degree.lower()] - bool(flat)) % 12
    return Chord(root, intervals, tuple((tonic + step) % 12 for step in _MODES[mode]))


def at_or_above(pitch_class: int, key: int) -> int:
    """The lowest MIDI key of ``pitch_class`` that is not below ``key``."""
    return key + (pitch_class - key) % 12


def near(pitch_class: int, key: int) -> int:
    """The MIDI key of ``pitch_class`` nearest to ``key``."""
    above = at_or_above(pitch_class, key)
    return above if above - key <= 6 else above - 12


def within(pitch_class: int, low: int, high: int) -> list[int]:
    """All MIDI keys of ``pitch_class`` from ``low`` to ``high``."""
    return list(range(at_or_above(pitch_class, low), high + 1, 12))


def voicing(tones: tuple[int, ...], centre: int) -> list[int]:
    """Close voicing around the key ``centre``: each tone once, lowest first."""
    return sorted({near(tone, centre) for tone in tones})


def scale_step(key: int, steps: int, scale: tuple[int, ...]) -> int:
    """The key that lies ``steps`` scale steps above (or below) ``key``."""
    direction = 1 if steps > 0 else -1
    while steps:
        key += direction
        if key % 12 in scale:
            steps -= direction
    return key
