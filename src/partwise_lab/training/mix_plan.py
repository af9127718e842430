"""Who plays in each mix of a batch, drawn before a sample is touched: factorial pseudo-mixing.

For each part, `songs` stems are drawn with `views` windows each, and the five parts are shuffled
against each other. So each mix serves all five subspaces: two mixes that share the drummer differ
in everything else. Random subsets of stems are left out, so that the network learns who is absent.
Some songs are heard in one view among the other parts of their own piece.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.training.stem_bank import StemBank


@dataclass(frozen=True)
class MixSettings:
    """How pseudo-mixes are made.

    songs, views : a batch has songs * views mixes; every label occurs `views` times.
    seconds : length of a training segment [s].
    keep : range that each mix's chance of keeping a stem is drawn from; (1, 1) keeps all.
    gain_db : standard deviation of each stem's level around equal loudness [dB].
    eq_db : standard deviation of the colouring given to a song's stem, the same in all its views,
        as if it had been recorded elsewhere: more identities from the same data [dB].
    mix_eq_db : the same for whole mixes, drawn anew each time, which must not matter [dB].
    audible_db : a part this far below the whole mix counts as absent [dB].
    min_sounding : windows in which a stem sounds for a smaller share of the time are not drawn.
    sung : chance of a voice over a mix, where there are voices.
    company : share of the songs that are heard in one of their views as they were made: all parts
        of the piece, from one moment, at their own levels. Real arrangements are such mixes.
    """

    songs: int = 24
    views: int = 4
    seconds: float = 5.0
    keep: tuple[float, float] = (0.4, 1.0)
    gain_db: float = 5.0
    eq_db: float = 3.0
    mix_eq_db: float = 2.0
    audible_db: float = -25.0
    min_sounding: float = 0.3
    sung: float = 0.3
    company: float = 0.0


@dataclass(frozen=True)
class MixPlan:
    """The stems of each mix; every array is [mixes, parts=5].

    stem : int64, index into ``bank.stems[part]``
    first : int64, first mel frame of the window within the stem
    song : int64, the piece that the stem comes from: the label
    slot : int64, 0 .. songs - 1: which of the batch's songs of this part it is
    keep : bool, whether the stem stays in the mix; at least one does
    gain_db : float64, brings the stem from its own level to the one drawn for it [dB]
    """

    stem: np.ndarray
    first: np.ndarray
    song: np.ndarray
    slot: np.ndarray
    keep: np.ndarray
    gain_db: np.ndarray


class Planner:
    """Draws plans from a bank, for ever; the same seed gives the same plans.

    frames : length of a window in mel frames.
    """

    def __init__(self, bank: StemBank, settings: MixSettings, frames: int) -> None:
        self.bank = bank
        self.settings = settings
        self.frames = frames
        # By piece: a bank of separated stems has several of one part of a piece.
        self._usable = {part: self._long_enough(part) for part in PARTS}
        parts = Counter(piece for part in PARTS for piece in self._usable[part])
        self._arranged = np.array([piece for piece, count in parts.items() if count > 1])

    def _long_enough(self, part: Part) -> dict[int, np.ndarray]:
        found: dict[int, list[int]] = {}
        for number, stem in enumerate(self.bank.stems[part]):
            if stem.frames > self.frames:
                found.setdefault(stem.piece, []).append(number)
        return {piece: np.array(numbers) for piece, numbers in found.items()}

    def draw(self, rng: np.random.Generator) -> MixPlan:
        """The plan of songs * views mixes."""
        s = self.settings
        mixes = s.songs * s.views
        stem, first, song, slot = (np.empty((mixes, len(PARTS)), dtype=np.int64) for _ in range(4))
        gain_db = np.empty((mixes, len(PARTS)))
        company = self._company(rng)
        home = np.arange(len(company)) * s.views  # mixes: the first views of the first songs
        others = np.setdiff1d(np.arange(mixes), home)
        for part in PARTS:
            i = part.index
            chosen, offset = self.windows(part, rng, company)
            order = np.arange(mixes)
            order[others] = rng.permutation(others)
            stems = [self.bank.stems[part][s] for s in chosen[order]]
            stem[:, i], first[:, i] = chosen[order], offset[order]
            song[:, i] = [s.piece for s in stems]
            slot[:, i] = order // s.views
            level_db = np.array([s.level_db for s in stems])
            gain_db[:, i] = rng.normal(0.0, s.gain_db, mixes) - level_db
        keep = self._keep(mixes, rng)
        if len(home):
            keep[home] = song[home] == company[:, None]
            first[home] = self._moments(stem[home], keep[home], rng)
            gain_db[home] = self._balance(stem[home], keep[home], rng)
        return MixPlan(stem, first, song, slot, keep, gain_db)

    def _company(self, rng: np.random.Generator) -> np.ndarray:
        """The pieces of this batch that are heard among their own, too."""
        wanted = round(self.settings.company * self.settings.songs)
        if not wanted:
            return np.empty(0, np.int64)
        return rng.choice(self._arranged, min(wanted, len(self._arranged)), replace=False)

    def _moments(self, stem: np.ndarray, keep: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """First frames [mixes, parts=5], the same for all parts: where most of them sound."""
        start, frames = self.bank.told("first", stem), self.bank.told("frames", stem)
        room = np.where(keep, frames, frames.max()).min(axis=1) - self.frames
        tries = (rng.random((6, len(stem))) * room).astype(np.int64)
        sounds = np.zeros(tries.shape)
        for i in range(len(PARTS)):
            there = start[:, i] + np.where(keep[:, i], tries, 0)
            share = self.bank.sounding(there, self.frames)
            sounds += keep[:, i] & (share >= self.settings.min_sounding)
        moment = tries[sounds.argmax(axis=0), np.arange(len(stem))]
        return np.where(keep, moment[:, None], 0)

    def _balance(self, stem: np.ndarray, keep: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Gains [mixes, parts=5] in dB: the piece's own balance, about half as varied as others."""
        level_db = self.bank.told("level_db", stem)
        middle_db = (level_db * keep).sum(axis=1) / keep.sum(axis=1)
        return rng.normal(0.0, self.settings.gain_db / 2, stem.shape) - middle_db[:, None]

    def windows(
        self, part: Part, rng: np.random.Generator, company: Sequence[int] | np.ndarray = ()
    ) -> tuple[np.ndarray, np.ndarray]:
        """Stem and first frame within it of songs * views windows of one part, song by song.

        company : pieces of the first songs, where they have the part.
        Raises PartwiseError where no stem of the part is as long as a window.
        """
        s, usable = self.settings, self._usable[part]
        if not usable:
            seconds = self.frames / self.bank.mel.frames_per_s
            raise PartwiseError(
                f"no stem of {part} is longer than the {seconds:.1f} s of a segment"
            )
        pieces = list(usable)
        if len(company):
            own = set(company)
            pieces = [piece for piece in pieces if piece not in own] or pieces
        drawn = rng.choice(len(pieces), s.songs, replace=len(pieces) < s.songs)
        songs = [pieces[d] for d in drawn]
        for at, piece in enumerate(company):
            if piece in usable:
                songs[at] = piece
        chosen = np.concatenate(
            [
                np.repeat(usable[piece], s.views)
                if len(usable[piece]) == 1
                else rng.choice(usable[piece], s.views)
                for piece in songs
            ]
        )
        stems = [self.bank.stems[part][i] for i in chosen]
        start = np.array([stem.first for stem in stems])
        room = np.array([stem.frames - self.frames for stem in stems])
        # Of some random windows take the first that sounds enough, else the fullest.
        tries = (rng.random((6, len(stems))) * room).astype(np.int64)
        sounding = self.bank.sounding(start + tries, self.frames)
        enough = sounding >= s.min_sounding
        pick = np.where(enough.any(axis=0), enough.argmax(axis=0), sounding.argmax(axis=0))
        return chosen, tries[pick, np.arange(len(stems))]

    def _keep(self, mixes: int, rng: np.random.Generator) -> np.ndarray:
        chance = rng.uniform(*self.settings.keep, size=(mixes, 1))
        keep = rng.random((mixes, len(PARTS))) < chance
        keep[np.arange(mixes), rng.integers(len(PARTS), size=mixes)] = True
        return keep
