"""What is exported is what the scoring of Inst-Sim-ABX reads, and means the same there."""

from __future__ import annotations

import csv
from collections import Counter

import pytest

from listening_tests import answer_as
from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.measure.abx.answers import Kind, read_answers, triplets
from partwise_lab.survey.export import COLUMNS, csv_text, stored_answers, triplets_of
from partwise_lab.survey.listeners import Said, join, keep_answer, questions
from partwise_lab.survey.testfile import make_test


@pytest.fixture
def exported(made, tmp_path):
    """Three listeners: always A+, always B-, and A+ of the first three trials."""
    everything = range(len(made.trials))
    answer_as(made, dict.fromkeys(everything, "A+"))
    answer_as(made, dict.fromkeys(everything, "B-"))
    answer_as(made, dict.fromkeys(range(3), "A+"))
    path = tmp_path / "answers.csv"
    path.write_text(csv_text(made))
    return path


def test_the_columns_are_those_of_inst_sim_abx(made, exported):
    with exported.open(newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 1 + 2 * len(made.trials) + 3
    for row in rows[1:]:
        cells = dict(zip(COLUMNS, row, strict=True))
        assert cells["answer_timbre"] == cells["answer_melody"] == "NA"
        assert cells["choice_time"] == "4000"


def test_it_reads_back(made, exported):
    found = read_answers(exported)
    assert not found.malformed
    assert found.listeners == 3
    assert Counter(a.kind for a in found.answers) == {Kind.XAB: 15, Kind.DUMMY: 2}
    assert found.dummies() == (2, 1)  # who always says A has it right, or who always says B
    questions = triplets(found.answers)
    asked = {n: trial for n, trial in enumerate(made.trials) if not trial.catch}
    assert len(questions) == len(asked)
    for question in questions:
        number = int(question.reference.path.split("/")[1])
        trial = asked[number]
        assert question.part is trial.part
        for clip, place in zip(question.clips, (trial.x, trial.a, trial.b), strict=True):
            assert (clip.piece, clip.segment) == (place.track_id, place.segment)
        votes = 3 if number < 3 else 2
        assert question.counts("overall") == (votes - 1, votes)
        assert question.counts("overall", sure=True) == (votes - 1, votes - 1)


def test_statistics_and_export_see_the_same(made, exported):
    listeners = {a.listener for a in stored_answers(made)}
    inside = triplets_of(made, stored_answers(made), listeners)
    outside = {t.reference.path: t for t in triplets(read_answers(exported).answers)}
    assert len(inside) == len(outside)
    for triplet in inside.values():
        other = outside[triplet.reference.path]
        assert triplet.clips == other.clips
        assert triplet.counts("overall") == other.counts("overall")


def test_aspects_are_exported(tmp_path, songs):
    test = make_test(tmp_path / "t.sqlite", songs, (Part.BASS,), 1, aspects=["rhythm"])
    listener, _ = join(test)
    (question,) = (q for q in questions(test, listener) if not test.trials[q.trial].catch)
    keep_answer(test, listener, question, Said({"total": "A+", "rhythm": "A-"}, 1, (1, 1, 1)))
    path = tmp_path / "answers.csv"
    path.write_text(csv_text(test))
    (answer,) = read_answers(path).answers
    assert answer.votes["rhythm"].first == answer.votes["overall"].first != question.swapped
    assert not answer.votes["rhythm"].sure
    assert set(answer.votes) == {"overall", "rhythm"}


def test_a_test_without_answers_has_only_a_heading(made, tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text(csv_text(made))
    assert path.read_text() == ",".join(COLUMNS) + "\n"
    with pytest.raises(PartwiseError, match="none of the 0 answers"):
        read_answers(path)
