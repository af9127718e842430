"""``partwise serve`` as a person starts it: the address it prints, and how it ends."""

from __future__ import annotations

import ipaddress
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from partwise import cli
from partwise.commands.serve import is_loopback, own_address, token_of
from partwise.errors import PartwiseError
from partwise.web import app
from recordings import record


@contextmanager
def served(*options: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", "partwise", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            process.stdout.readline()
            yield process.stdout.readline().removeprefix("open ").strip(), process
        finally:
            process.kill()


def get(address: str, headers: dict[str, str] | None = None) -> str:
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
    )
    asked = urllib.request.Request(address, headers=headers or {})
    with opener.open(asked, timeout=20) as answer:
        return answer.read().decode()


def test_on_this_machine_it_needs_no_token_and_ends_in_order(tmp_path: Path):
    with served("--library", str(tmp_path / "none")) as (address, process):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        assert '"tracks":0' in get(address + "api/v1/status")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_everywhere_it_prints_an_address_for_others_and_one_for_here(tmp_path: Path, host: str):
    try:
        app.bind(host, 0).close()
    except PartwiseError:
        pytest.skip(f"this machine cannot listen at {host}")
    with served("--library", str(tmp_path / "none"), "--host", host) as (address, process):
        assert process.stdout is not None
        here = process.stdout.readline().removeprefix("on this machine ").strip()
        for printed in (address, here):
            found = re.fullmatch(r"http://(.+):(\d+)/\?token=([\w-]{20,})", printed)
            assert found and not re.fullmatch(r"0\.0\.0\.0|\[::\]", found[1])
            status = f"http://{found[1]}:{found[2]}/api/v1/status"
            assert '"can_index":false' in get(f"{status}?token={found[3]}")  # by way of the cookie
            with pytest.raises(urllib.error.HTTPError, match="401"):
                get(status)
        assert urlsplit(here).hostname in ("127.0.0.1", "::1")


def test_the_way_out_is_asked_without_sending(monkeypatch: pytest.MonkeyPatch):
    found = own_address([socket.AF_INET])
    assert found == socket.gethostname() or ipaddress.ip_address(found).version == 4
    monkeypatch.setattr(socket, "gethostname", lambda: "shelf")
    assert own_address([]) == "shelf"  # no way out: the name has to do


def test_behind_a_proxy_and_under_a_prefix(tmp_path: Path):
    options = ("--library", str(tmp_path / "none"), "--behind-proxy", "Music.example")
    with served(*options, "--root-path", "/partwise/") as (address, _):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/partwise/", address)
        proxied = {"X-Forwarded-For": "1.2.3.4", "Host": "music.example"}
        said = get(address + "api/v1/status", proxied)
        assert '"can_index":false' in said  # whom the proxy lets in has no say over folders
        assert "static/" in get(address)


def test_mistakes_become_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    taken = socket.create_server(("127.0.0.1", 0))
    port = str(taken.getsockname()[1])
    for options, said in (
        (["--port", port], f"cannot listen at 127.0.0.1:{port}"),
        (["--host", "no.such.host.invalid"], "cannot listen at no.such.host.invalid"),
        (["--token", "two words"], "--token"),
        (["--music", str(tmp_path / "none")], "is not a folder"),
        (["--behind-proxy", "https://a.example/"], "--behind-proxy"),
        (["--root-path", "partwise"], "--root-path"),
        (["--root-path", "/a/../b"], "--root-path"),
        (["--root-path", "/api"], "choose another word"),
    ):
        assert cli.main(["serve", "--library", str(tmp_path), *options]) == 2
        assert said in capsys.readouterr().err
    taken.close()


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("LocalHost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.example", False),
    ],
)
def test_what_is_loopback(host: str, expected: bool):
    assert is_loopback(host) is expected


def test_a_token_file_is_made_once_and_read_from_then_on(tmp_path: Path) -> None:
    file = tmp_path / "token"
    made = token_of(None, file)
    assert made and file.read_text() == f"{made}\n" and file.stat().st_mode & 0o777 == 0o600
    assert token_of(None, file) == made
    assert token_of("given", file) == "given"
    file.write_text("of mine\nsecond line\n")
    with pytest.raises(PartwiseError, match=r"--token-file .*token: its first line must be"):
        token_of(None, file)
    with pytest.raises(PartwiseError, match=r"--token-file .*nowhere/token: No such file"):
        token_of(None, tmp_path / "nowhere" / "token")
    with pytest.raises(PartwiseError, match=r"--token-file .*: Is a directory"):
        token_of(None, tmp_path)


def test_a_watched_folder_is_heard_from_the_start_and_while_it_serves(
    tmp_path: Path, tiny_model: Path
) -> None:
    music, library = tmp_path / "music", tmp_path / "new" / "library"
    music.mkdir()
    record(music / "one.wav", 1)
    options = ("--library", str(library), "--watch", str(music), "--model", str(tiny_model))
    with served(*options) as (address, _):
        wait_for_tracks(address, 1)
        record(music / "two.wav", 2)
        wait_for_tracks(address, 2)
    with served(*options[:2]) as (address, _):  # it is remembered
        assert '"watched":true' in get(address + "api/v1/folders")


def wait_for_tracks(address: str, count: int) -> None:
    until = time.monotonic() + 90
    while f'"tracks":{count},' not in get(address + "api/v1/status"):
        assert time.monotonic() < until
        time.sleep(0.2)


def test_watching_what_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--watch", "--music"):
        assert cli.main(["serve", option, str(tmp_path / "gone")]) == 2
        assert f"{option} {tmp_path}/gone is not a folder" in capsys.readouterr().err
