"""The cases from the field: how they are judged, run and told."""

from __future__ import annotations

from pathlib import Path

import field
from field import run_kind
from field_case import CASES, Case, Mark, NotRun, Outcome, Place, judged
from field_table import field_line, field_table


def test_judging() -> None:
    assert judged({"a": True, "b": True}).mark is Mark.PASS
    came = judged({"a": True, "b": "20 of 60 s", "c": False}, weak=("b",))
    assert came.mark is Mark.FAIL and came.came == "2 of 3 not: b: 20 of 60 s; c"
    assert judged({"a": True, "b": False}, weak=("b",)).mark is Mark.WEAK


def test_every_case_says_where_it_comes_from() -> None:
    assert len(CASES) >= 50
    assert {case.kind for case in CASES} == set(field.KINDS)
    assert all(case.source and case.expected for case in CASES)
    assert len({case.title for case in CASES}) == len(CASES)


def test_a_case_that_breaks_fails_and_one_that_lacks_something_is_not_run(tmp_path: Path) -> None:
    def breaks(place: Place) -> Outcome:
        raise KeyError("nothing")

    def lacks(place: Place) -> Outcome:
        raise NotRun("no nginx here")

    def own(place: Place) -> Outcome:
        assert place.folder.is_dir() and not list(place.folder.iterdir())
        return judged({"it": True})

    cases = [Case("k", "s", function.__name__, "e", function) for function in (breaks, lacks, own)]
    found = {case.title: outcome for case, outcome in run_kind(cases, tmp_path / "k")}
    assert found["breaks"].mark is Mark.FAIL and "KeyError" in found["breaks"].came
    assert found["lacks"] == Outcome(Mark.NOT_RUN, "no nginx here")
    assert found["own"].mark is Mark.PASS


def test_one_case_from_beginning_to_end(tmp_path: Path) -> None:
    case = next(case for case in CASES if case.function.__name__ == "no_audio")
    assert [outcome.mark for _, outcome in run_kind([case], tmp_path / "k")] == [Mark.PASS]


def test_the_table() -> None:
    row = {"kind": "k", "case": "a | <b>", "source": "x/y#1", "expected": "e", "came": "1_0"}
    told = {"commit": "abc", "cases": [row | {"mark": "weak"}, row | {"mark": "pass"}]}
    table = field_table(told).splitlines()
    assert len(table) == 4 and table[2].startswith("| *weak* | a \\| \\<b\\> | x/y\\#1 |")
    assert field_line(told).endswith("1 pass, 1 weak, 0 fail, 0 not run.")
