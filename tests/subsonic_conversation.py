"""Client libraries talking to the OpenSubsonic side of a small library, and what was said.

Two libraries from PyPI: knuckles (asks by GET, without ``.view``, and checks the answers against
its own models) and py-sonic (asks by POST, with ``.view``).
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from partwise import __version__
from partwise.audio.tags import Tags
from partwise.library.library import Library
from partwise.parts import Part
from partwise.web.app import Settings, create_app
from partwise.web.server import Server
from small_library import Piece, make_library

TOKEN = "sesame"
RECORDED = Path(__file__).parent / "web" / "subsonic" / "conversation.json"
JPEG = b"\xff\xd8\xff\xe0" + b"jpeg" * 10

# Angles of drums and bass; of different lengths, so that no two are the same recording again.
PIECES = (
    Piece(
        "Trio/01 One & Two.flac",
        {Part.DRUMS: 0, Part.BASS: 0},
        tags=Tags("One & Two", "Trio <Live>", "Sides", 1971),
        duration_s=61.4,
    ),
    Piece(
        "Trio/02 Lauf.mp3",
        {Part.DRUMS: 30, Part.BASS: 90},
        tags=Tags("Läuft", "Trio <Live>", "Sides", 1972),
        duration_s=122.0,
    ),
    Piece("b-side.wav", {Part.DRUMS: 60, Part.BASS: 45}, duration_s=183.0),
    Piece(
        "Solo/Drums.ogg",
        {Part.DRUMS: 90, Part.BASS: 0},
        tags=Tags("Drums", "Solo", None, 1999),
        duration_s=244.0,
    ),
    Piece("Solo/Against.opus", {Part.DRUMS: 150, Part.BASS: 150}, duration_s=305.0),
    Piece("Solo/Piano.m4a", {Part.PIANO: 0}, tags=Tags("Piano"), duration_s=366.0),
)


def make_songs(folder: Path) -> Library:
    """The library that everything here asks; one album has a cover beside its files."""
    library = make_library(folder, PIECES)
    (folder / "music" / "Trio" / "cover.jpg").write_bytes(JPEG)
    return library


def make_app(folder: Path, token: str | None = TOKEN) -> FastAPI:
    """The whole application over a new small library in a folder."""
    return create_app(Server(make_songs(folder)), Settings(token=token))


@dataclass
class Recorder:
    """ASGI middleware that notes requests and answers, without what differs from run to run.

    folder : where the library lies; in what is noted it is ``/somewhere``.
    """

    app: Any
    folder: Path
    said: list[dict[str, Any]] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked, answered, started = bytearray(), bytearray(), {}

        async def hear() -> Any:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def say(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.update(message)
            answered.extend(message.get("body", b""))
            await send(message)

        await self.app(scope, hear, say)
        headers = {name.lower(): value.decode() for name, value in started["headers"]}
        self.said.append(
            {
                "request": {
                    "method": scope["method"],
                    "path": scope["path"],
                    "query": scope["query_string"].decode(),
                    "form": asked.decode(),
                },
                "response": normal(
                    started["status"], headers[b"content-type"], bytes(answered), self.folder
                ),
            }
        )


def normal(status: int, content_type: str, body: bytes, folder: Path) -> dict[str, Any]:
    """An answer as it is noted and compared."""
    text = body.decode("utf-8", "backslashreplace").replace(str(folder), "/somewhere")
    text = re.sub(r'"created": "[^"]*"', '"created": "WHEN"', text)
    kind = content_type.partition(";")[0]
    if kind != "application/json":
        return {"status": status, "type": kind, "text": text}
    content = json.loads(text)
    assert content["subsonic-response"]["serverVersion"] == __version__
    content["subsonic-response"]["serverVersion"] = "VERSION"
    return {"status": status, "type": kind, "json": content}


@contextmanager
def listening(app: Any) -> Iterator[int]:
    """Serve an application with uvicorn on a free loopback port."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until_s = time.monotonic() + 10
        while not server.started and time.monotonic() < until_s:
            time.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join(10)


