import json

import pytest

from made_up_reports import MODEL, leakage_report, old_report, real_report
from partwise import PartwiseError
from partwise_lab.report.files import read_reports, report_of


def test_a_report_of_before_schema_2_reads_the_same(tmp_path):
    new, old = (report_of(raw, tmp_path) for raw in (leakage_report(), old_report()))
    assert new.readings == old.readings == ["paper", "strict", "all"]
    for reading in new.readings:
        assert new.scores(reading) == old.scores(reading)
        assert new.mean(reading) == old.mean(reading)
    assert new.mean("paper") == pytest.approx(0.7)
    assert new.mean("strict") == pytest.approx(0.66)
    assert new.mean("nearest") is None


def test_leakage_leaves_out_the_diagonal_and_what_was_not_measured(tmp_path):
    raw = leakage_report()
    raw["leakage"][4] = [None] * 5
    off = [0.1] * 15 + [0.36]
    assert report_of(raw, tmp_path).leakage_off_diagonal == pytest.approx(sum(off) / len(off))
    assert report_of(real_report(), tmp_path).leakage_off_diagonal is None


def test_the_reports_of_a_result_file_are_found_by_kind(tmp_path):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"evaluations": [leakage_report()], "real": [real_report()]}))
    assert [report.protocol for report in read_reports(path)] == ["leakage"]
    assert [report.protocol for report in read_reports(path, "real")] == ["few-pieces"]
    path.write_text(json.dumps(leakage_report()))
    assert [report.model for report in read_reports(path)] == [MODEL]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "holds no JSON object"),
        ('{"protocol": "leakage"}', "data_digest, model, pieces is missing"),
        (json.dumps(leakage_report() | {"protocol": "other"}), "unknown protocol"),
        (json.dumps(leakage_report() | {"scores": [{"part": "drums"}]}), "cannot read"),
    ],
)
def test_what_is_no_report_is_named(tmp_path, text, said):
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(PartwiseError, match=said) as error:
        read_reports(path)
    assert str(path) in str(error.value)
