"""``partwise index --from`` as a person meets it: the password, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from partwise.cli import main
from partwise.commands.server_password import VARIABLE
from recordings import record
from stand_in_server import PASSWORD, StandIn, serving


@pytest.fixture
def server(tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn()
    stand_in.add("1", record(tmp_path / "a song.wav", 1))
    with serving(stand_in):
        yield stand_in


@pytest.fixture
def run(tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str], monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        options = ["--library", str(tmp_path / "library"), "--model", str(tiny_model)]
        code = main(["index", *arguments, *options, "--jobs", "1"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_password_comes_from_the_environment_or_a_file(
    run, server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = run("--from", server.url)
    assert code == 2
    assert err == (
        "partwise: the password of me at 127.0.0.1 is needed: set PARTWISE_SERVER_PASSWORD, or"
        " name a --password-file\n"
    )
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\nand a second line\n")
    code, out, err = run("--from", server.url, "--password-file", str(file))
    assert (code, err) == (0, "") and out.startswith("indexed 1, unchanged 0,")
    monkeypatch.setenv(VARIABLE, PASSWORD)
    code, out, err = run("--from", server.url)
    assert (code, err) == (0, "") and out.startswith("indexed 0, unchanged 1,")
    monkeypatch.setenv(VARIABLE, "wrong")
    code, _, err = run("--from", server.url)
    assert code == 2 and "Wrong username or password" in err and len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "name a folder to index, or a server with --from"),
        (("--from", "http://nas"), "is no address of a server"),
        (("--from", "subsonic://me:pw@nas"), "leave it out"),
        (("--from", "subsonic://me@nas", "--password-file", "/nowhere"), "no such file"),
        (("subsonic://me@nas",), "is no folder: a server is named with --from"),
        ((".", "--match"), "--match is for the songs of a server"),
    ],
)
def test_what_makes_no_sense_gets_one_sentence(run, arguments: tuple[str, ...], said: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2 and said in err and len(err.splitlines()) == 1


def test_folders_and_a_server_are_two_runs(
    run, server: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, PASSWORD)
    code, _, err = run(str(tmp_path), "--from", server.url)
    assert code == 2 and "two runs" in err
    code, _, err = run("--from", server.url, "--on", "ray")
    assert code == 2 and "are for folders" in err
    code, _, err = run("--from", server.url, "--match")
    assert code == 2 and "nothing usable" in err and not server.times()["download"]
