"""``partwise serve`` as a person starts it: the address it prints, and how it ends."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from partwise import cli
from partwise.commands.serve import is_loopback


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


def get(address: str) -> str:
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor()
    )
    with opener.open(address, timeout=20) as answer:
        return answer.read().decode()


def test_on_this_machine_it_needs_no_token_and_ends_in_order(tmp_path: Path):
    with served("--library", str(tmp_path / "none")) as (address, process):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        assert '"tracks":0' in get(address + "api/v1/status")
        process.send_signal(signal.SIGINT)
        assert process.wait(20) in (0, 130)


def test_elsewhere_it_prints_an_address_with_a_token(tmp_path: Path):
    options = ("--library", str(tmp_path / "none"), "--host", "0.0.0.0")
    with served(*options) as (address, _):
        found = re.fullmatch(r"http://0\.0\.0\.0:(\d+)/\?token=([\w-]{20,})", address)
        assert found
        here = f"http://127.0.0.1:{found[1]}/api/v1/status"
        assert '"can_index":false' in get(f"{here}?token={found[2]}")  # by way of the cookie
        with pytest.raises(urllib.error.HTTPError, match="401"):
            get(here)


def test_mistakes_become_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    taken = socket.create_server(("127.0.0.1", 0))
    port = str(taken.getsockname()[1])
    for options, said in (
        (["--port", port], f"cannot listen at 127.0.0.1:{port}"),
        (["--host", "no.such.host.invalid"], "cannot listen at no.such.host.invalid"),
        (["--token", "two words"], "--token"),
        (["--music", str(tmp_path / "none")], "is not a folder"),
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
