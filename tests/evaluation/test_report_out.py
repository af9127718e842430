import json
import os
from pathlib import Path

import pytest

from made_up_reports import leakage_report
from partwise import PartwiseError
from partwise_lab.report.out import destinations, write_report


def test_a_suffix_chooses_and_no_suffix_is_a_folder(tmp_path):
    assert destinations(tmp_path / "a.JSON") == {"json": tmp_path / "a.JSON"}
    assert destinations(tmp_path / "a.csv") == {"csv": tmp_path / "a.csv"}
    assert destinations(tmp_path / "a.html") == {"html": tmp_path / "a.html"}
    whole = {name: tmp_path / "new" / f"report.{name}" for name in ("json", "csv", "html")}
    assert destinations(tmp_path / "new") == whole
    (tmp_path / "v1.2").mkdir()
    assert destinations(tmp_path / "v1.2")["csv"] == tmp_path / "v1.2" / "report.csv"


def test_what_is_no_file_takes_the_json(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for out in (Path("-"), tmp_path / "pipe", Path("/dev/stdout")):
        assert destinations(out) == {"json": out}


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("report.pdf", "a report is .json, .csv or .html"),
        ("nowhere/report.json", "the folder of --out .* does not exist"),
        ("taken", "is a file: name a folder"),
    ],
)
def test_what_cannot_be_written_is_one_sentence(tmp_path, out, said):
    (tmp_path / "taken").write_text("")
    with pytest.raises(PartwiseError, match=said):
        destinations(tmp_path / out)


def test_all_three_are_written_and_html_is_made_only_then(tmp_path):
    report = leakage_report()
    write_report(report, destinations(tmp_path / "x.json"), lambda _: pytest.fail("not asked for"))
    assert json.loads((tmp_path / "x.json").read_text()) == report
    write_report(report, destinations(tmp_path / "all"), lambda raw: f"<p>{raw['protocol']}</p>")
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [
        "report.csv",
        "report.html",
        "report.json",
    ]
    assert (tmp_path / "all" / "report.html").read_text() == "<p>leakage</p>"
    assert (tmp_path / "all" / "report.csv").read_text().startswith("protocol,subject,")


def test_a_folder_in_the_place_of_a_file_is_one_sentence(tmp_path):
    (tmp_path / "report.json").mkdir()
    with pytest.raises(PartwiseError, match="cannot be written"):
        write_report(leakage_report(), {"json": tmp_path / "report.json"}, lambda _: "")
