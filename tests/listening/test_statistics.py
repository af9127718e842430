"""The numbers of a report, against answers and results worked out by hand."""

from __future__ import annotations

import pytest
from scipy.stats import binomtest

from listening_tests import answer_as, make_songs_library, set_scores
from partwise.errors import PartwiseError
from partwise.parts import Part
from partwise_lab.survey.report import report_csv, report_text
from partwise_lab.survey.statistics import catch_trials, listening_report, margins_of

# The test has drums 0-2 and a catch trial 3, then bass 4-6: see conftest.
DRUMS, CATCH, BASS = (0, 1, 2), 3, (4, 5, 6)
# The model finds A more alike in 0, 1, 4 and 5, B in 2 and 6; 1 and 5 are its closest calls.
MARGINS = (0.5, 0.1, -0.9, 0.0, 0.4, 0.2, -0.6)


@pytest.fixture
def test(made):
    """A test with ``MARGINS``, whose catch trial is as the library's drawing has it."""
    kinds = [(trial.part, trial.catch) for trial in made.trials]
    assert kinds == [(Part.DRUMS, False)] * 3 + [(Part.DRUMS, True)] + [(Part.BASS, False)] * 3
    margins = list(MARGINS)
    margins[CATCH] = made.trials[CATCH].margin
    return set_scores(made, margins)


def caught(test) -> str:
    """The right answer to the catch trial."""
    return "A+" if test.trials[CATCH].a == test.trials[CATCH].x else "B+"


def missed(test) -> str:
    return "B+" if caught(test) == "A+" else "A+"


@pytest.fixture
def answered(test):
    """Four listeners; the last one misses the catch trial.

    drums     0   1   2          bass  4   5   6
    first     A+  A-  B+               A+  B-  B+
    second    A+  B-  B+               A+  B-  A-
    third     A-  B-  A-               -   -   -
    """
    answer_as(test, {0: "A+", 1: "A-", 2: "B+", CATCH: caught(test), 4: "A+", 5: "B-", 6: "B+"})
    answer_as(test, {0: "A+", 1: "B-", 2: "B+", CATCH: caught(test), 4: "A+", 5: "B-", 6: "A-"})
    answer_as(test, {0: "A-", 1: "B-", 2: "A-", CATCH: caught(test)})
    answer_as(test, dict.fromkeys((*DRUMS, *BASS), "B+") | {CATCH: missed(test)})
    return test


def of_part(report, name):
    return next(found for found in report["parts"] if found["part"] == name)


def test_listeners_who_miss_catch_trials_are_left_out(answered):
    report = listening_report(answered)
    assert report["listeners"] == {
        "agreed": 4,
        "answered": 4,
        "finished": 3,
        "left_out": 1,
        "counted": 3,
    }
    assert report["catch"] == {"asked": 4, "right": 3, "least": 0.7}
    assert listening_report(answered, least_catch=0.0)["listeners"]["counted"] == 4
    with pytest.raises(PartwiseError, match=r"must be 0 to 1, not 1\.5"):
        listening_report(answered, least_catch=1.5)


def test_who_met_no_catch_trial_counts(test):
    who = answer_as(test, {0: "A+"})
    assert listening_report(test)["listeners"]["counted"] == 1
    asked, right = catch_trials(test, [])
    assert (asked[who], right[who]) == (0, 0)


@pytest.mark.parametrize(
    ("part", "name", "right", "n"),
    [
        # With the model: 0 by all three; 1 by the first; 2 by the first two.
        ("drums", "agreement", 6, 9),
        ("drums", "sure", 4, 4),
        ("drums", "perhaps", 2, 5),
        ("drums", "majority", 2, 3),  # not in 1
        # 4 by both; 5 by none; 6 by the first, which leaves the two divided.
        ("bass", "agreement", 3, 6),
        ("bass", "sure", 3, 3),
        ("bass", "perhaps", 0, 3),
        ("bass", "majority", 1, 2),
        ("all", "agreement", 9, 15),
        ("all", "majority", 3, 5),
    ],
)
def test_agreement_with_the_model(answered, part, name, right, n):
    found = of_part(listening_report(answered), part)[name]
    assert (found["right"], found["n"], found["share"]) == (right, n, right / n)
    exact = binomtest(right, n).proportion_ci(0.95, method="exact")
    assert (found["low"], found["high"]) == pytest.approx((exact.low, exact.high), abs=1e-9)
    if name == "agreement":
        assert found["p_value"] == pytest.approx(binomtest(right, n).pvalue)


def test_thirds_by_margin(answered):
    found = of_part(listening_report(answered), "all")["margins"]
    assert [(m["third"], m["from"], m["to"], m["trials"]) for m in found] == [
        ("close", 0.1, 0.2, 2),
        ("middle", 0.4, 0.5, 2),
        ("clear", 0.6, 0.9, 2),
    ]
    assert [(m["agreement"]["right"], m["agreement"]["n"]) for m in found] == [
        (1, 5),
        (5, 5),
        (3, 5),
    ]


