"""What the library holds, in the forms that routes ask for, made once per state of its tables."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.library.overview import LibraryStatus, overview
from partwise.library.stores.rows import presence_of, vectors_of
from partwise.library.tables.catalogue import Track, existing
from partwise.library.tables.manifest import FILE_NAME
from partwise.parts import PARTS, Part
from partwise.paths import shown
from partwise.web.server import NotHere, Server


def has_library(server: Server) -> bool:
    """Whether there is a library yet: a server may start before the first indexing run."""
    return (server.library.path / FILE_NAME).is_file()


def check_library(server: Server) -> None:
    """Raises PartwiseError, in words for the page, where there is nothing to search yet."""
    if not has_library(server) or not server.library.catalogue:
        raise PartwiseError("the library holds no tracks yet: index a folder first")


@dataclass(frozen=True)
class Sound:
    """The parts of a whole track, and how surely each is heard."""

    parts: tuple[Part, ...]
    presence: tuple[float, ...]


class LibraryState:
    """Reads of a server's library that are kept until it changes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._guard = threading.Lock()
        self._status: tuple[Any, LibraryStatus] | None = None

    def overview(self) -> LibraryStatus | None:
        """What it holds in numbers, and its failures; None while there is no library."""
        if not has_library(self._server):
            return None
        store = self._server.library.store
        tables = (store.tracks, store.segments, store.ledger_table)
        key = (store.digest, *(table.version for table in tables))
        with self._guard:
            if self._status is None or self._status[0] != key:
                self._status = (key, overview(store))
            return self._status[1]

    def tracks(self, text: str, limit: int, offset: int) -> tuple[int, list[Track]]:
        """How many tracks a text finds, and some of them: see ``matcher.Matcher.find``."""
        if not has_library(self._server):
            return 0, []
        matcher = self._server.library.matcher
        found = matcher.numbers(text)
        return len(found), matcher.tracks(found[offset : offset + limit])

    def track(self, track_id: str) -> Track:
        """Raises NotHere."""
        found = None
        if has_library(self._server):
            found = self._server.library.catalogue.get(track_id)
        if found is None:
            raise NotHere("there is no such song in the library")
        return found

    def file_of(self, track: Track) -> Path:
        """A file of the track that is there. Raises NotHere."""
        there = existing(track.paths)
        if not there:
            raise NotHere(f"{shown(track.paths[0])} is not there any more: index again")
        return Path(there[0])

    def sounds(self, track_ids: Sequence[str]) -> dict[str, Sound]:
        """The parts of some tracks."""
        if not track_ids:
            return {}
        rows = self._server.library.store.tracks.fetch(track_ids)
        present = np.any(vectors_of(rows), axis=-1)  # [rows, parts]
        presence = presence_of(rows)
        return {
            track_id: Sound(
                tuple(part for part in PARTS if present[row, part.index]),
                tuple(float(value) for value in presence[row]),
            )
            for row, track_id in enumerate(rows.column("track_id").to_pylist())
        }
