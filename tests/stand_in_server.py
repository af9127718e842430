"""A music server that speaks OpenSubsonic by the specification's answers, and fails on request.

https://opensubsonic.netlify.app/docs/: error codes, ``child``, ``search3``, ``getAlbumList2``. Each
song is an album of its own, whose id is ``al-`` and the song's.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD, KEY = "me", "sesame seed", "a-key"


@dataclass
class StandIn:
    """What the server has, what it shall do wrong, and what it was asked.

    songs : (child, bytes of the file) by id. faults : by method, or by method and id in one text;
    what happens to the next requests, one each: an HTTP status, "cut" (half of the file), "code N"
    (an error of the protocol), "wait S" seconds, "close" (no answer), "text" (a page of HTML).
    """

    songs: dict[str, tuple[dict[str, Any], bytes]] = field(default_factory=dict)
    open_subsonic: bool = True
    page: int = 500
    salted: bool = True
    lengths: bool = True
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    connections: int = 0
    downloading: int = 0
    most_downloading: int = 0
    port: int = 0

    def add(self, song_id: str, file: Path, artist: str = "Somebody", **more: Any) -> None:
        """A song whose file holds what this file holds now."""
        data = file.read_bytes()
        self.songs[song_id] = (
            {
                "id": song_id,
                "isDir": False,
                "title": file.stem,
                "album": "An album",
                "artist": artist,
                "artistId": f"ar-{artist}",
                "artists": [{"id": f"ar-{artist}", "name": artist}],
                "year": 1999,
                "duration": 2,
                "size": len(data),
                "suffix": file.suffix.removeprefix("."),
                "created": "2024-05-06T07:08:09.123456789Z",
                "isVideo": False,
                "type": "music",
                **more,
            },
            data,
        )

    @property
    def url(self) -> str:
        return f"subsonic+http://{USER}@127.0.0.1:{self.port}"

    @property
    def root(self) -> str:
        return f"subsonic://127.0.0.1:{self.port}"

    def times(self) -> Counter[str]:
        """How often each method was asked for."""
        return Counter(method for method, _ in self.asked)

    def knows(self, params: dict[str, str]) -> int | None:
        """The error code for these credentials, None where they are right."""
        if "apiKey" in params:
            return None if params["apiKey"] == KEY else 44
        if params.get("u") != USER:
            return 40
        if "p" in params:
            return None if params["p"] == f"enc:{PASSWORD.encode().hex()}" else 40
        if not self.salted:
            return 41
        token = hashlib.md5((PASSWORD + params.get("s", "")).encode()).hexdigest()
        return None if params.get("t") == token and params.get("s") else 40

    def answer(self, method: str, params: dict[str, str]) -> dict[str, Any] | None:
        """The body of an answer, None for a song that is not there."""
        children = [child for child, _ in self.songs.values()]
        if method == "ping":
            return {}
        if method == "search3":
            first = int(params["songOffset"])
            count = min(int(params["songCount"]), self.page)
            known = params["query"] == '""'
            return {"searchResult3": {"song": children[first : first + count] if known else []}}
        if method == "getAlbumList2":
            first = int(params["offset"])
            albums = [{"id": f"al-{child['id']}", "name": child["album"]} for child in children]
            return {"albumList2": {"album": albums[first : first + self.page]}}
        song_id = params["id"].removeprefix("al-")
        if song_id not in self.songs:
            return None
        child = self.songs[song_id][0]
        return (
            {"album": {"id": params["id"], "song": [child]}}
            if "Album" in method
            else {"song": child}
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    stand_in: StandIn

    def setup(self) -> None:
        super().setup()
        self.stand_in.connections += 1

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if not parts.path.startswith("/rest/"):
            self._send(404, "text/plain", b"404 page not found")
            return
        method = parts.path.removeprefix("/rest/").removesuffix(".view")
        params = {name: values[0] for name, values in parse_qs(parts.query, True).items()}
        self.stand_in.asked.append((method, params))
        for name in (f"{method} {params.get('id', '')}", method):
            if self.stand_in.faults.get(name):
                if self._fault(self.stand_in.faults[name].pop(0)):
                    return
                break
        if (code := self.stand_in.knows(params)) is not None:
            self._error(code, "Wrong username or password.")
        elif method in ("download", "stream"):
            self._file(params["id"])
        elif (body := self.stand_in.answer(method, params)) is None:
            self._error(70, "Not found.")
        else:
            self._json({"status": "ok", **body})

    def _fault(self, fault: str) -> bool:
        """Whether that was the answer."""
        if fault.startswith("wait "):
            time.sleep(float(fault.removeprefix("wait ")))
            return False
        if fault == "cut":
            self._cut = True
            return False
        if fault.startswith("code "):
            self._error(int(fault.removeprefix("code ")), "As you like it.")
        elif fault == "close":
            self.close_connection = True
        elif fault == "text":
            self._send(200, "text/html", b"<p>A page of some other program.</p>")
        elif fault == "on":
            self.send_response(301)
            self.send_header("Location", f"https://music.example.com{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self._send(int(fault), "text/plain", b"no")
        return True

    def _file(self, song_id: str) -> None:
        if song_id not in self.stand_in.songs:
            self._error(70, "Not found.")
            return
        data = self.stand_in.songs[song_id][1]
        self.stand_in.downloading += 1
        self.stand_in.most_downloading = max(
            self.stand_in.most_downloading, self.stand_in.downloading
        )
        try:
            self.send_response(200)
            self.send_header("Content-Type", "audio/x-wav")
            if self.stand_in.lengths:
                self.send_header("Content-Length", str(len(data)))
            else:
                self.close_connection = True
            self.end_headers()
            if getattr(self, "_cut", False):
                self._cut = False
                self.close_connection = True
                data = data[: len(data) // 2]
            time.sleep(0.01)
            self.wfile.write(data)
        finally:
            self.stand_in.downloading -= 1

    def _error(self, code: int, message: str) -> None:
        self._json({"status": "failed", "error": {"code": code, "message": message}})

    def _json(self, fields: dict[str, Any]) -> None:
        about = {"version": "1.16.1", "type": "stand-in", "serverVersion": "1"}
        if self.stand_in.open_subsonic:
            about["openSubsonic"] = True  # type: ignore[assignment]
        data = json.dumps({"subsonic-response": {**about, **fields}}).encode()
        self._send(200, "application/json", data)

    def _send(self, status: int, kind: str, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving(stand_in: StandIn) -> Iterator[StandIn]:
    """The server on a free port of this machine, until the block ends."""
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        stand_in.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield stand_in
        finally:
            server.shutdown()
            thread.join()
