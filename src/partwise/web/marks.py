"""What listeners keep beside their music: playlists, stars, and how often a song was played.

It lies in one SQLite file in the library's folder, which is made when there is something to keep.
Songs are named by the hash of their content and albums and artists by that of their names, so all
of it stays when the library is indexed anew, also from other folders.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError

FILE_NAME = "players.sqlite"
MOST_SONGS = 50_000  # of one playlist
_MOST_TEXT = 1000
_FORMAT = 1
_BUSY_S = 10.0

_SCHEMA = """
CREATE TABLE stars (item_id TEXT PRIMARY KEY, starred_s REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE plays (
    track_id TEXT PRIMARY KEY, count INTEGER NOT NULL, played_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE playlists (
    playlist_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    comment TEXT NOT NULL,
    owner TEXT NOT NULL,
    public INTEGER NOT NULL,
    created_s REAL NOT NULL,
    changed_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE entries (
    playlist_id TEXT NOT NULL REFERENCES playlists ON DELETE CASCADE,
    position INTEGER NOT NULL,
    track_id TEXT NOT NULL,
    PRIMARY KEY (playlist_id, position)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Playlist:
    """track_ids : also of songs that are not in the library at the moment. Times since 1970."""

    playlist_id: str
    name: str
    comment: str
    owner: str
    public: bool
    created_s: float
    changed_s: float
    track_ids: tuple[str, ...]


@dataclass(frozen=True)
class Seen:
    """All marks as they are at one moment.

    starred_s : when something was starred, by id. plays : (times, when last), by id of the track.
    """

    starred_s: dict[str, float]
    plays: dict[str, tuple[int, float]]


_NOTHING = Seen({}, {})


class Marks:
    """The file, opened when it is needed; any number of threads and processes may use it.

    Every method raises PartwiseError, naming the file, where that cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._seen: tuple[Any, Seen] | None = None

    def close(self) -> None:
        """Let go of the file."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    # --- stars and plays

    def seen(self) -> Seen:
        """Stars and plays, from memory while nobody has changed them."""
        with self._reading() as connection:
            if connection is None:
                return _NOTHING
            # Changes of this connection, and of others.
            version = (
                connection.total_changes,
                connection.execute("PRAGMA data_version").fetchone()[0],
            )
            if self._seen is None or self._seen[0] != version:
                stars = connection.execute("SELECT item_id, starred_s FROM stars")
                plays = connection.execute("SELECT track_id, count, played_s FROM plays")
                seen = Seen(dict(stars), {one: (count, at) for one, count, at in plays})
                self._seen = (version, seen)
            return self._seen[1]

    def star(self, ids: Iterable[str]) -> None:
        """Star tracks, albums or artists; what has a star keeps it as it is."""
        now_s = time.time()
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO stars VALUES (?, ?)", [(one, now_s) for one in ids]
            )

    def unstar(self, ids: Iterable[str]) -> None:
        """Take stars away."""
        with self._writing() as connection:
            connection.executemany("DELETE FROM stars WHERE item_id = ?", [(one,) for one in ids])

    def played(self, plays: Iterable[tuple[str, float]]) -> None:
        """Count plays: (track id, when, in seconds since 1970)."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT INTO plays VALUES (?, 1, ?) ON CONFLICT (track_id) DO UPDATE SET"
                " count = count + 1, played_s = max(played_s, excluded.played_s)",
                plays,
            )

    # --- playlists

    def playlists(self) -> list[Playlist]:
        """All of them, by name."""
        with self._reading() as connection:
            if connection is None:
                return []
            ids = connection.execute("SELECT playlist_id FROM playlists ORDER BY name, playlist_id")
            found = [_read(connection, one) for (one,) in ids.fetchall()]
            return [playlist for playlist in found if playlist is not None]

    def playlist(self, playlist_id: str) -> Playlist | None:
        """One of them; None when there is none with this id."""
        with self._reading() as connection:
            return None if connection is None else _read(connection, playlist_id)

    def create(self, name: str, owner: str, track_ids: Sequence[str]) -> Playlist:
        """A new playlist. Raises PartwiseError for a name or a list that is too long."""
        playlist_id = f"pl-{secrets.token_hex(8)}"
        now_s = time.time()
        _check(name, track_ids)
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO playlists VALUES (?, ?, '', ?, 0, ?, ?)",
                (playlist_id, name, owner, now_s, now_s),
            )
            _write(connection, playlist_id, track_ids)
        return Playlist(playlist_id, name, "", owner, False, now_s, now_s, tuple(track_ids))

    def change(
        self,
        playlist_id: str,
        *,
        name: str | None = None,
        comment: str | None = None,
        public: bool | None = None,
        track_ids: Sequence[str] | None = None,
    ) -> None:
        """Change what is given. Raises PartwiseError for what is too long, or no such playlist."""
        _check(name or "", track_ids or (), comment or "")
        given = {"name": name, "comment": comment, "public": public, "changed_s": time.time()}
        fields = {field: value for field, value in given.items() if value is not None}
        terms = ", ".join(f"{field} = ?" for field in fields)
        with self._writing() as connection:
            done = connection.execute(
                f"UPDATE playlists SET {terms} WHERE playlist_id = ?",
                (*fields.values(), playlist_id),
            )
            if not done.rowcount:
                raise PartwiseError("there is no playlist with this id")
            if track_ids is not None:
                _write(connection, playlist_id, track_ids)

    def delete(self, playlist_id: str) -> bool:
        """Remove a playlist. Returns whether there was one."""
        with self._writing() as connection:
            done = connection.execute("DELETE FROM playlists WHERE playlist_id = ?", (playlist_id,))
            return bool(done.rowcount)

    # --- the file

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection | None]:
        """The connection, for one thread at a time; None while there is nothing."""
        with self._guard, self._errors():
            if self._connection is None and not self.path.exists():
                yield None
            else:
                yield self._opened()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is kept, or nothing."""
        with self._guard, self._errors():
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None:
            return self._connection
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            if not _format(connection):
                connection.execute("BEGIN IMMEDIATE")
                if not _format(connection):  # nobody was faster
                    for statement in filter(str.strip, _SCHEMA.split(";")):
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {_FORMAT}")
                connection.execute("COMMIT")
            if (found := _format(connection)) != _FORMAT:
                raise PartwiseError(
                    f"{self.path} is of format {found}, and this partwise knows {_FORMAT}:"
                    " update partwise"
                )
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise PartwiseError(
                f"{self.path}, where playlists and stars are kept, cannot be used: {error}"
            ) from None


def _format(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _check(name: str, track_ids: Sequence[str], comment: str = "") -> None:
    for text in (name, comment):
        if len(text) > _MOST_TEXT:
            raise PartwiseError(f"a playlist's name or comment has at most {_MOST_TEXT} letters")
    if len(track_ids) > MOST_SONGS:
        raise PartwiseError(f"a playlist has at most {MOST_SONGS} songs")


def _read(connection: sqlite3.Connection, playlist_id: str) -> Playlist | None:
    row = connection.execute(
        "SELECT name, comment, owner, public, created_s, changed_s FROM playlists"
        " WHERE playlist_id = ?",
        (playlist_id,),
    ).fetchone()
    if row is None:
        return None
    name, comment, owner, public, created_s, changed_s = row
    entries = connection.execute(
        "SELECT track_id FROM entries WHERE playlist_id = ? ORDER BY position", (playlist_id,)
    )
    ids = tuple(track_id for (track_id,) in entries)
    return Playlist(playlist_id, name, comment, owner, bool(public), created_s, changed_s, ids)


def _write(connection: sqlite3.Connection, playlist_id: str, track_ids: Sequence[str]) -> None:
    connection.execute("DELETE FROM entries WHERE playlist_id = ?", (playlist_id,))
    connection.executemany(
        "INSERT INTO entries VALUES (?, ?, ?)",
        [(playlist_id, position, track_id) for position, track_id in enumerate(track_ids)],
    )
