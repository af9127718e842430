"""`partwise demo` from end to end, on the shipped audio and with a tiny model."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest

from partwise.cli import main
from partwise.demo.groups import load_groups
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.parts import PARTS

# part, right, asked, right at rank 1, in the top 3, chance
ROW = r"^(\w+) +(\d+) of (\d+) +(\d+)% +(\d+)% +(\d+)%"


@pytest.fixture(autouse=True)
def _tiny(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARTWISE_MODEL", str(tiny_model))
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def test_a_table_for_every_part_and_a_library_to_keep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--keep"]) == 0
    out = capsys.readouterr().out
    assert f"{len(load_groups().pieces)} pieces" in out
    assert re.search(r"Heard in [\d.]+ s, \d+ x real time", out)
    rows = re.findall(ROW, out, re.MULTILINE)
    assert [(row[0], int(row[2]), int(row[5])) for row in rows] == [
        ("drums", 35, 12),
        ("bass", 35, 12),
        ("piano", 30, 14),
        ("guitar", 30, 14),
        ("other", 25, 17),
    ]
    for _, right, asked, share, _, _ in rows:
        assert int(share) == round(100 * int(right) / int(asked))
    assert "index ~/Music" in out
    right, asked = re.findall(r"same player: (\d+) of (\d+) questions", out)[0]
    assert (int(right), int(asked)) == (sum(int(row[1]) for row in rows), 35 + 35 + 30 + 30 + 25)
    assert_examples_are_the_middle(out)

    [library] = (tmp_path / "temporary").iterdir()
    assert f"--library {library}" in out
    assert len(Library.open(library).tracks().track_ids) == 35
    assert main(["demo", "--library", str(library)]) == 0
    again = capsys.readouterr().out
    assert f"The library at {library} had heard them already." in again
    assert re.findall(ROW, again, re.MULTILINE) == rows


def test_the_temporary_library_goes_away_even_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Path] = []

    def fail(library: Library, *args: object, **kwargs: object) -> None:
        seen.append(library.path)
        raise PartwiseError("01.opus could not be heard: a reason")

    monkeypatch.setattr("partwise.demo.asking.hear", fail)
    assert main(["demo"]) == 2
    assert capsys.readouterr().err == "partwise: 01.opus could not be heard: a reason\n"
    assert seen[0].parent == tmp_path / "temporary"
    assert list((tmp_path / "temporary").iterdir()) == []


def assert_examples_are_the_middle(out: str) -> None:
    """One question a part, another piece each, and each says what every player plays."""
    asked = re.findall(r"^(\w+) like ([\w ]+) \((\w+): ", out, re.MULTILINE)
    heard = [part for part, _, _ in asked]
    assert heard == [part for part in map(str, PARTS) if part in heard] and "drums" in heard
    assert len({title for _, title, _ in asked}) == len(asked)
    for name, instrument in re.findall(r"another player \((\w+): ([^)]+)\)", out):
        players = load_groups().players
        assert instrument in [one[name].instrument for one in players.values() if name in one]
