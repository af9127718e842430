"""``partwise.Client``: the questions of ``Library``, asked of a server (``partwise serve``)."""

from __future__ import annotations

import http.client
import json
import os
import re
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, urlencode

from partwise.embedding.embeddings import PartEmbeddings
from partwise.errors import PartwiseError
from partwise.library.reports import IndexSummary, Progress, Reporter
from partwise.library.search.hits import Hit
from partwise.library.search.moments import Moment
from partwise.library.search.query import parse_range
from partwise.parts import PARTS, Part, PartWeights, Weights
from partwise.paths import hash_content
from partwise.web.client_answers import embeddings_of, hits_of, progress_of, summary_of

if TYPE_CHECKING:
    from partwise.library.search.clusters import Cluster
    from partwise.library.search.journey import Step

URL = "http://127.0.0.1:8321"
Song = str | os.PathLike[str]

_ID = re.compile(r"(upload-[0-9a-f]{32}|[0-9a-f]{16,64})")
_BLOCK = 1 << 18
_LOOK_S = 0.25
_AT_ONCE = 50  # searches of one request


class Client:
    """A server's library from Python; needs nothing but a running ``partwise serve``.

    url : where the server is. token : what it asks for, None on the same machine.
    timeout_s : how long one answer may take.

    A song is an id, a local file (which is sent to the server, and known there by its content), or
    as much of a track's title, artist, album and file name as means only it. Every method raises
    PartwiseError, with the server's own sentence where it has one.
    """

    def __init__(self, url: str = URL, token: str | None = None, timeout_s: float = 120.0) -> None:
        if not url.startswith(("http://", "https://")):
            raise PartwiseError(f"{url!r} is not the address of a server: write for example {URL}")
        self.url = url.rstrip("/")
        self.timeout_s = timeout_s
        self._token = token
        # What is asked stays between the two: no proxy of the environment is told.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._sent: dict[tuple[str, int, int], str] = {}

    # --- what is in the library

    def status(self) -> dict[str, Any]:
        """What the library holds, as in ``GET /api/v1/status``."""
        return self._json("GET", "/status")

    def tracks(self, text: str = "", limit: int = 50, offset: int = 0) -> list[dict[str, Any]]:
        """Tracks that a text finds, best first, as in ``GET /tracks``."""
        asked = urlencode({"text": text, "limit": limit, "offset": offset})
        return self._json("GET", f"/tracks?{asked}")["tracks"]

    def track(self, song_id: str) -> dict[str, Any]:
        """One track or upload."""
        return self._json("GET", f"/tracks/{quote(song_id, safe='')}")

    # --- questions

    def search(
        self,
        query: Song | Sequence[Song] | None = None,
        weights: Weights | None = None,
        top: int = 10,
        at: str | tuple[float, float] | None = None,
        per_part_of: Mapping[Part, Song] | None = None,
        less_like: Song | Sequence[Song] | Mapping[Part, Song] | None = None,
        **options: Any,
    ) -> list[Hit]:
        """Rank the library by how alike the wanted parts sound: see ``Library.search``.

        options : see ``search.options.SearchOptions``; and ``filter``, as in ``POST /search``.

        Paths of the hits are those of the server's machine. The first 50 hits carry moments.
        """
        asked = self._question(query, weights, at, per_part_of)
        asked |= {"less_like": self._less_like(less_like)}
        asked |= {"top": top, "moments": min(top, 50), **options}
        return hits_of(self._json("POST", "/search", asked))

    def search_many(
        self,
        queries: Sequence[Song | Sequence[Song]],
        weights: Weights | None = None,
        top: int = 10,
        **options: Any,
    ) -> list[list[Hit]]:
        """The hits of each of many queries, in their order: see ``Library.search_many``."""
        more = {"top": top, "moments": min(top, 50), **options}
        searches = [{**self._question(one, weights, None, None), **more} for one in queries]
        answers: list[list[Hit]] = []
        for first in range(0, len(searches), _AT_ONCE):
            asked = {"searches": searches[first : first + _AT_ONCE]}
            answers += map(hits_of, self._json("POST", "/search/many", asked)["answers"])
        return answers

    def radio(
        self,
        query: Song | Sequence[Song] | None = None,
        weights: PartWeights | str | None = None,
        top: int = 10,
        played: Sequence[str] = (),
        skipped: Sequence[str] = (),
        at: str | tuple[float, float] | None = None,
        per_part_of: Mapping[Part, Song] | None = None,
        **options: Any,
    ) -> list[Hit]:
        """The tracks to play next, at most ``top`` (1 to 50): see ``Library.radio``."""
        asked = self._question(query, weights, at, per_part_of)
        asked |= {"top": top, "played": list(played), "skipped": list(skipped), **options}
        return [Hit.from_json(hit, {}) for hit in self._json("POST", "/radio/next", asked)["hits"]]

    def journey(
        self, start: Song, end: Song, count: int = 25, weights: Weights | None = None
    ) -> list[Step]:
        """Tracks that lead evenly from one to another: see ``Library.journey``.

        Both ends are tracks of the server's library: a local file is known there by its content.
        """
        from partwise.library.search.journey import Step

        asked = {
            "start": self._track_id(start),
            "end": self._track_id(end),
            "count": count,
            "weights": _by_part(weights),
        }
        return [Step.from_json(step) for step in self._json("POST", "/path", asked)["steps"]]

    path = journey  # as the command and the address are called

    def clusters(
        self, part: Part | str, count: int | None = None, members: int = 100_000
    ) -> list[Cluster]:
        """Tracks by how alike a part sounds, largest cluster first: see ``Library.clusters``.

        members : so many of each cluster, the most typical.
        """
        from partwise.library.search.clusters import Cluster

        part = Part.parse(part)
        counted = {} if count is None else {"count": count}
        asked = urlencode({**counted, "members": members})
        found = self._json("GET", f"/clusters/{part}?{asked}")["clusters"]
        return [Cluster.from_json(part, cluster) for cluster in found]

    def moments(
        self,
        track_id: str,
        query: Song | Sequence[Song] | None = None,
        weights: Weights | None = None,
        at: str | tuple[float, float] | None = None,
        per_part_of: Mapping[Part, Song] | None = None,
        count: int = 3,
    ) -> tuple[Moment, ...]:
        """Where a track sounds most like the query, whose songs stand there by their ids."""
        asked = self._question(query, weights, at, per_part_of)
        answer = self._json("POST", "/moments", {**asked, "track_id": track_id, "count": count})
        return tuple(Moment.from_json(moment, {}) for moment in answer["moments"])

    def embed(self, song: Song) -> PartEmbeddings:
        """Part embeddings of a local file (sent, and not kept) or of a song by its id."""
        name = os.fspath(song)
        if _ID.fullmatch(name) and not os.path.exists(name):
            answer = self._json("POST", "/embed", {"song_id": name})
        else:
            answer = self._send_file("/embed", name)
        return embeddings_of(answer)

    def upload(self, path: Song) -> dict[str, Any]:
        """Send a local file, to ask with; its ``track_id`` is good until the server ends."""
        return self._send_file("/uploads", os.fspath(path))

    def forget(self, song_id: str) -> None:
        """Remove an upload from the server."""
        self._call("DELETE", f"/uploads/{quote(song_id, safe='')}")

    def playlist(
        self,
        hits: Sequence[Hit | str],
        format: str = "m3u8",
        title: str | None = None,
        paths: str | None = None,
    ) -> bytes:
        """Hits, or tracks by their ids, as a playlist (``m3u8`` or ``xspf``).

        paths : ``"absolute"`` on the server's machine, or ``"relative"`` to the folder that holds
        all music of the library; None as ``POST /playlists`` says.
        """
        ids = [hit if isinstance(hit, str) else hit.track_id for hit in hits]
        asked = {"track_ids": ids, "format": format, "title": title, "paths": paths}
        return self._call("POST", "/playlists", asked)

    # --- filling it

    def index(
        self,
        folders: Song | Sequence[Song],
        *,
        reporter: Reporter[Progress] | None = None,
        wait: bool = True,
        **options: bool,
    ) -> IndexSummary | None:
        """Let the server hear folders of its own machine; None at once unless ``wait``.

        options : ``prune``, ``prune_anyway``, ``retry_failed`` and ``tags``, see ``IndexOptions``.
        reporter : told how it goes. Raises PartwiseError when a run is under way, or fails.
        """
        listed = [folders] if isinstance(folders, (str, os.PathLike)) else list(folders)
        names = [os.fspath(folder) for folder in listed]
        job = self._json("POST", "/index", {"folders": names, **options})
        said = ""
        while wait and job is not None and job["state"] == "running":
            time.sleep(_LOOK_S)
            job = self.job()
            if reporter is not None and job is not None:
                if job["message"] not in ("", said):
                    said = job["message"]
                    reporter.say(said)
                reporter.update(progress_of(job))
        if not wait or job is None:
            return None
        if job["state"] == "failed":
            raise PartwiseError(job["message"])
        return summary_of(job)

    def job(self) -> dict[str, Any] | None:
        """The indexing run of the moment, or the last one."""
        return self._json("GET", "/index")["job"]

    def stop_index(self) -> dict[str, Any]:
        """Ask the indexing run to end; what is done is kept."""
        return self._json("DELETE", "/index")

    def failures(self) -> list[dict[str, str]]:
        """Files that could not be heard, and why."""
        return self._json("GET", "/failures")["failures"]

    # --- how it asks

    def _question(
        self,
        query: Song | Sequence[Song] | None,
        weights: Weights | None,
        at: str | tuple[float, float] | None,
        per_part_of: Mapping[Part, Song] | None,
    ) -> dict[str, Any]:
        if query is None:
            listed: list[Song] = []
        else:
            listed = [query] if isinstance(query, (str, os.PathLike)) else list(query)
        span = parse_range(at) if isinstance(at, str) else at
        parts = {Part(part): song for part, song in (per_part_of or {}).items()}
        return {
            "songs": [self._song_id(song) for song in listed],
            "per_part_of": {part: self._song_id(song) for part, song in parts.items()},
            "weights": _by_part(weights),
            "range": None if span is None else list(span),
        }

    def _less_like(
        self, songs: Song | Sequence[Song] | Mapping[Part, Song] | None
    ) -> list[dict[str, Any]]:
        if isinstance(songs, Mapping):
            return [
                {"song": self._song_id(song), "parts": [Part(part)]} for part, song in songs.items()
            ]
        if songs is None:
            return []
        listed = [songs] if isinstance(songs, (str, os.PathLike)) else list(songs)
        return [{"song": self._song_id(song), "parts": None} for song in listed]

    def _song_id(self, song: Song) -> str:
        name = os.fspath(song)
        if os.path.isfile(name):
            return self._sent_id(name)
        return name  # an id, or what the server knows a track by

    def _track_id(self, song: Song) -> str:
        """A track of the library, a local file by its content; nothing is sent."""
        name = os.fspath(song)
        if not os.path.isfile(name):
            return name
        try:
            return hash_content(name)
        except OSError as error:
            raise _unreadable(name, error) from None

    def _sent_id(self, path: str) -> str:
        """An upload of this very file, sent only when the server does not have it any more."""
        status = os.stat(path)
        key = (os.path.abspath(path), status.st_size, status.st_mtime_ns)
        if key in self._sent:
            try:
                return self.track(self._sent[key])["track_id"]
            except PartwiseError:
                del self._sent[key]
        self._sent[key] = self.upload(path)["track_id"]
        return self._sent[key]

    def _send_file(self, address: str, path: str) -> dict[str, Any]:
        boundary = secrets.token_hex(16)
        name = "".join(sign if sign.isprintable() and sign not in '"\\' else "_" for sign in path)
        disposition = f'form-data; name="file"; filename="{os.path.basename(name)}"'
        head = (
            f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
            "Content-Type: application/octet-stream\r\n\r\n"
        ).encode("utf-8", "replace")
        tail = f"\r\n--{boundary}--\r\n".encode()
        try:
            with open(path, "rb") as file:
                size = os.fstat(file.fileno()).st_size
                headers = {
                    "Content-Type": f"multipart/form-data; boundary={boundary}",
                    "Content-Length": str(len(head) + size + len(tail)),
                }
                body = _multipart(head, file, tail)
                return json.loads(self._request("POST", address, body, headers))
        except OSError as error:
            raise _unreadable(path, error) from None

    def _json(self, method: str, address: str, body: Any = None) -> Any:
        return json.loads(self._call(method, address, body))

    def _call(self, method: str, address: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        return self._request(method, address, data, {"Content-Type": "application/json"})

    def _request(
        self, method: str, address: str, body: bytes | Iterator[bytes] | None, headers: dict
    ) -> bytes:
        if self._token is not None:
            headers = {**headers, "Authorization": f"Bearer {self._token}"}
        asked = urllib.request.Request(f"{self.url}/api/v1{address}", body, headers, method=method)
        try:
            with self._opener.open(asked, timeout=self.timeout_s) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise PartwiseError(_sentence(error)) from None
        except (OSError, http.client.HTTPException) as error:
            cause = getattr(error, "reason", None) or error
            raise PartwiseError(f"the server at {self.url} does not answer ({cause})") from None


def _unreadable(path: str, error: OSError) -> PartwiseError:
    return PartwiseError(f"{path} cannot be read ({error.strerror or error})")


def _by_part(weights: Weights | None) -> dict[Part, float] | None:
    """Weights as the API takes them."""
    asked = None if weights is None else PartWeights.parse(weights)
    return None if asked is None else dict(zip(PARTS, asked.values, strict=True))


def _multipart(head: bytes, file: BinaryIO, tail: bytes) -> Iterator[bytes]:
    yield head
    while block := file.read(_BLOCK):
        yield block
    yield tail


def _sentence(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.loads(error.read(65536))["error"])
    except (ValueError, KeyError, TypeError, OSError):
        return f"the server answers with an error ({error.code} {error.reason})"
