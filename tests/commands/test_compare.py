"""`partwise-lab compare` from the command line; what it finds is tested in tests/evaluation."""

import csv
import json
import sys

import pytest

from partwise_lab.cli import main
from stem_folder import write_stem_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_stem_folder(tmp_path_factory.mktemp("data"), pieces=5, seconds=4.0)


def run(capsys, folder, *arguments):
    small = ["--labels", 3, "--pool", 4, "--mixes", 2, "--draws", 2, "--segment", 1]
    code = main(["compare", "--data", str(folder), *map(str, (*small, *arguments))])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_rows_in_all_formats(folder, tiny_model, tmp_path, capsys):
    pytest.importorskip("librosa")
    pytest.importorskip("jinja2")
    rows = ["--row", f"tiny={tiny_model}", "--row", "mfcc@hpss", "--row", f"{tiny_model}@oracle"]
    code, out, err = run(capsys, folder, *rows, "--out", tmp_path / "made")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[1].startswith("tiny") and " mix " in lines[1]
    assert lines[2].startswith("mfcc") and " hpss " in lines[2]
    report = json.loads((tmp_path / "made" / "report.json").read_text())
    assert [row["hears"] for row in report["rows"]] == ["mix", "hpss", "oracle"]
    assert report["protocol"] == "compare" and report["first"] == "tiny"
    assert report["command"].startswith("partwise-lab compare --data")
    tidy = list(csv.DictReader((tmp_path / "made" / "report.csv").read_text().splitlines()))
    assert {row["subject"] for row in tidy} >= {"tiny", "mfcc"}
    page = (tmp_path / "made" / "report.html").read_text()
    assert "mfcc" in page and "hpss" in page


def test_rivals_that_cannot_be_made_are_told_and_left_out(folder, tiny_model, monkeypatch, capsys):
    pytest.importorskip("librosa")
    for package in ("pymusly", "bliss_audio", "musicnn"):
        monkeypatch.setitem(sys.modules, package, None)
    row = ["--row", f"tiny={tiny_model}"]
    # The others need whole seconds or packages that are not there.
    code, out, err = run(capsys, folder, *row, "--rivals", "oracle", "--segment", 3)
    assert code == 0, err
    assert [line.split()[0] for line in out.splitlines()[1:3]] == ["tiny", "mfcc"]
    assert "musly@oracle" in err and "left out" in err
    code, _, err = run(capsys, folder, *row, "--row", "musly")
    assert code == 2  # asked for by name, it is missed
    assert "pymusly" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--row", "nobody"], "nothing that hears is called 'nobody'"),
        (["--row", "shipped@spleeter"], "unknown separator 'spleeter'"),
        (["--row", "shipped", "--row", "shipped"], "two rows are called shipped and hear mix"),
        (["--labels", "9"], "9 labels were asked for"),
        (["--out", "report.pdf"], "report.pdf"),
    ],
)
def test_bad_options_get_a_sentence(folder, arguments, said, capsys):
    code, _, err = run(capsys, folder, *arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_data_without_stems_gets_a_sentence(tmp_path, capsys):
    code, _, err = run(capsys, tmp_path)
    assert code == 2
    assert "no piece with stems" in err
