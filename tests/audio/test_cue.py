"""Cue sheets beside an album that is one file."""

from __future__ import annotations

from pathlib import Path

import pytest

from partwise.audio.cue import cue_note

SHEET = """\ufeffPERFORMER "Somebody"
FILE "album.flac" WAVE
  TRACK 01 AUDIO
    TITLE "Track of a title"
    INDEX 01 00:00:00
  track 02 audio
    INDEX 01 03:10:00
"""


@pytest.mark.parametrize("name", ["album.cue", "album.CUE", "album.flac.cue"])
def test_a_sheet_of_several_tracks(tmp_path: Path, name: str) -> None:
    song = tmp_path / "album.flac"
    assert cue_note(song) is None
    (tmp_path / name).write_text(SHEET, "utf-8")
    assert cue_note(song) == "its cue sheet of 2 tracks is not read: the file is one track"
    assert cue_note(tmp_path / "other.flac") is None


def test_a_sheet_of_one_track_and_none_at_all(tmp_path: Path) -> None:
    (tmp_path / "a.cue").write_text("\n".join(SHEET.splitlines()[:4]), "utf-8")
    (tmp_path / "b.cue").mkdir()
    assert [cue_note(tmp_path / f"{name}.flac") for name in "ab"] == [None, None]
