"""Answers in the columns of Inst-Sim-ABX, as ``partwise_lab.measure.abx.answers`` reads them.

A clip is named by its track's content hash and its segment in the library, under the number of its
trial. Catch trials are that data set's dummies: one of the samples is the reference itself.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from partwise_lab.measure.abx.answers import ASPECTS, Clip, Kind, Triplet, Vote
from partwise_lab.survey.testfile import TestFile
from partwise_lab.survey.trials import Place, Trial

COLUMNS = (
    "ex_name",
    "subject_id",
    "reference",
    "sample_a",
    "sample_b",
    "answer_timbre",
    "answer_rhythm",
    "answer_melody",
    "answer_total",
    "choice_time",
)
_STORED_AS = {"overall": "total", "timbre": "timbre", "rhythm": "rhythm", "melody": "melody"}


@dataclass(frozen=True)
class StoredAnswer:
    """What a listener said of a trial, A and B as in the test.

    said : "total" and aspects that were asked for -> A+, A-, B- or B+.
    swapped : A was heard as B and B as A. plays : of X, A and B.
    """

    listener: str
    trial: int
    said: Mapping[str, str]
    swapped: bool
    choice_time_ms: int
    plays: tuple[int, int, int]
    answered_at: str


def stored_answers(test: TestFile) -> list[StoredAnswer]:
    """All answers, listener by listener in the order in which they were given."""
    with test.connect() as connection:
        rows = connection.execute(
            "SELECT listener, trial, total, timbre, rhythm, melody, swapped, choice_time_ms, "
            "plays_x, plays_a, plays_b, answered_at FROM answers "
            "ORDER BY listener, answered_at, rowid"
        ).fetchall()
    answers = []
    for listener, trial, total, timbre, rhythm, melody, swapped, time_ms, *plays, at in rows:
        asked = {"total": total, "timbre": timbre, "rhythm": rhythm, "melody": melody}
        said = {aspect: choice for aspect, choice in asked.items() if choice}
        x, a, b = plays
        answers.append(StoredAnswer(listener, trial, said, bool(swapped), time_ms, (x, a, b), at))
    return answers


def clips_of(number: int, trial: Trial) -> tuple[Clip, Clip, Clip]:
    """X, A and B of a trial as the answers name them."""

    def clip(role: str, place: Place) -> Clip:
        name = f"{role}_{place.track_id}-{place.segment}.wav"
        path = f"set1/{number}/{trial.part}/{name}"
        return Clip(path, trial.part, role, place.track_id, place.segment)

    if not trial.catch:
        return clip("X", trial.x), clip("A", trial.a), clip("B", trial.b)
    x = clip("dummyX", trial.x)
    a, b = (x if place == trial.x else clip("dummyB", place) for place in (trial.a, trial.b))
    return x, a, b


def csv_text(test: TestFile) -> str:
    """All answers as CSV, one a row; ``choice_time`` in milliseconds."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    clips = [clips_of(number, trial) for number, trial in enumerate(test.trials)]
    for answer in stored_answers(test):
        said = {column: answer.said.get(_STORED_AS[a], "NA") for a, column in ASPECTS.items()}
        fields = {
            "ex_name": f"listen-{test.about.test_id}",
            "subject_id": answer.listener,
            **dict(zip(COLUMNS[2:5], [clip.path for clip in clips[answer.trial]], strict=True)),
            **said,
            "choice_time": answer.choice_time_ms,
        }
        writer.writerow([fields[column] for column in COLUMNS])
    return file.getvalue()


def triplets_of(
    test: TestFile, answers: Sequence[StoredAnswer], listeners: Collection[str]
) -> dict[int, Triplet]:
    """Trial -> what these listeners said of it; no catch trials, and none without an answer."""
    of_trial: dict[int, list[StoredAnswer]] = {}
    for answer in answers:
        if answer.listener in listeners and not test.trials[answer.trial].catch:
            of_trial.setdefault(answer.trial, []).append(answer)
    return {
        number: Triplet(
            f"listen-{test.about.test_id}",
            Kind.XAB,
            *clips_of(number, test.trials[number]),
            {
                aspect: tuple(_vote(a.said[stored]) for a in given if stored in a.said)
                for aspect, stored in _STORED_AS.items()
            },
        )
        for number, given in sorted(of_trial.items())
    }


def _vote(said: str) -> Vote:
    return Vote(said[0] == "A", said[1] == "+")
