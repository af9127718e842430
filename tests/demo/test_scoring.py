"""The arithmetic of the demo's figures, on made-up rankings."""

from __future__ import annotations

import itertools

import pytest

from partwise.demo.scoring import chance, middle, score_part
from partwise.parts import Part

WHO = {"a": "Ann", "b": "Ann", "c": "Ann", "d": "Ben", "e": "Ben", "f": None}


def test_right_answers_are_counted() -> None:
    answers = {
        "a": ["b", "d", "c"],  # first right, two of three right
        "b": ["d", "a", "e"],  # first wrong, one right
        "c": None,  # not heard though it plays: wrong
        "d": ["e", "a", "b", "c"],  # first right, one right; the fourth does not count
        "e": ["f", "a", "b"],  # a piece without the part is a wrong answer
        "f": None,
    }
    score = score_part(Part.DRUMS, WHO, answers)
    assert (score.asked, score.answered, score.right_first, score.right) == (5, 4, 2, 4)
    assert score.first == pytest.approx(2 / 5)
    assert score.precision == pytest.approx(4 / 15)
    assert (score.lacking, score.noticed) == (1, 1)


def test_a_part_heard_where_nobody_plays_is_not_noticed() -> None:
    answers = {piece: ["a"] if piece == "f" else None for piece in WHO}
    score = score_part(Part.PIANO, WHO, answers)
    assert (score.right_first, score.right, score.lacking, score.noticed) == (0, 0, 1, 0)


def test_fewer_than_three_answers_do_not_help() -> None:
    answers: dict[str, list[str] | None] = {piece: [] for piece in WHO}
    answers["a"] = ["b"]
    score = score_part(Part.BASS, WHO, answers)
    assert (score.right_first, score.right) == (1, 1)
    assert score.precision == pytest.approx(1 / 15)


def test_a_piece_among_its_own_answers_is_an_error() -> None:
    with pytest.raises(ValueError, match="own answers"):
        score_part(Part.DRUMS, WHO, {piece: [piece] for piece in WHO})


@pytest.mark.parametrize(
    "players", [["x", "x", "y", "y", "y"], ["x", "y"], ["x"] * 4, list("aaabbbbccd")]
)
def test_chance_is_the_share_of_equal_pairs(players: list[str]) -> None:
    pairs = list(itertools.permutations(range(len(players)), 2))
    equal = sum(players[i] == players[j] for i, j in pairs)
    assert chance(players) == pytest.approx(equal / len(pairs))


def test_chance_is_what_every_possible_ranking_gives_on_average() -> None:
    who = {"a": "Ann", "b": "Ann", "c": "Ben", "d": "Ben", "e": "Ben"}
    orders = {
        piece: list(itertools.permutations([other for other in who if other != piece]))
        for piece in who
    }
    count = len(orders["a"])
    scores = [
        score_part(Part.GUITAR, who, {piece: orders[piece][i] for piece in who})
        for i in range(count)
    ]
    assert sum(s.first for s in scores) / count == pytest.approx(scores[0].chance)
    assert sum(s.precision for s in scores) / count == pytest.approx(scores[0].chance)


def test_the_middle_is_neither_the_best_nor_the_worst() -> None:
    answers = {
        "a": ["b", "c", "d"],  # two right
        "b": ["d", "e", "c"],  # one right, not the first
        "c": ["a", "d", "e"],  # one right, the first
        "d": ["a", "b", "c"],  # none
        "e": ["a", "d", "b"],  # one right, not the first
        "f": ["a", "b", "c"],  # nobody plays here: no question
    }
    assert middle(WHO, answers) == ["b", "e"]
    # Of two in the middle the worse one, so that nothing is made to look better.
    assert middle(WHO, {**answers, "e": None}) == ["b"]
    assert middle(WHO, dict.fromkeys(WHO)) == []
    assert middle(WHO, {**dict.fromkeys(WHO), "a": []}) == []
