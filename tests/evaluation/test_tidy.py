import csv
import io
from typing import Any

import pytest

from experiment_reports import abx_of, probes_of, same_part_of
from made_up_reports import (
    MODEL,
    comparison_report,
    leakage_report,
    presence_report,
    real_report,
    unmixed_report,
)
from partwise_lab.report.out import COLUMNS, csv_text


def rows_of(report, **wanted):
    """The rows of a report's CSV in which these columns have these values."""
    rows = list(csv.DictReader(io.StringIO(csv_text(report))))
    assert rows and tuple(rows[0]) == COLUMNS
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_every_score_is_a_row():
    report: dict[str, Any] = leakage_report() | {"mean": 0.7}
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


def numbers(row):
    return [float(row[key]) if row[key] else None for key in ("value", "low", "high", "chance")]


def test_same_part_has_a_row_for_each_auc_and_similarity():
    report = same_part_of()
    assert len(rows_of(report, quantity="auc")) == 10
    assert len(rows_of(report, quantity="similarity")) == 30
    entry = report["same_part"][1]
    assert (entry["part"], entry["subspace"]) == ("drums", "bass")
    (row,) = rows_of(report, quantity="auc", part="drums", subspace="bass")
    assert numbers(row) == [entry["auc"], entry["low"], entry["high"], 0.5]
    assert row["segments"] == "12"
    (row,) = rows_of(report, reading="same_rest", part="drums", subspace="bass")
    found = entry["similarity"]["same_rest"]
    assert numbers(row) == [found["mean"], found["low"], found["high"], None]


def test_probes_have_a_row_for_each_score_and_one_for_chance():
    pytest.importorskip("sklearn")
    report = probes_of()
    entry = next(e for e in report["probes"] if e["fact"] == "instrument")
    (row,) = rows_of(report, quantity="balanced_accuracy", part="drums", subspace="drums")
    assert numbers(row) == [entry["score"], entry["low"], entry["high"], 0.5]
    assert (row["reading"], row["labels"], row["segments"]) == ("instrument", "2", "48")
    (row,) = rows_of(report, quantity="probe_chance", reading="instrument")
    assert numbers(row) == [0.5, entry["chance_low"], entry["chance_high"], None]
    values = rows_of(report, quantity="r2")
    assert len(values) == 5 * 2 * 3  # subspaces; drums and bass; tempo, loudness, brightness
    assert {row["labels"] for row in values} == {""}


def test_listeners_have_a_row_for_each_share_ceiling_mean_and_count():
    pytest.importorskip("scipy")
    pytest.importorskip("yaml")
    report = abx_of(tuned=True)
    for entry in report["agreement"]:
        where = {"part": entry["part"], "reading": f"{entry['kind']} {entry['aspect']}"}
        for measure in ("votes", "sure_votes", "majority", "consensus"):
            (row,) = rows_of(report, quantity=measure, **where)
            share = entry[measure]
            assert numbers(row) == [share["value"], share["low"], share["high"], 0.5]
            assert int(row["segments"]) == share["n"]
        (row,) = rows_of(report, quantity="p_value_majority", **where)
        assert float(row["value"]) == entry["majority"]["p_value"]
        for name, value in entry["human"].items():
            (row,) = rows_of(report, quantity=name, **where)
            assert float(row["value"]) == value
    (row,) = rows_of(report, quantity="votes", part="mean", reading="XYC overall")
    assert float(row["value"]) == report["mean"]["XYC"]["overall"]["votes"]
    for name in ("heard", "songs", "trained_on", "trained_songs"):
        (row,) = rows_of(report, quantity=name)
        assert int(row["value"]) == report["triplets"][name]
    assert [row["value"] for row in rows_of(report, quantity="asked")] == ["40", "40"]
    assert [row["value"] for row in rows_of(report, quantity="malformed")] == ["3"]
