"""The songs of an OpenSubsonic server: which there are, and their audio.

Two ways lead to all songs. A search for nothing (``search3`` with the text ``""``) gives them page
by page; the specification asks that of every OpenSubsonic server, and a few hundred requests do
for a hundred thousand songs. Older servers make something else of it, or nothing: there every
album is asked for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError
from partwise.servers.address import ServerAddress, parse_server
from partwise.servers.connection import NOT_AUTHORISED, NOT_FOUND, Connection, Refused
from partwise.servers.songs import ServerSong, song_of

PAGE = 500
# Empty texts, as servers know them: gonic knows the first alone.
_EVERYTHING = ('""', "")


class Subsonic:
    """A server, and one who may ask it.

    secret : the user's password, or the API key where the address names no user.
    waits_s : before each further try, see ``Connection``; None for the usual ones.
    """

    def __init__(
        self,
        address: ServerAddress | str,
        secret: str,
        waits_s: tuple[float, ...] | None = None,
    ) -> None:
        self.address = parse_server(address) if isinstance(address, str) else address
        self._secret = secret
        self._more = {} if waits_s is None else {"waits_s": waits_s}

    def connection(self, stop: threading.Event | None = None) -> Connection:
        """A connection of one's own. stop : ends what it does."""
        return Connection(self.address, self._secret, stop, **self._more)

    def songs(self, stop: threading.Event | None = None) -> Iterator[ServerSong]:
        """Every song, each once. Raises Refused, Unreachable, KeyboardInterrupt for ``stop``."""
        with closing(self.connection(stop)) as connection:
            seen: set[str] = set()
            for value in _children(connection):
                song = song_of(value)
                if song is not None and song.song_id not in seen:
                    seen.add(song.song_id)  # a song may stand in two albums
                    yield song

    def song(self, connection: Connection, song_id: str) -> ServerSong | None:
        """One song; None when the server has it no more. Raises Refused and Unreachable."""
        try:
            return song_of(connection.ask("getSong", id=song_id).get("song"))
        except Refused as error:
            if error.code != NOT_FOUND:
                raise
            return None

    def download(self, connection: Connection, song: ServerSong, path: Path) -> None:
        """Write the song's file as it is to ``path``.

        Raises Refused where this song cannot be had, Unreachable where none can, and PartwiseError
        where it cannot be written.
        """
        try:
            connection.save(path, song.size, "download", id=song.song_id)
        except Refused as error:
            if error.code != NOT_AUTHORISED:
                raise
            # Whoever may not download may still listen; ``raw`` is the file as it is.
            connection.save(path, song.size, "stream", id=song.song_id, format="raw")


def _children(connection: Connection) -> Iterator[Any]:
    if connection.ask("ping").get("openSubsonic") is True:
        for text in _EVERYTHING:
            found = _search(connection, text)
            first = next(found, None)
            if first is not None:
                yield first
                yield from found
                return
    yield from _by_album(connection)


def _search(connection: Connection, text: str) -> Iterator[Any]:
    def page(offset: int) -> list[Any]:
        wanted = {"artistCount": 0, "albumCount": 0, "songCount": PAGE, "songOffset": offset}
        return _list(connection.ask("search3", query=text, **wanted), "searchResult3", "song")

    return _paged(page)


def _by_album(connection: Connection) -> Iterator[Any]:
    def page(offset: int) -> list[Any]:
        wanted = {"type": "alphabeticalByName", "size": PAGE, "offset": offset}
        return _list(connection.ask("getAlbumList2", **wanted), "albumList2", "album")

    for album in _paged(page):
        try:
            yield from _list(connection.ask("getAlbum", id=album["id"]), "album", "song")
        except Refused as error:
            if error.code != NOT_FOUND:  # gone since the list was made
                raise


def _paged(page: Callable[[int], list[Any]]) -> Iterator[dict[str, Any]]:
    """What has an id of all pages, up to one that tells nothing new: not every server counts."""
    seen: set[Any] = set()
    offset = 0
    while True:
        values = page(offset)
        named = [value for value in values if isinstance(value, dict) and _has_id(value)]
        new = {value["id"]: value for value in named if value["id"] not in seen}
        if not new:
            return
        yield from new.values()
        seen.update(new)
        offset += len(values)  # fewer than asked for, where a server allows fewer


def _has_id(value: dict[str, Any]) -> bool:
    return isinstance(value.get("id"), (str, int))


def _list(answer: dict[str, Any], *names: str) -> list[Any]:
    value: Any = answer
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, dict):  # what turns XML into JSON makes no list of one
        return [value]
    if value is None:
        return []
    if not isinstance(value, list):
        raise PartwiseError(f"{'.'.join(names)} is no list in the server's answer")
    return value
