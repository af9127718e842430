"""The map of a served library: read when it changes, made in the background when there is none."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from partwise.library.map.atlas import Atlas, atlas_file, make_atlas, read_atlas
from partwise.library.tables.catalogue import Track
from partwise.library.tables.reader import Store
from partwise.paths import shown
from partwise.web.server import NotHere, Server
from partwise.web.state import has_library

_LOG = logging.getLogger("partwise.web")
# How long a failure is told before the map is tried again.
_RETRY_S = 60.0


@dataclass(frozen=True)
class _Read:
    """A map as it was read. stamp : of its file."""

    stamp: tuple[str, int, int]
    atlas: Atlas


class MapState:
    """What requests for the map of one server share."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: _Read | None = None
        self._making: threading.Thread | None = None
        self._failed: tuple[float, str] | None = None
        self._listed: tuple[object, bytes] | None = None

    def atlas(self, server: Server) -> Atlas:
        """The map. Raises NotHere while there is none yet."""
        if not has_library(server):
            raise NotHere("there is nothing to map yet: index a folder first")
        store = server.library.store
        with self._lock:
            stamp = _stamp(store)
            if self._read is None or self._read.stamp != stamp:
                found = read_atlas(store)
                self._read = None if found is None else _Read(stamp, found)
            if self._read is not None:
                return self._read.atlas
            raise NotHere(self._make(store.folder))

    def _make(self, folder: Path) -> str:
        """Begin to make the map if that is not being done; what to tell meanwhile."""
        if self._failed is not None:
            when, why = self._failed
            if time.monotonic() < when + _RETRY_S:
                return why
            self._failed = None
        if self._making is None or not self._making.is_alive():
            self._making = threading.Thread(
                target=self._work, args=(folder,), name="partwise-map", daemon=True
            )
            self._making.start()
        return "the map is being made: ask again in a moment"

    def _work(self, folder: Path) -> None:
        try:
            make_atlas(Store(folder))  # a store of its own, as requests use the server's meanwhile
        except Exception as error:
            _LOG.warning("the map could not be made", exc_info=error)
            self._failed = (time.monotonic(), f"the map could not be made: {error}")

    def listed(self, server: Server) -> bytes:
        """JSON of what the points are. Raises NotHere while there is no map yet."""
        atlas = self.atlas(server)
        store = server.library.store
        key = (atlas.version, store.tracks.version, store.ledger_table.version)
        with self._lock:
            if self._listed is None or self._listed[0] != key:
                listed = list_points(atlas, server.library.catalogue)
                text = json.dumps(listed, ensure_ascii=False, separators=(",", ":"))
                self._listed = (key, text.encode("utf-8", "replace"))
            return self._listed[1]


_STATES: WeakKeyDictionary[Server, MapState] = WeakKeyDictionary()
_MAKING = threading.Lock()


def map_state_of(server: Server) -> MapState:
    """The map's state of a server, kept as long as the server."""
    with _MAKING:
        return _STATES.setdefault(server, MapState())


def _stamp(store: Store) -> tuple[str, int, int]:
    try:
        status = os.stat(atlas_file(store))
    except OSError:
        return (store.digest, 0, 0)
    return (store.digest, status.st_ino, status.st_mtime_ns)


def list_points(atlas: Atlas, catalogue: dict[str, Track]) -> dict[str, object]:
    """Titles, artists and groups in the order of the map's tracks.

    A group is an artist, else an album, else a folder; groups are numbered by their size. A track
    whose files are gone has no title, and belongs to no group (-1): it is not to be drawn.
    """
    tracks = [catalogue.get(track_id) for track_id in atlas.track_ids]
    names = [None if track is None else _group(track) for track in tracks]
    sizes: dict[str, int] = {}
    for name in names:
        if name is not None:
            sizes[name] = sizes.get(name, 0) + 1
    order = sorted(sizes, key=lambda name: (-sizes[name], name))
    numbers = {name: number for number, name in enumerate(order)}
    return {
        "version": atlas.version,
        "track_ids": atlas.track_ids,
        "titles": [None if track is None else track.title for track in tracks],
        "artists": [None if track is None else track.tags.artist for track in tracks],
        "groups": [-1 if name is None else numbers[name] for name in names],
    }


def _group(track: Track) -> str:
    tags = track.tags
    return (tags.artist or tags.album or shown(Path(track.paths[0]).parent)).strip().casefold()
