"""``partwise forget``, and the folders in ``partwise status``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from partwise.cli import main
from partwise.library.library import Library
from partwise.library.tables.folders import note_begun
from partwise.parts import Part
from recordings import record
from small_library import Piece, make_library


@pytest.fixture
def library(tmp_path: Path) -> str:
    pieces = [Piece(f"{name}/{n}.mp3", {Part.DRUMS: n}) for name in "ab" for n in (1, 2)]
    path = make_library(tmp_path, pieces).path
    note_begun(path, [str(tmp_path / "music" / name) for name in "ab"])
    return str(path)


def test_it_asks_and_names_the_count(
    library: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = str(tmp_path / "music" / "a")
    assert main(["forget", folder, "--library", library]) == 2
    said = capsys.readouterr().err
    assert f"forget {folder}: 2 tracks of 2 files leave the library" in said and "--yes" in said
    assert main(["forget", folder, "--library", library, "--yes"]) == 0
    assert capsys.readouterr().out == f"forgot {folder}: 2 tracks of 2 files\n"
    assert main(["forget", folder, "--library", library, "--yes"]) == 2
    assert "holds nothing of" in capsys.readouterr().err
    assert len(list((tmp_path / "music" / "a").iterdir())) == 2


def test_status_lists_the_folders(library: str, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["status", "--library", library]) == 0
    assert f"{tmp_path / 'music' / 'a'}: 2 tracks" in capsys.readouterr().out
    main(["status", "--library", library, "--json"])
    folders = json.loads(capsys.readouterr().out)["folders"]
    assert [folder["tracks"] for folder in folders] == [2, 2]


def test_poll_needs_watch(library: str, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    assert main(["index", str(tmp_path / "music"), "--library", library, "--poll"]) == 2
    assert "--poll says how to watch: it needs --watch" in capsys.readouterr().err
    assert main(["index", str(tmp_path / "no"), "--library", library, "--watch"]) == 2
    assert "only folders can be watched" in capsys.readouterr().err


def test_watching_until_ctrl_c(tmp_path: Path, tiny_model: Path):
    """What is there is heard, then what comes; a signal ends it in order."""
    music, library = tmp_path / "music", tmp_path / "library"
    os.utime(record(music / "1.wav", 1), (1e9, 1e9))
    command = [sys.executable, "-m", "partwise", "index", str(music), "--watch", "--jobs", "1"]
    command += ["--library", str(library), "--model", str(tiny_model)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def tracks(count: int) -> bool:
        until_s = time.monotonic() + 120
        while time.monotonic() < until_s:
            found = Library(library)
            if found.exists and len(found.ledger()) == count:
                return True
            time.sleep(0.3)
        return False

    try:
        assert tracks(1)
        os.utime(record(music / "new" / "2.wav", 2), (1e9, 1e9))
        assert tracks(2)
        time.sleep(2.0)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert out.startswith(f"watching {music} (watching)") and out.count("indexed 1,") == 2
