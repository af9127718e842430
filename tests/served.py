"""A small library behind the web application: in the test's own process, or on a real port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.testclient import TestClient

from partwise.audio.tags import Tags
from partwise.library.library import Library
from partwise.parts import Part
from partwise.web.app import Settings, bind, create_app, make_runner
from partwise.web.server import Server
from small_library import Piece, make_library

SCRIPT = "<script>alert(1)</script>"


def pieces() -> list[Piece]:
    """Six tracks; the fourth has no drums, and one has a script for a title."""
    found = []
    for number in range(6):
        sounds: dict[Part, float] = {Part.DRUMS: 20.0 * number, Part.BASS: 5.0 * number}
        if number == 3:
            sounds.pop(Part.DRUMS)
        title = SCRIPT if number == 5 else f"Song {number}"
        genre = "Dub; Rock" if number == 4 else None
        tags = Tags(title, f"Artist {number % 2}", "It's an album", 1990 + number, genre)
        found.append(Piece(f"{number} file.mp3", sounds, segments=3, tags=tags))
    return found


def make_app(folder: Path, settings: Settings | None = None, model: Path | None = None) -> FastAPI:
    """The application for a library of ``pieces`` in ``folder``."""
    library = make_library(folder, pieces())
    return create_app(Server(Library(library.path, resident=True), model), settings)


@contextmanager
def client_of(app: FastAPI) -> Iterator[TestClient]:
    """A client on the loopback name, with the application started."""
    with TestClient(app, base_url="http://localhost") as client:
        yield client


def ids_of(client: TestClient) -> dict[str, str]:
    """Track ids by title."""
    found = client.get("/api/v1/tracks").json()["tracks"]
    return {track["title"]: track["track_id"] for track in found}


@contextmanager
def live(app: FastAPI) -> Iterator[str]:
    """The application on a free port of this machine; gives its address."""
    listening = bind("127.0.0.1", 0)
    runner = make_runner(app)
    thread = threading.Thread(target=runner.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        until_s = time.monotonic() + 20
        while not runner.started and time.monotonic() < until_s:
            time.sleep(0.01)
        assert runner.started
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        app.state.closing = True
        runner.should_exit = True
        thread.join(30)
        listening.close()
        assert not thread.is_alive()
