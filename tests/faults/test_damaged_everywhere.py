"""Whoever meets a damaged table gets one sentence that names it and the remedy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from fault_seed import Seed  # pyright: ignore[reportMissingImports]
from partwise.cli import main
from partwise.library.check import check as checking
from partwise.library.check.tables import Tables
from partwise.library.library import Library
from partwise.library.tables.snapshot import FILE_NAME as SNAPSHOT
from partwise.web.app import create_app
from partwise.web.server import Server

REMEDY = "`partwise check --repair` mends it"


def damage(library: Path, table: str) -> str:
    """Cut the newest rows of a table in half; returns the table's name.

    The snapshot goes: it would answer in the table's place.
    """
    (library / SNAPSHOT).unlink(missing_ok=True)
    file = max(library.glob(f"{table}*.lance/data/*.lance"), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[:200])
    return file.parent.parent.stem


@pytest.mark.parametrize("table", ["ledger", "tracks", "segments"])
def test_commands(
    table: str, seed: Seed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = seed.copy(tmp_path / "library")
    song = str(seed.music / "1.wav")
    name = damage(library, table)
    option, model = ["--library", str(library)], ["--model", str(seed.model)]
    commands = [["like", song, *option, *model, "--at", "0-1"]]
    if table != "segments":  # these two only count segments, which takes no reading
        commands += [["status", *option], ["index", str(seed.music), *option, *model]]
    if table == "tracks":
        commands += [["serve", *option, "--port", "0"]]
    for command in commands:
        assert main(command) == 2, command
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert repr(name) in said
        assert REMEDY in said


@pytest.mark.parametrize("table", ["ledger", "tracks", "segments"])
def test_the_api_answers_503(table: str, seed: Seed, tmp_path: Path) -> None:
    library = seed.copy(tmp_path / "library")
    track_id = Library(library).find(seed.music / "1.wav")
    name = damage(library, table)
    app = create_app(Server(Library(library, resident=True), seed.model))
    with TestClient(app, base_url="http://localhost") as client:
        answer = client.post("/api/v1/search", json={"songs": [track_id], "top": 3})
    assert answer.status_code == 503
    assert repr(name) in answer.json()["error"]
    assert REMEDY in answer.json()["error"]


def test_the_command(
    seed: Seed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit codes and words; damaged tables are read in this process, to be quick."""
    monkeypatch.setattr(checking, "Tables", lambda folder, isolated: Tables(folder, False))
    library = seed.copy(tmp_path / "library")
    command = ["check", "--library", str(library)]
    assert main(command) == 0
    assert "nothing is wrong; 4 tracks" in capsys.readouterr().out
    name = damage(library, "segments")
    assert main([*command, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["sound"], told["repaired"]) == (False, False)
    assert told["findings"][0]["where"] == name
    assert told["findings"][0]["mended"] is None
    assert main([*command, "--repair"]) == 0
    said = capsys.readouterr().out
    assert "findings mended" in said
    assert "wait for the next index run to be heard" in said
    assert main([*command, "--files"]) == 0
    assert main(["check", "--library", str(tmp_path / "none")]) == 2
