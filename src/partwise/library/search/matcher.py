"""Which tracks a text means, best first: the one way in which names are matched.

Accents, case and the form of Unicode do not count, and whatever is neither letter nor digit parts
words. A track is found when every word of the text begins a word of its title, artist, album or
file names, in any order; ``Rank`` says who comes first, and what else is found.

Typing errors are forgiven only where nothing is spelt as it was typed: in words of four letters or
more one letter may be wrong, missing, too much or swapped with its neighbour, in those of eight or
more two.
"""

from __future__ import annotations

import os
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Mapping
from enum import IntEnum
from functools import cached_property, lru_cache

import numpy as np

from partwise.library.tables.catalogue import Track
from partwise.paths import shown


class Rank(IntEnum):
    """How a text is found in a track; the lower, the sooner the track comes.

    NAME : it is the whole title, or a whole file name with or without its ending.
    BEGINNING : its words begin the first words of the title.
    PHRASE : they begin words of a name that follow one another.
    WORDS : they begin words of the track. INSIDE : they stand inside words of it.
    """

    NAME = 0
    BEGINNING = 1
    PHRASE = 2
    WORDS = 3
    INSIDE = 4


# Letters of their own that people also write without knowing them; accents fall off by themselves.
_SPELT = dict(zip("øđðłħŧıŋæœþ", "o d d l h t i n ae oe th".split(), strict=True))
_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")
_ASCII = bytes(c if c > 127 or c == 10 or chr(c).isalnum() else 32 for c in range(256)).lower()
_END = "|"  # of a name, among words: it is in none
_NOWHERE = 99  # a rank, and a number of typing errors
_LETTERS_FOR_ERRORS = (4, 8)  # a word of so many may have one error, two


