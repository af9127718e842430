"""``partwise`` alone: before there is a library it says what to do, after that what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from partwise.cli import main
from partwise.commands import guide
from partwise.parts import Part
from small_library import Piece, make_library


def test_the_fullest_folder_comes_first(tmp_path: Path) -> None:
    for name, count in (("stick", 2), ("Music of mine", 3), ("empty", 0)):
        folder = tmp_path / name / "album"
        folder.mkdir(parents=True)
        for number in range(count):
            (folder / f"{number}.mp3").touch()
        (folder / "cover.jpg").touch()
    places = [tmp_path / name for name in ("stick", "Music of mine", "empty", "gone")]
    found = guide.music_folders(places)
    assert found == [(tmp_path / "Music of mine", 3), (tmp_path / "stick", 2)]


def test_before_and_after_there_is_a_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    music = tmp_path / "my music"
    music.mkdir()
    (music / "one.mp3").touch()
    monkeypatch.setattr(guide, "_places", lambda: [music])
    monkeypatch.setenv("PARTWISE_LIBRARY", str(tmp_path / "none"))
    assert main([]) == 0
    said = capsys.readouterr().out
    assert f"{music} (1 recording)" in said and f"partwise index '{music}'" in said
    monkeypatch.setattr(guide, "_places", list)
    assert main([]) == 0
    assert "partwise index FOLDER" in capsys.readouterr().out
    library = make_library(tmp_path, [Piece("one.mp3", {Part.DRUMS: 1})]).path
    monkeypatch.setenv("PARTWISE_LIBRARY", str(library))
    main([])
    said = capsys.readouterr()
    assert "partwise index" not in said.out and "Usage: partwise" in said.out + said.err
