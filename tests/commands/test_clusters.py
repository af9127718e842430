"""``partwise clusters``: what it prints, and its mistakes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from partwise.audio.tags import Tags
from partwise.cli import main
from partwise.library.library import Library
from partwise.parts import Part
from small_library import Piece, make_library

PIECES = [
    Piece(
        f"{at:03}.wav",
        {Part.DRUMS: at},
        tags=Tags(f"Degree {at}", None if at == 5 else "Compass"),
        duration_s=20.0 + at,
    )
    for at in (0, 5, 10, 90, 95)
]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clusters")
    make_library(folder, PIECES)
    return folder


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["clusters", *arguments, "--library", str(folder / "library")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_line_for_each_cluster(run: Run) -> None:
    code, out, err = run("drums")
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert re.fullmatch(r"    3  Degree 5; Degree \d+ \(Compass\); Degree \d+ \(Compass\)", first)
    assert re.fullmatch(r"    2  Degree 9\d \(Compass\); Degree 9\d \(Compass\)", second)
    assert run("drums", "--count", "1")[1].startswith("    5  ")


def test_json_is_what_the_library_answers(run: Run, folder: Path) -> None:
    code, out, err = run("drums", "--json", "--count", "2")
    assert (code, err) == (0, "")
    clusters = Library.open(folder / "library").clusters("drums", 2)
    assert json.loads(out) == {"clusters": [cluster.to_json() for cluster in clusters]}
    assert len(json.loads(out)["clusters"][0]["members"]) == 3


def test_a_part_that_no_track_has(run: Run) -> None:
    assert run("Piano") == (0, "", "piano cannot be heard in any track\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["vocals"], "unknown part 'vocals'"),
        (["drums", "--count", "0"], "tracks come in 1 to 200 clusters, not 0"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    run: Run, arguments: list[str], sentence: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert re.match(f"partwise: .*{sentence}", err), err
    assert err.count("\n") == 1
