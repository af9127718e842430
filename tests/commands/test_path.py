"""``partwise path``: what it prints and writes, and its mistakes."""

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
        f"{at:02}.wav",
        {Part.DRUMS: at, Part.BASS: 90 - at},
        tags=Tags(f"Degree {at}", "Compass", None, 1990) if at != 30 else Tags(),
        duration_s=20.0 + at,
    )
    for at in range(0, 91, 10)
] + [Piece("piano.wav", {Part.PIANO: 0}, tags=Tags("Alone"))]

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("path")
    make_library(folder, PIECES)
    return folder


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["path", *map(str, arguments), "--library", str(folder / "library")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_line_for_each_track(run: Run, folder: Path) -> None:
    expected = "0.00  1.00 Degree 0\n0.33  0.87 30\n0.67  0.50 Degree 60\n1.00  0.00 Degree 90\n"
    options = ("--parts", "drums", "--count", "4")
    assert run("degree 0", "90 compass", *options) == (0, expected, "")
    assert run(folder / "music" / "00.wav", "90.wav", *options) == (0, expected, "")


def test_json_is_what_the_library_answers(run: Run, folder: Path) -> None:
    code, out, err = run("00.wav", "90.wav", "--parts", "drums=2,bass", "--json")
    steps = Library.open(folder / "library").journey("00.wav", "90.wav", weights="drums=2,bass")
    assert (code, err, len(steps)) == (0, "", 10)
    assert json.loads(out) == {
        "steps": [
            {
                "track_id": step.track_id,
                "path": str(step.path),
                "progress": step.progress,
                "similarity": step.similarity,
                "step_similarity": step.step_similarity,
                "tags": vars(step.tags),
                "duration_s": step.duration_s,
            }
            for step in steps
        ]
    }


def test_playlists(run: Run, tmp_path: Path) -> None:
    m3u8, xspf = tmp_path / "out.m3u8", tmp_path / "out.xspf"
    code, _, err = run("00.wav", "90.wav", "--count", "3", "--m3u8", m3u8, "--xspf", xspf)
    assert (code, err) == (0, f"wrote {m3u8} (3 tracks)\nwrote {xspf} (3 tracks)\n")
    files = [line for line in m3u8.read_text("utf-8").splitlines() if not line.startswith("#")]
    assert [Path(file).name for file in (files[0], files[-1])] == ["00.wav", "90.wav"]
    assert "<title>path from Degree 0 to Degree 90</title>" in xspf.read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compass", "90.wav"], "compass could be any of 9 tracks: .*; and 4 more"),
        (["nobody", "90.wav"], "nobody is not in the library"),
        (["00.wav", "degree 0"], "the path would end where it starts"),
        (["00.wav", "piano.wav"], "no part can be heard in both Degree 0 and Alone"),
        (["00.wav", "90.wav", "--parts", "piano"], "piano cannot be heard in Degree 0"),
        (["00.wav", "90.wav", "--parts", "vocals"], "unknown part 'vocals'"),
        (["00.wav", "90.wav", "--count", "1"], "a path has 2 to 100 tracks, not 1"),
        (["00.wav", "90.wav", "--m3u8", "/nowhere/out"], "cannot write the playlist /nowhere/out"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    run: Run, arguments: list[str], sentence: str
) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert re.match(f"partwise: .*{sentence}", err), err
    assert err.count("\n") == 1
