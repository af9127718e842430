"""``partwise index --store --precision``: the same answers from other places."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from partwise.cli import main
from partwise.commands.status import accuracy_text
from partwise.library.stores.protocol import Accuracy
from recordings import record


@pytest.fixture
def music(tmp_path: Path) -> Path:
    for number in range(4):
        record(tmp_path / "music" / f"{number}.wav", number)
    return tmp_path / "music"


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]):
    """Run ``partwise`` on the library of a name; returns exit code, output and errors."""

    def run(library: str, verb: str, *arguments: str) -> tuple[int, str, str]:
        options = ["--library", str(tmp_path / library)]
        if verb == "index":
            options += ["--model", str(tiny_model), "--jobs", "1"]
        code = main([verb, *arguments, *options])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_bucket_answers_as_a_folder_does(run, music: Path, tmp_path: Path, bucket: str) -> None:
    uri = f"{bucket}/commands"
    assert run("folder", "index", str(music))[0] == 0
    code, _, err = run("bucket", "index", str(music), "--store", uri)
    assert (code, err) == (0, "")
    asked = ("like", str(music / "0.wav"), "--json")
    code, here, _ = run("folder", *asked)
    assert code == 0 and len(json.loads(here)["hits"]) == 3
    assert run("bucket", *asked) == (0, here, "")
    assert not list((tmp_path / "bucket").glob("tracks_*")), "no vectors in the folder"
    about = json.loads(run("bucket", "status", "--json")[1])
    assert (about["store"], about["precision"], about["tracks"]) == (uri, "float32", 4)
    assert f"vectors   {uri}, float32" in run("bucket", "status")[1]

    code, _, err = run("folder", "index", str(music), "--store", uri)
    assert code == 2 and "keeps its vectors in the folder itself" in err


def test_a_refused_store_makes_nothing(run, music: Path, tmp_path: Path) -> None:
    for options in (("--store", "ftp://x"), ("--precision", "int4")):
        code, _, err = run("library", "index", str(music), *options)
        assert code == 2 and err.count("\n") == 1 and options[1] in err
    assert not (tmp_path / "library").exists()


def test_rounded_vectors_are_told(run, music: Path) -> None:
    assert run("library", "index", str(music), "--precision", "int8")[0] == 0
    out = run("library", "status")[1]
    assert "vectors   in the folder, int8" in out and "search    exact" in out
    assert run("library", "like", str(music / "1.wav"))[0] == 0


def test_accuracy_in_words() -> None:
    assert accuracy_text(Accuracy(True)) == "exact"
    assert accuracy_text(Accuracy(False)) == "approximate: not measured yet"
    good = accuracy_text(Accuracy(False, {"one part": 0.9912, "uniform": 1.0}))
    assert good == "approximate: finds 0.991 of the true best ten (lowest of 2 weightings)"
    bad = accuracy_text(Accuracy(False, {"one part": 0.97}))
    assert "warning: below 0.98" in bad
