"""Connections that say nothing, or half of something, are closed."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from partwise.errors import PartwiseError
from partwise.web import app
from served import live, make_app


@pytest.mark.parametrize("said", [b"", b"GET /api/v1/status HT"])
@pytest.mark.parametrize("first", [b"", b"GET /api/v1/index HTTP/1.1\r\nHost: localhost\r\n\r\n"])
def test_a_silent_connection_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes, first: bytes
):
    monkeypatch.setattr(app, "SILENT_S", 0.3)
    with live(make_app(tmp_path)) as url:
        where = urlsplit(url)
        with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
            started = time.monotonic()
            if first:
                connection.sendall(first)
                assert b"200 OK" in connection.recv(65536)
            connection.sendall(said)
            while connection.recv(65536):
                pass
            assert 0.2 < time.monotonic() - started < 5


def test_an_address_that_cannot_be_had():
    with app.bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PartwiseError, match=f"127.0.0.1:{port}"):
            app.bind("127.0.0.1", port)