def talk_knuckles(port: int) -> None:
    """What a player would ask, through knuckles. Raises when an answer is not what it should be."""
    knuckles, requests = import_module("knuckles"), import_module("requests")
    client = knuckles.Subsonic(
        f"127.0.0.1:{port}", "anyone", TOKEN, "conversation", use_https=False
    )
    assert client.system.ping().status == "ok"
    assert client.system.get_license().valid
    # Its own method reads the extensions as an object; the specification has them as a list.
    offered = client.api.json_request("getOpenSubsonicExtensions")["openSubsonicExtensions"]
    assert {"name": "sonicSimilarity", "versions": [1]} in offered
    folders = client.browsing.get_music_folders()
    assert [folder.name for folder in folders or []] == ["partwise"]
    songs = client.searching.search("").songs or []
    ids = {song.title: song.id for song in songs}
    assert len(ids) == len(PIECES)
    found = client.searching.search("trio two").songs or []
    assert [song.title for song in found] == ["One & Two"]
    one = ids["One & Two"]
    assert client.browsing.get_song(one).year == 1971
    assert requests.get(client.media_retrieval.stream(one), timeout=10).content.startswith(b"stand")
    similar = client.browsing.get_similar_songs(one, 3)
    assert [song.title for song in similar] == ["b-side", "Drums", "Läuft"]
    assert len(client.browsing.get_similar_songs_non_id3(one, 2)) == 2
    matches = client.api.json_request(
        "getSonicSimilarTracks", {"id": one, "count": 2, "parts": "drums"}
    )["sonicMatch"]
    assert [match["entry"]["title"] for match in matches] == ["Läuft", "b-side"]
    path = client.api.json_request(
        "findSonicPath",
        {"startSongId": one, "endSongId": ids["Drums"], "count": 4, "parts": "drums"},
    )["sonicMatch"]
    assert [match["entry"]["title"] for match in path] == ["One & Two", "Läuft", "b-side", "Drums"]
    try:
        client.browsing.get_song("nothing")
        raise AssertionError("a song that is not there was found")
    except knuckles.exceptions.ErrorCode70:
        pass


def talk_libsonic(port: int) -> None:
    """The same through py-sonic, whose requests are forms."""
    libsonic = import_module("libsonic")
    errors = import_module("libsonic.errors")

    def connect(password: str, legacy: bool = False) -> Any:
        return libsonic.Connection(
            "http://127.0.0.1",
            "anyone",
            password,
            port=port,
            appName="conversation",
            legacyAuth=legacy,
        )

    client = connect(TOKEN)
    assert client.ping()
    assert connect(TOKEN, legacy=True).ping()
    try:
        connect("wrong").getLicense()
        raise AssertionError("a wrong password was taken")
    except errors.CredentialError:
        pass

    def ask(method: str, **query: Any) -> Any:
        answer = client._doInfoReq(client._getRequest(f"{method}.view", query))
        assert answer["status"] == "ok"
        return answer

    names = [one["name"] for one in ask("getOpenSubsonicExtensions")["openSubsonicExtensions"]]
    assert "sonicSimilarity" in names
    songs = client.search3("trio")["searchResult3"]["song"]
    ids = {song["title"]: song["id"] for song in songs}
    one, two = ids["One & Two"], ids["Läuft"]
    assert client.getSong(one)["song"]["year"] == 1971
    assert client.stream(one).read().startswith(b"stand-in")
    assert client.download(two).read().startswith(b"stand-in")
    assert client.getCoverArt(one).read() == JPEG
    assert len(client.getSimilarSongs2(one, count=2)["similarSongs2"]["song"]) == 2
    assert len(client.getSimilarSongs(one, count=2)["similarSongs"]["song"]) == 2
    matches = ask("getSonicSimilarTracks", id=one, count=3, parts="drums=2,bass")["sonicMatch"]
    assert [match["entry"]["title"] for match in matches] == ["Läuft", "b-side", "Drums"]
    path = ask("findSonicPath", startSongId=one, endSongId=two, count=3)["sonicMatch"]
    assert [match["entry"]["title"] for match in path] == ["One & Two", "b-side", "Läuft"]
    try:
        client.stream("nothing")
        raise AssertionError("a song that is not there was streamed")
    except errors.DataNotFoundError:
        pass


# Package, and how it is talked through.
CLIENTS: dict[str, Callable[[int], None]] = {"knuckles": talk_knuckles, "py-sonic": talk_libsonic}


def record(folder: Path, client: str) -> dict[str, Any]:
    """Let a client talk to a server over a new small library, and note everything."""
    recorder = Recorder(make_app(folder), folder)
    with listening(recorder) as port:
        CLIENTS[client](port)
    return {"client": f"{client} {version(client)}", "said": recorder.said}
