"""Who meets whom in which piece, and the key, tempo, chords and form of each piece.

The pieces are points of the affine plane of order 7, and the players of one part are its lines of
one direction. Two points share at most one line, so **two pieces never share two players**; each
line has seven points, of which the pieces keep five, so **every player is heard in five pieces**,
each time in other company. Two lines of the other part, and one each of piano and guitar, are left
empty: those pieces lack the part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo_composer.bassists import BASSISTS
from demo_composer.drummers import DRUMMERS
from demo_composer.guitarists import GUITARISTS
from demo_composer.harmony import NAMES, PROGRESSIONS, Bar, read_chord
from demo_composer.others import OTHERS
from demo_composer.pianists import PIANISTS
from demo_composer.players import Player
from partwise.parts import PARTS, Part

ORDER = 7
KEPT = 5
# The direction of each part's lines: x for drums, y - slope * x for the others.
_SLOPES = {Part.BASS: 0, Part.PIANO: 1, Part.GUITAR: 2, Part.OTHER: 3}
_KEEP_SLOPE = 4

ROSTER: dict[Part, tuple[type[Player], ...]] = {
    Part.DRUMS: DRUMMERS,
    Part.BASS: BASSISTS,
    Part.PIANO: PIANISTS,
    Part.GUITAR: GUITARISTS,
    Part.OTHER: OTHERS,
}

_FIRST = (
    "Amber Border Copper Distant Eastern Falling Gentle Hollow Inner Jagged Kindred Lantern "
    "Marble Northern Open Paper Quiet River Silver Tidal Upper Velvet Wandering Yellow Zigzag "
    "Broken Crooked Evening Feather Harbour Ivory Juniper Morning Painted Second"
).split()
_SECOND = (
    "Arcade Balcony Carousel Doorway Engine Ferry Garden Highway Island Jetty Kiosk Ladder "
    "Meadow Number Orchard Parade Quarter Railway Station Terrace Umbrella Viaduct Window "
    "Yard Zenith Bridge Circle Detour Echo Fountain Hallway Journey Letter Market Nocturne"
).split()


@dataclass(frozen=True)
class Piece:
    """A piece before it is played.

    active : part -> the indices of the bars in which it plays.
    """

    number: int
    seed: int
    title: str
    players: dict[Part, type[Player]]
    tonic: int
    mode: str
    bpm: int
    bars: tuple[Bar, ...]
    active: dict[Part, frozenset[int]]

    @property
    def key(self) -> str:
        return f"{NAMES[self.tonic]} {self.mode}"

    @property
    def bar_s(self) -> float:
        return 240 / self.bpm

    @property
    def file_stem(self) -> str:
        return f"{self.number:02d}-{self.title.lower().replace(' ', '-')}"


def line_ups(rng: np.random.Generator) -> list[dict[Part, type[Player]]]:
    """The players of each piece; a part that nobody plays is not among the keys."""
    seats = {part: rng.permutation(ORDER) for part in PARTS}
    pieces = []
    for x in range(ORDER):
        for y in range(ORDER):
            if (y - _KEEP_SLOPE * x) % ORDER >= KEPT:
                continue
            line_up = {}
            for part in PARTS:
                line = x if part is Part.DRUMS else (y - _SLOPES[part] * x) % ORDER
                seat = seats[part][line]
                if seat < len(ROSTER[part]):
                    line_up[part] = ROSTER[part][seat]
            pieces.append(line_up)
    return [pieces[i] for i in rng.permutation(len(pieces))]


def _tempo(line_up: dict[Part, type[Player]], rng: np.random.Generator) -> int:
    """A tempo at which everyone in the piece is at home."""
    low = max(player.tempo[0] for player in line_up.values())
    high = min(player.tempo[1] for player in line_up.values())
    if low > high:
        raise ValueError(f"no common tempo: {sorted(p.name for p in line_up.values())}")
    return int(rng.integers(low, high + 1))


def _form(parts: list[Part], count: int, rng: np.random.Generator) -> dict[Part, frozenset[int]]:
    """Which bars each part plays: they come in one after another, and there is a break."""
    order = [parts[i] for i in rng.permutation(len(parts))]
    if set(order[:2]) == {Part.DRUMS, Part.BASS}:  # begin with something of the harmony
        order[1], order[2] = order[2], order[1]
    entries = (0, 0, 2, 2, 4) if rng.random() < 0.6 else (0, 1, 2, 3, 4)
    active = {part: set(range(entry, count)) for part, entry in zip(order, entries, strict=False)}
    middle = count // 2 + int(rng.integers(0, 2))
    resting = rng.permutation(len(parts))[: max(1, len(parts) - 3)]
    for i in resting:
        active[parts[i]] -= {middle, middle + 1} if rng.random() < 0.5 else {middle}
    return {part: frozenset(bars) for part, bars in active.items()}


def _bars(
    progression: tuple[str, str, str], tonic: int, count: int, rng: np.random.Generator
) -> tuple[Bar, ...]:
    mode, first, second = progression
    sections = [first.split(), second.split()]
    half = count // 2 // 2 * 2
    chords = []
    for index in range(count):
        names = sections[0] if index < half else sections[1]
        chords.append(read_chord(names[index % len(names)], tonic, mode))
    chords[-1] = read_chord(sections[0][0], tonic, mode)
    lift = rng.normal(0, 0.06)
    bars = []
    for index, chord in enumerate(chords):
        base = 0.4 if index < 4 else 0.55 if index < half else 0.8
        following = chords[min(index + 1, count - 1)]
        opens = index in (0, 4, half)
        closes = index in (3, half - 1, count - 2)
        intensity = float(np.clip(base + lift + rng.normal(0, 0.05), 0, 1))
        bars.append(Bar(index, chord, following, intensity, opens, closes, index == count - 1))
    return tuple(bars)


def compose(seed: int) -> list[Piece]:
    """All pieces, the same for the same ``seed``."""
    rng = np.random.default_rng([seed, 0])
    pieces: list[Piece] = []
    first, second = rng.permutation(len(_FIRST)), rng.permutation(len(_SECOND))
    for number, line_up in enumerate(line_ups(rng), start=1):
        own = np.random.default_rng([seed, number])
        bpm = _tempo(line_up, own)
        kin = [p for p in pieces if set(p.players.values()) & set(line_up.values())]
        # Nobody may be told by the key or the chords: kin pieces differ in both where they can.
        tonics = [t for t in own.permutation(12) if all(p.tonic != t for p in kin)]
        tonic = int(tonics[0]) if tonics else int(own.integers(12))
        progression = PROGRESSIONS[int(own.integers(len(PROGRESSIONS)))]
        count = round(float(own.uniform(28, 35)) / (240 / bpm))
        parts = [part for part in PARTS if part in line_up]
        pieces.append(
            Piece(
                number=number,
                seed=int(own.integers(2**31)),
                title=f"{_FIRST[first[number - 1]]} {_SECOND[second[number - 1]]}",
                players=line_up,
                tonic=tonic,
                mode=progression[0],
                bpm=bpm,
                bars=_bars(progression, tonic, count, own),
                active=_form(parts, count, own),
            )
        )
    return pieces
