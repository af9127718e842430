"""Who takes part, in what order, and that no answer is lost, doubled or turned round."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from itertools import pairwise

import pytest

from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.survey.export import stored_answers
from partwise_lab.survey.listeners import (
    Said,
    come_back,
    join,
    keep_answer,
    next_question,
    questions,
    set_level,
    shown_code,
    token,
    withdraw,
)
from partwise_lab.survey.testfile import TestFile, make_test

SAID = Said({"total": "A+"}, 1234, (1, 2, 3))


def test_a_listener_comes_back_by_the_code_and_nothing_else(made):
    listener, code = join(made, "  Nick " + 99 * "x")
    assert come_back(made, code) == listener
    assert come_back(made, shown_code(code).lower()) == listener
    assert come_back(made, code[:-1]) is come_back(made, listener.listener) is None
    assert listener.name is not None
    assert listener.name.startswith("Nick x")
    assert len(listener.name) == 40
    set_level(made, listener)
    back = come_back(made, code)
    assert back is not None
    assert back.level_set
    assert code.encode() not in made.path.read_bytes()


def test_everybody_gets_all_questions_in_their_own_order_part_by_part(made):
    orders, sides = set(), set()
    for _ in range(20):
        listener, _ = join(made)
        asked = questions(made, listener)
        assert asked == questions(TestFile(made.path), listener)
        assert sorted(q.trial for q in asked) == list(range(len(made.trials)))
        assert [q.number for q in asked] == list(range(1, len(made.trials) + 1))
        parts = [made.trials[q.trial].part for q in asked]
        assert sum(one is not other for one, other in pairwise(parts)) == 1
        orders.add(tuple(q.trial for q in asked))
        sides |= {(q.trial, q.swapped) for q in asked}
    assert len(orders) > 10
    assert len(sides) == 2 * len(made.trials)


@pytest.mark.parametrize("swapped", [False, True])
def test_sides_are_turned_back(made, swapped):
    found = None
    while not found:  # of seven questions, hardly ever none is swapped
        listener, _ = join(made)
        found = [q for q in questions(made, listener) if q.swapped is swapped]
    question = found[0]
    assert keep_answer(made, listener, question, Said({"total": "A-"}, 1234, (1, 2, 3)))
    (stored,) = stored_answers(made)
    assert (stored.listener, stored.trial) == (listener.listener, question.trial)
    assert stored.said == {"total": "B-" if swapped else "A-"}
    assert stored.plays == ((1, 3, 2) if swapped else (1, 2, 3))
    assert (stored.swapped, stored.choice_time_ms) == (swapped, 1234)


def test_an_answer_counts_once(made):
    listener, _ = join(made)
    question = next_question(made, listener)
    assert question is not None
    assert keep_answer(made, listener, question, SAID)
    assert not keep_answer(made, listener, question, Said({"total": "B+"}, 9, (1, 1, 1)))
    assert len(stored_answers(made)) == 1
    assert next_question(made, listener) == questions(made, listener)[1]


def test_after_the_last_there_is_none(made):
    listener, _ = join(made)
    for question in questions(made, listener):
        assert next_question(made, listener) == question
        keep_answer(made, listener, question, SAID)
    assert next_question(made, listener) is None


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (Said({}, 1, (1, 1, 1)), "choose one of the four"),
        (Said({"total": "C+"}, 1, (1, 1, 1)), "choose one of the four"),
        (Said({"total": "A+", "timbre": "A+"}, 1, (1, 1, 1)), "does not ask for timbre"),
        (Said({"total": "A+"}, 1, (1, 0, 1)), "listen to X, A and B"),
        (Said({"total": "A+"}, -1, (1, 1, 1)), "make no sense"),
        (Said({"total": "A+"}, 10**12, (1, 1, 1)), "make no sense"),
        (Said({"total": "A+"}, 1, (1, 10**9, 1)), "make no sense"),
    ],
)
def test_answers_that_make_no_sense_are_not_stored(made, said, why):
    listener, _ = join(made)
    question = next_question(made, listener)
    assert question is not None
    with pytest.raises(PartwiseError, match=why):
        keep_answer(made, listener, question, said)
    assert stored_answers(made) == []


def test_aspects_that_are_asked_for_must_be_answered(tmp_path, songs):
    test = make_test(tmp_path / "t.sqlite", songs, (Part.BASS,), 1, aspects=["melody"])
    listener, _ = join(test)
    question = questions(test, listener)[0]
    with pytest.raises(PartwiseError, match="to each question"):
        keep_answer(test, listener, question, SAID)
    keep_answer(test, listener, question, Said({"total": "A+", "melody": "B-"}, 1, (1, 1, 1)))
    (stored,) = stored_answers(test)
    turned = {"A+": "B+", "B-": "A-"} if question.swapped else {"A+": "A+", "B-": "B-"}
    assert stored.said == {"total": turned["A+"], "melody": turned["B-"]}


def test_who_withdraws_is_gone(made):
    stays, _ = join(made)
    goes, code = join(made, "Unforgettable")
    for listener in (stays, goes):
        keep_answer(made, listener, questions(made, listener)[0], SAID)
    withdraw(made, goes)
    assert come_back(made, code) is None
    assert [a.listener for a in stored_answers(made)] == [stays.listener]
    files = [path for path in made.path.parent.iterdir() if path.is_file()]
    assert made.path in files
    assert not any(b"Unforgettable" in path.read_bytes() for path in files)
    with pytest.raises(PartwiseError, match="withdrawn"):
        keep_answer(made, goes, questions(made, goes)[1], SAID)


def test_many_at_once(made):
    """Each of eight answers all questions twice over; every answer is there once."""
    errors = []

    def take_part():
        try:
            listener, _ = join(made)
            for question in questions(made, listener) * 2:
                keep_answer(made, listener, question, SAID)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=take_part) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    stored = {(a.listener, a.trial) for a in stored_answers(made)}
    assert len(stored) == len(stored_answers(made)) == 8 * len(made.trials)


def test_a_crash_loses_no_answer(made):
    """The process dies the moment after it was told that the answer is kept."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from partwise_lab.survey.listeners import *; from partwise_lab.survey.testfile import *\n"
        "test = TestFile(Path(sys.argv[1])); listener, _ = join(test)\n"
        "keep_answer(test, listener, questions(test, listener)[0], "
        "Said({'total': 'A+'}, 5, (1, 1, 1)))\n"
        "os._exit(9)"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code, str(made.path)], env={**os.environ, "PYTHONPATH": path}
    )
    assert done.returncode == 9
    assert len(stored_answers(made)) == 1


def test_addresses_differ_by_listener_question_and_sound(made):
    listeners = [join(made)[0] for _ in range(3)]
    tokens = [
        token(made, listener, trial, what)
        for listener in listeners
        for trial in range(len(made.trials))
        for what in ("question", "x", "a", "b")
    ]
    assert len(set(tokens)) == len(tokens)
    assert all(len(t) == 32 and set(t) <= set("0123456789abcdef") for t in tokens)
