"""``partwise-lab listen``: serve, report and export as a user types them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request

import pytest

from listening_tests import answer_as, make_songs_library
from partwise.parts import Part
from partwise_lab.cli import main
from partwise_lab.measure.abx.answers import read_answers
from partwise_lab.survey.testfile import TestFile, make_test


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    return make_songs_library(tmp_path_factory.mktemp("listen"))


@pytest.fixture(scope="module")
def _made(library, tmp_path_factory):
    test = make_test(tmp_path_factory.mktemp("test") / "t.sqlite", library, (Part.DRUMS,), 4)
    answer_as(test, dict.fromkeys(range(len(test.trials)), "A+"))
    answer_as(test, dict.fromkeys(range(len(test.trials)), "B-"))
    return test.path


@pytest.fixture
def path(_made, tmp_path):
    return shutil.copy(_made, tmp_path / "t.sqlite")


@pytest.fixture
def run(capsys):
    def run(*arguments):
        capsys.readouterr()
        code = main(["listen", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_report(run, path, tmp_path):
    code, out, _ = run("report", path, "--csv", tmp_path / "numbers.csv", "--catch", 0)
    assert code == 0
    assert "listeners and the model" in out
    assert (tmp_path / "numbers.csv").read_text().startswith("part,measure,value")
    page = tmp_path / "report.html"
    assert run("report", path, "--html", page, "--catch", 0)[0] == 0
    assert "(16-84; 4 of 8)" in " ".join(page.read_text().split())
    assert not re.findall(r"(?:src|href)=|<script", page.read_text())
    code, out, _ = run("report", path, "--json")
    assert json.loads(out)["listeners"]["left_out"] == 1


def test_report_by_another_library(run, path, library, tmp_path):
    code, out, _ = run("report", path, "--library", library.path, "--json", "--catch", 0)
    assert code == 0
    theirs = json.loads(out)
    ours = json.loads(run("report", path, "--json", "--catch", 0)[1])
    assert theirs["model"] == library.store.digest
    assert theirs["parts"][0]["agreement"] == ours["parts"][0]["agreement"]
    code, _, err = run("report", path, "--library", tmp_path)
    assert code == 2
    assert str(tmp_path) in err


def test_export(run, path, tmp_path):
    out = tmp_path / "answers.csv"
    code, _, err = run("export", path, out)
    assert (code, "10 answers" in err) == (0, True)
    assert len(read_answers(out).answers) == 10


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("report", "nothing.sqlite"), "no listening test at nothing.sqlite"),
        (("export", "nothing.sqlite", "x.csv"), "no listening test at nothing.sqlite"),
        (("serve", "--out", "no/folder/t.sqlite"), "the folder of --out"),
        (("serve", "--out", "t.sqlite", "--token", " "), "--token is empty"),
        (("serve", "--out", "t.sqlite", "--consent", "nothing.txt"), "--consent nothing.txt"),
    ],
)
def test_errors_are_sentences(run, arguments, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*arguments)
    assert code == 2
    assert says in err


def test_what_cannot_be_written_is_said(run, path, tmp_path):
    for arguments in (("export", path, tmp_path), ("report", path, "--csv", tmp_path / "a" / "b")):
        code, _, err = run(*arguments)
        assert code == 2
        assert "cannot be written" in err


def test_missing_packages_are_named(run, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    code, _, err = run("serve", "--out", tmp_path / "t.sqlite")
    assert code == 2
    assert "pip install 'partwise[web]'" in err


def test_help_lists_the_sub_commands(run):
    code, out, _ = run("--help")
    assert code == 0
    assert all(name in out for name in ("serve", "report", "export"))


def test_serve_makes_a_test_and_goes_on_with_it(library, tmp_path):
    """A server of its own: made, asked, ended by Ctrl-C, begun again with the same test."""
    out = tmp_path / "t.sqlite"
    command = [sys.executable, "-m", "partwise_lab", "listen", "serve", "--out", str(out), "--port"]
    command += ["0", "--parts", "bass", "--trials", "2", "--library", str(library.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ids = set()
    for says in ("made the test", "going on with the test"):
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            (address,) = re.findall(r"open (http://127\.0\.0\.1:\d+/listen)\n", line)
            with urllib.request.urlopen(address, timeout=20) as answer:
                assert b"consent-agree" in answer.read()
        finally:
            server.send_signal(signal.SIGINT)
            _, err = server.communicate(timeout=20)
        assert says in err
        assert "bass: 2 questions, 1 catch trials" in err
        ids.add(TestFile(out).about.test_id)
    assert len(ids) == 1
