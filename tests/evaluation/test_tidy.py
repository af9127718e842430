import csv
import io
from typing import Any

import pytest

from made_up_reports import (
    MODEL,
    comparison_report,
    leakage_report,
    presence_report,
    real_report,
    unmixed_report,
)
from partwise.evaluation.tidy import COLUMNS, csv_text


def rows_of(report, **wanted):
    """The rows of a report's CSV in which these columns have these values."""
    rows = list(csv.DictReader(io.StringIO(csv_text(report))))
    assert rows and tuple(rows[0]) == COLUMNS
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_every_score_is_a_row():
    report = leakage_report() | {"mean": 0.7}
    found = rows_of(report, quantity="accuracy")
    assert len(found) == 16
    scores: list[dict[str, Any]] = leakage_report()["scores"]
    for row, score in zip(found, scores, strict=False):
        assert (row["part"], row["subspace"], row["reading"]) == (
            score["part"],
            score["part"],
            score["reading"],
        )
        for column, key in {"value": "accuracy", "low": "low", "high": "high"}.items():
            assert float(row[column]) == score[key]
        assert (row["protocol"], row["subject"]) == ("leakage", MODEL)
    assert found[-1]["part"] == "mean"
    assert float(found[-1]["value"]) == 0.7
    assert found[-1]["low"] == found[-1]["subspace"] == ""


def test_every_leakage_cell_is_a_row_and_empty_ones_are_not():
    report = leakage_report()
    report["leakage"][4] = [None] * 5
    assert len(rows_of(report, quantity="leakage")) == 20
    (row,) = rows_of(report, quantity="leakage", part="piano", subspace="guitar")
    assert float(row["value"]) == 0.36


def test_presence_has_its_interval_and_what_guessing_gets():
    report = presence_report()
    report["average_precision"]["piano"] = None
    report["average_precision_interval"] = {p: [0.5, 1.0] for p in report["average_precision"]}
    report["share_present"] = dict.fromkeys(report["average_precision"], 0.625)
    found = rows_of(report, quantity="average_precision")
    assert [row["part"] for row in found] == ["drums", "bass", "guitar", "other"]
    assert (found[0]["value"], found[0]["low"], found[0]["chance"]) == ("0.99", "0.5", "0.625")
    assert len(rows_of(report, quantity="share_present")) == 5


def test_a_comparison_names_its_rows_apart():
    report = comparison_report()
    subjects = {row["subject"] for row in rows_of(report)}
    assert subjects == {"ours", "rival (mixes)", "rival (separated stems)"}
    (row,) = rows_of(report, quantity="difference", part="drums")
    assert (row["value"], row["low"], row["high"]) == ("-0.5", "-0.55", "-0.45")
    (row,) = rows_of(report, quantity="separate")
    assert (row["subject"], row["value"]) == ("rival (separated stems)", "1.25")
    assert len(rows_of(report, quantity="parameters")) == 1
    (row, *_) = rows_of(report, quantity="accuracy", part="mean", reading="paper")
    assert float(row["low"]) == pytest.approx(0.85)


@pytest.mark.parametrize("make", [real_report, unmixed_report])
def test_other_protocols_have_rows_too(make):
    report = make()
    assert len(rows_of(report, quantity="accuracy", part="drums")) == 1