def test_between_listeners(answered):
    drums = of_part(listening_report(answered), "drums")["between"]
    # Votes for A of all: 3 of 3, 1 of 3, 1 of 3. Pairs: 3 a trial; apart: 0, 2 and 2.
    assert drums["pairs"] == 9
    assert drums["pairs_agree"] == pytest.approx(5 / 9)
    # Krippendorff: observed (0 + 2 + 2) / 9; expected, with both names for each trial, 9 / 17.
    assert drums["alpha"] == pytest.approx(1 - (4 / 9) / (9 / 17))
    # The most-given answers are right 3, 2 and 2 times.
    assert drums["perfect_majority"] == pytest.approx(7 / 9)
    # Of 2:1 the two see a tie without themselves, half right each; the third is wrong.
    assert drums["one_vs_rest"] == pytest.approx((3 + 1 + 1) / 9)
    assert drums["split_half"] is None


def test_listeners_of_one_mind_and_of_none(test):
    for _ in range(6):
        answer_as(test, {0: "A+", 1: "B+", 2: "A+", 4: "A+", 5: "A+", 6: "A+"})
    found = of_part(listening_report(test), "all")["between"]
    assert found["pairs_agree"] == found["alpha"] == 1.0
    assert found["split_half"] == pytest.approx(1.0)
    for _ in range(6):
        answer_as(test, {0: "B+", 1: "A+", 2: "B+", 4: "B+", 5: "B+", 6: "B+"})
    found = of_part(listening_report(test), "all")["between"]
    assert found["pairs_agree"] == pytest.approx(30 / 66)
    assert found["alpha"] == pytest.approx(1 - (72 / 11 / 12) / (72 / 143), abs=1e-9)
    assert found["alpha"] < 0.0


def test_names_of_the_candidates_do_not_matter(made):
    """Turned round, answers and margins say the same."""
    for turn in (False, True):
        said = {0: "A+", 1: "B-", 2: "A+"}
        other = {0: "A+", 1: "A+", 2: "B+"}
        if turn:
            swap = {"A+": "B+", "B-": "A-", "B+": "A+"}
            said, other = ({n: swap[s] for n, s in each.items()} for each in (said, other))
        test = set_scores(made, [(-1) ** turn * m for m in MARGINS])
        with test.connect() as connection:
            connection.execute("DELETE FROM listeners")
        answer_as(test, said)
        answer_as(test, other)
        report = of_part(listening_report(test), "drums")
        assert (report["agreement"]["right"], report["agreement"]["n"]) == (4, 6)
        # One pair of three agrees; expected with both names 6 / 11.
        assert report["between"]["alpha"] == pytest.approx(1 - (4 / 6) / (6 / 11))


def test_the_left_side_is_counted_as_it_was_seen(answered):
    report = listening_report(answered)
    assert report["left_side"]["n"] == 15
    assert 0 <= report["left_side"]["right"] <= 15


def test_without_answers_there_are_no_numbers(test):
    report = listening_report(test)
    drums = of_part(report, "drums")
    assert drums["agreement"] is drums["sure"] is drums["majority"] is None
    assert report["left_side"] is drums["between"]["alpha"] is None
    assert "listeners who agreed: 0" in report_text(report)


def test_the_library_of_the_test_gives_the_same_margins(made, songs):
    assert margins_of(made, songs) == pytest.approx([t.margin for t in made.trials], abs=1e-6)


def test_another_model_judges_by_its_own_margins(answered):
    turned = [None, *(-margin for margin in MARGINS[1:])]
    report = listening_report(answered, margins=turned, model="feedface")
    assert report["model"] == "feedface"
    assert report["trials"]["without_score"] == 1
    drums = of_part(report, "drums")
    # Trial 0 is left out; of 1 and 2 the listeners who agreed now disagree.
    assert (drums["agreement"]["right"], drums["agreement"]["n"]) == (3, 6)
    assert drums["between"]["pairs"] == 9


def test_a_library_without_the_songs_is_refused(made, tmp_path):
    other = make_songs_library(tmp_path, songs=3, parts=(Part.PIANO,))
    with pytest.raises(PartwiseError, match="none of the songs"):
        margins_of(made, other)


def test_the_text_says_what_the_numbers_are(answered):
    text = report_text(listening_report(answered))
    assert "questions: 6, catch trials: 1" in text
    assert "right: 3 of 4; listeners left out for less than 70 %: 1, counted: 3" in text
    with_model = text.split("\n\n")[1].splitlines()
    assert with_model[2].split()[:3] == ["drums", "3", "9"]
    assert "66.7 % (30-93)" in with_model[2]


def test_csv_has_a_row_for_each_number(answered):
    rows = [line.split(",") for line in report_csv(listening_report(answered)).splitlines()]
    assert rows[0] == ["part", "measure", "value", "low", "high", "right", "n"]
    assert ["bass", "agreement", "0.5"] in [row[:3] for row in rows]
    assert ["drums", "pairs", "9"] in [row[:3] for row in rows]
    assert {len(row) for row in rows} == {7}
