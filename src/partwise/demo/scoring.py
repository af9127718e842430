"""How often the same player comes first, beside what guessing would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from partwise.parts import Part

DEPTH = 3

# piece -> the other pieces, best first; None when the part was not heard in it
Rankings = Mapping[str, Sequence[str] | None]


@dataclass(frozen=True)
class PartScore:
    """The answers for one part, over all pieces in which it is played.

    asked : queries. right_first : queries with the same player at rank 1. right : answers with the
    same player among the first three of every query. answered : queries for which the part was
    heard at all; the others count as wrong.
    chance : the share of right answers when guessing among the other pieces that have the part;
    the same at rank 1 and among the first three.
    lacking, noticed : pieces in which nobody plays the part, and how many of these were known not
    to have it.
    """

    part: Part
    asked: int
    answered: int
    right_first: int
    right: int
    chance: float
    lacking: int
    noticed: int

    @property
    def first(self) -> float:
        """The share of queries whose first answer is right, 0..1."""
        return self.right_first / self.asked

    @property
    def precision(self) -> float:
        """The share of right answers among the first three, 0..1."""
        return self.right / (DEPTH * self.asked)


def chance(players: Sequence[str]) -> float:
    """The chance that another piece, drawn at random, has the same player, 0..1.

    players : who plays the part, one entry per piece that has it, at least two. This is the mean
    over pieces of (pieces with this player - 1) / (pieces - 1).
    """
    pairs = sum(count * (count - 1) for count in Counter(players).values())
    return pairs / (len(players) * (len(players) - 1))


def score_part(part: Part, who: Mapping[str, str | None], answers: Rankings) -> PartScore:
    """Compare rankings with who plays.

    who : piece -> who plays the part, None where nobody does.
    answers : piece -> the other pieces, best first, or None when the part was not heard in it.
    """
    playing = {piece: name for piece, name in who.items() if name is not None}
    right_first = right = answered = 0
    for piece, name in playing.items():
        ranking = answers[piece]
        if ranking is None:
            continue
        if piece in ranking:
            raise ValueError(f"{piece} is among its own answers")
        same = _same(who, name, ranking)
        answered += 1
        right_first += bool(same and same[0])
        right += sum(same)
    lacking = [piece for piece, name in who.items() if name is None]
    return PartScore(
        part=part,
        asked=len(playing),
        answered=answered,
        right_first=right_first,
        right=right,
        chance=chance(list(playing.values())),
        lacking=len(lacking),
        noticed=sum(answers[piece] is None for piece in lacking),
    )


def middle(who: Mapping[str, str | None], answers: Rankings) -> list[str]:
    """The pieces that are answered neither well nor badly for this part, in the order of ``who``.

    who, answers : as for ``score_part``. Pieces in which the part is played and heard are put in
    order by how many of the first three answers are right, and then by whether the first one is.
    These are all that stand where the middle one does (of two in the middle, the worse). None where
    no piece has an answer.
    """
    quality: dict[str, tuple[int, bool]] = {}
    for piece, name in who.items():
        ranking = answers[piece]
        if name is not None and ranking:
            same = _same(who, name, ranking)
            quality[piece] = (sum(same), same[0])
    if not quality:
        return []
    usual = sorted(quality.values())[(len(quality) - 1) // 2]
    return [piece for piece, reached in quality.items() if reached == usual]


def _same(who: Mapping[str, str | None], name: str, ranking: Sequence[str]) -> list[bool]:
    """Of the first three answers, which have the player ``name``."""
    return [who[other] == name for other in ranking[:DEPTH]]