class Matcher:
    """Finds tracks of one catalogue by text.

    Tracks have numbers in the order of a listing: by artist, album and title. Distinct words have
    numbers in the order of the alphabet, so that all words with one beginning are a range of
    numbers, and the places where they stand a slice of an array.
    """

    def __init__(self, catalogue: Mapping[str, Track]) -> None:
        self.catalogue = catalogue
        self._tracks = sorted(catalogue.values(), key=_listing)
        names, owners, kinds = [], [], []
        for number, track in enumerate(self._tracks):
            found = _names(track)
            names += found
            owners += [number] * len(found)
            kinds += (1, 0, 0, *[2] * (len(found) - 3))
        folded = _folded("".join([f"{name}\n" for name in names]))
        tokens = folded.replace("\n", f" {_END} ").split()
        self._words = sorted(set(tokens) - {_END})
        number_of = {word: number for number, word in enumerate(self._words)} | {_END: -1}
        # For each place, which holds a word or the end of a name: the word's number, -1 for an end;
        # the number of its track; and whether a title (1) or a file name (2) opens here.
        self._word_at = np.fromiter(map(number_of.__getitem__, tokens), np.int32, len(tokens))
        is_end = self._word_at < 0
        name_at = np.cumsum(is_end) - is_end
        opens = np.concatenate([[True], is_end])[: len(tokens)]
        self._track_at = np.array(owners, np.int32)[name_at]
        self._opens_at = np.where(opens, np.array(kinds, np.uint8)[name_at], 0)
        # Places in the order of their words: those of word w begin at _bounds[w].
        self._places = np.argsort(self._word_at, kind="stable")[int(is_end.sum()) :]
        counts = np.bincount(self._word_at[~is_end], minlength=len(self._words))
        self._bounds = np.concatenate([[0], np.cumsum(counts)])
        self._track_of = self._track_at[self._places]

    def find(self, text: str, limit: int | None = None, offset: int = 0) -> list[Track]:
        """Tracks in which a text is found, best first, at most ``limit`` from ``offset`` on.

        An empty text is found in all; tracks of the same rank are in the order of a listing.
        """
        return self.tracks(self.numbers(text)[offset:][:limit])

    def tracks(self, numbers: np.ndarray) -> list[Track]:
        """The tracks with some numbers, see ``numbers``."""
        return [self._tracks[number] for number in numbers.tolist()]

    def numbers(self, text: str) -> np.ndarray:
        """int64 [found]: the same as ``find``, as numbers of which ``tracks`` makes tracks."""
        if not text.strip():
            return np.arange(len(self._tracks))
        ranks = self._ranks(text)
        found = np.flatnonzero(ranks < _NOWHERE)
        if not len(found):
            return np.flatnonzero(self._misspelt(text))
        return found[np.argsort(ranks[found], kind="stable")]

    def meant(self, name: str) -> list[Track]:
        """The tracks that a name for one can mean: no more than one unless it is ambiguous.

        A whole name wins over others that contain it, words win over what stands inside words,
        and those over part of a path, folders included; but with a slash in it, it is a path first.
        """
        if not name.strip():
            return []
        ranks = self._ranks(name)
        choices = [
            lambda: ranks == Rank.NAME,
            lambda: ranks <= Rank.WORDS,
            lambda: ranks == Rank.INSIDE,
            lambda: self._in_path(name),
            lambda: self._misspelt(name),
        ]
        if "/" in name or os.sep in name:
            choices.insert(0, choices[3])
        found = (np.flatnonzero(choice()) for choice in choices)
        return self.tracks(next(filter(len, found), np.arange(0)))

    def _ranks(self, text: str) -> np.ndarray:
        """uint8 [tracks]: the ``Rank`` of each, or ``_NOWHERE``."""
        ranks = np.full(len(self._tracks), _NOWHERE, np.uint8)
        words = words_of(text)
        if not words:  # signs alone, such as a band called "!!!"
            sought = text.strip().casefold()
            ranks[np.array([sought in names for names in self._signs], bool)] = Rank.INSIDE
            return ranks
        ranks[self._with_all([self._containing(word) for word in set(words)])] = Rank.INSIDE
        ranges = [self._begun_by(word) for word in words]
        ranks[self._with_all([np.arange(*one) for one in set(ranges)])] = Rank.WORDS

        places = self._places[slice(*self._bounds[list(ranges[0])])]
        whole = np.ones(len(places), bool)
        for step, (word, (low, high)) in enumerate(zip(words, ranges, strict=True)):
            here = self._word_at.take(places + step, mode="clip")  # behind the last is an end
            kept = (here >= low) & (here < high)
            exact = low < high and self._words[low] == word
            places, whole = places[kept], (whole & (here == low) & exact)[kept]
        opens = self._opens_at[places]
        ends = [self._word_at.take(places + len(words) + n, mode="clip") < 0 for n in (0, 1)]
        whole &= (ends[0] & (opens > 0)) | (ends[1] & (opens == 2))
        ranks[self._track_at[places]] = Rank.PHRASE
        ranks[self._track_at[places[opens == 1]]] = Rank.BEGINNING
        ranks[self._track_at[places[whole]]] = Rank.NAME
        return ranks

    def _with_all(self, choices: list[np.ndarray]) -> np.ndarray:
        """bool [tracks]: those that have one of the words of every choice (int64 [n], rising)."""
        found = np.ones(len(self._tracks), bool)
        for numbers in choices:
            starts, ends = self._bounds[numbers], self._bounds[numbers + 1]
            counts = ends - starts
            before = np.cumsum(counts) - counts
            places = np.repeat(starts - before, counts) + np.arange(counts.sum())
            one = np.zeros(len(self._tracks), bool)
            one[self._track_of[places]] = True
            found &= one
        return found

    @cached_property
    def _signs(self) -> list[str]:
        """The names of each track as they are, but for their case."""
        return ["\n".join(_names(track)).casefold() for track in self._tracks]

    @cached_property
    def _paths(self) -> list[str]:
        """The words of the paths of each track, a line for each path."""
        return ["\n".join(_in_one(shown(path)) for path in t.paths) for t in self._tracks]

    def _in_path(self, text: str) -> np.ndarray:
        """bool [tracks]: those with the words of a text in a path, as they stand."""
        sought = _in_one(text)
        return np.array([bool(sought) and sought in paths for paths in self._paths], bool)

    # --- the words that there are

    def _begun_by(self, word: str) -> tuple[int, int]:
        """The range of the numbers of those that begin with a word."""
        low = bisect_left(self._words, word)
        return low, bisect_left(self._words, word + chr(0x10FFFF), low)

    @cached_property
    def _letters(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All of them in one row, 0 behind each, and zeros behind the last.

        Returns the code points uint32 [letters], the number of the word at each int32 [letters],
        and where each word starts int64 [words].
        """
        lengths = np.fromiter(map(len, self._words), np.int64, len(self._words)) + 1
        row = "".join([f"{word}\0" for word in self._words])
        number_at = np.repeat(np.arange(len(lengths), dtype=np.int32), lengths)
        return _codes(row), number_at, np.cumsum(lengths) - lengths

    def _containing(self, word: str) -> np.ndarray:
        """int64 [n]: the numbers of those that have a word inside.

        One letter or digit says too little there, so it has to begin the word; but one of a script
        that has no small letters is often a word of its own.
        """
        if len(word) == 1 and (word.islower() or word.isdigit()):
            return np.arange(*self._begun_by(word))
        letters, number_at, _ = self._letters
        sought = _codes(word)
        places = np.flatnonzero(letters[: max(len(letters) - len(sought), 0)] == sought[0])
        for step, letter in enumerate(sought[1:], start=1):
            places = places[letters[places + step] == letter]
        held = np.zeros(len(self._words), bool)
        held[number_at[places]] = True
        return np.flatnonzero(held)

    # --- typing errors

    def _misspelt(self, text: str) -> np.ndarray:
        """bool [tracks]: those with every word of a text, or one that is nearly it.

        The last word may be the beginning of one; but the fewest errors count, and whole words
        count before beginnings.
        """
        words = words_of(text)
        allowed = [sum(len(word) >= least for least in _LETTERS_FOR_ERRORS) for word in words]
        found = np.zeros(len(self._tracks), bool)
        if not any(allowed):
            return found
        near = [self._near(word, most) for word, most in zip(words, allowed, strict=True)]
        for begun in (False, True):
            for errors in range(1, max(allowed) + 1):
                choices = []
                for at, (word, most) in enumerate(zip(words, allowed, strict=True)):
                    numbers, whole, beginning = near[at]
                    distance = beginning if begun and at == len(words) - 1 else whole
                    close = numbers[distance <= min(most, errors)]
                    choices.append(np.union1d(close, np.arange(*self._begun_by(word))))
                found = self._with_all(choices)
                if found.any():
                    return found
        return found

    @cached_property
    def _letter_sets(self) -> np.ndarray:
        """uint64 [words]: which letters each has; 64 kinds of letters, so some share one."""
        letters, _, starts = self._letters
        bits = np.where(letters > 0, _bits(letters), np.uint64(0))
        return np.bitwise_or.reduceat(bits, starts) if len(starts) else bits

    def _near(self, word: str, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Words that may be a misspelt one, or begin with it.

        most : errors that count. Returns their numbers int64 [n], and the errors between it and
        the whole of each, and between it and the best beginning of each, int64 [n].
        """
        letters, _, starts = self._letters
        sought, ends = _codes(word), np.append(starts[1:], len(letters))
        lacking = np.bitwise_count(np.bitwise_or.reduce(_bits(sought)) & ~self._letter_sets)
        numbers = np.flatnonzero(lacking <= most) if most else np.arange(0)
        lengths = (ends - starts - 1)[numbers]
        width = len(sought) + most
        columns = np.arange(width + 1)
        places = np.minimum(starts[numbers, None] + columns[:-1], len(letters) - 1)
        rows = np.where(columns[:-1] < lengths[:, None], letters[places], 0)
        row = errors_to_beginnings(sought, rows)
        whole = row[np.arange(len(row)), np.minimum(lengths, width)]
        begun = np.where(columns <= lengths[:, None], row, _NOWHERE).min(axis=1, initial=_NOWHERE)
        return numbers, np.where(lengths <= width, whole, _NOWHERE), begun


def errors_to_beginnings(sought: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Typing errors between a word and the beginnings of others (Damerau and Levenshtein).

    sought : code points [letters]. rows : [n, width], 0 behind the end of each.
    Returns int64 [n, width + 1]: errors to the first 0, 1, ... letters of each.
    """
    columns = np.arange(rows.shape[1] + 1)
    row = np.tile(columns, (len(rows), 1))
    former, former_same = row, np.zeros(rows.shape, bool)
    for count, letter in enumerate(sought, start=1):
        same = rows == letter
        new = np.empty_like(row)
        new[:, 0] = count
        new[:, 1:] = np.minimum(row[:, :-1] + ~same, row[:, 1:] + 1)
        swapped = same[:, :-1] & former_same[:, 1:]
        new[:, 2:] = np.minimum(new[:, 2:], np.where(swapped, former[:, :-2] + 1, _NOWHERE))
        # A letter too much costs one for each column passed.
        new = np.minimum.accumulate(new - columns, axis=1) + columns
        former, former_same, row = row, same, new
    return row


def name_key(text: str) -> str:
    """The same for names that are one: accents, case, signs and forms of Unicode do not count."""
    return _in_one(text) or text.strip().casefold()


def words_of(text: str) -> list[str]:
    """The words of a text as they are compared."""
    return _folded(text).split()


def _in_one(text: str) -> str:
    return " ".join(words_of(text))


def _folded(text: str) -> str:
    """Small letters without accents, digits, line breaks, and spaces for everything else."""
    plain = _NOT_ASCII.sub(lambda run: _folded_run(run[0]), text)
    return plain.encode("utf-8").translate(_ASCII).decode("utf-8")


@lru_cache(maxsize=1 << 16)
def _folded_run(run: str) -> str:
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", run).casefold())
    return "".join(map(_folded_letter, apart))


@lru_cache(maxsize=1 << 12)
def _folded_letter(letter: str) -> str:
    # Accents, and points of Hebrew and Arabic, are left out; vowels of Indian scripts and marks of
    # Japanese letters, which make other letters of them, have other classes.
    mark = unicodedata.combining(letter)
    if 10 <= mark <= 36 or mark >= 200:
        return ""
    word = unicodedata.category(letter)[0] in "LMN"
    return _SPELT.get(letter, letter) if word or letter.isascii() else " "


def _codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def _bits(codes: np.ndarray) -> np.ndarray:
    return np.uint64(1) << (codes.astype(np.uint64) & np.uint64(63))


def _names(track: Track) -> tuple[str, ...]:
    """Title, artist and album, then the names of its files: one line each."""
    tags = track.tags
    files = [shown(os.path.basename(path)) for path in track.paths]
    title = tags.title or os.path.splitext(files[0])[0]
    tagged = [(name or "").replace("\n", " ") for name in (title, tags.artist, tags.album)]
    return (*tagged, *files)


def _listing(track: Track) -> tuple[str, ...]:
    tags = track.tags
    names = (tags.artist, tags.album, tags.title)
    return (*(name_key(name or "\uffff") for name in names), track.paths[0])
