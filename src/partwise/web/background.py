"""What goes on beside the answers: slow work that requests share, covers, and the map."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from partwise.library.library import Library
from partwise.library.map.atlas import Atlas, atlas_file, make_atlas, read_atlas
from partwise.library.media.covers import has_cover
from partwise.library.search.cache import Kept
from partwise.library.search.matcher import name_key
from partwise.library.tables.catalogue import Track
from partwise.library.tables.reader import Store, modified
from partwise.paths import shown
from partwise.web.responses import ClientGone, NotHere, NotYet

T = TypeVar("T")
_LOG = logging.getLogger("partwise.web")

# How often a waiting request looks whether its client is still there.
_LOOK_S = 0.25
# An answer spends at most this on looking at files that were never looked at.
ANSWER_S = 0.005
# Of one answer, only so many are looked at: those that a page shows.
MOST_SHOWN = 60
# Looking beside the answers takes at most this share of the time: searches come first.
LOOKING_SHARE = 0.1
# Then a file counts for so long as it was found: tags and folders change seldom.
FRESH_S = 600.0
_MOST_WAITING = 5000
# How long a failure is told before the map is tried again.
_RETRY_S = 60.0


@dataclass
class _Task(Generic[T]):
    future: Future[T]
    stop: threading.Event
    waiting: int = 0


class SharedWork:
    """Two threads that work through what requests ask for.

    No more, because decoding is what they are used for, and the cores also answer searches; not
    one, because a wave is a matter of moments and need not wait for a copy of three hours.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="partwise-media")
        self._tasks: dict[str, _Task] = {}  # touched in the event loop's thread alone

    async def result(
        self,
        key: str,
        work: Callable[[threading.Event], T],
        client_gone: Callable[[], Awaitable[bool]],
    ) -> T:
        """What ``work`` returns; a second request with the same key waits for the same work.

        work : gets an event that is set once every client that waits has gone; it should then
            end early, with an exception. Raises ClientGone, and what ``work`` raises.
        """
        task = self._tasks.get(key)
        if task is None or task.stop.is_set():
            stop = threading.Event()
            task = self._tasks[key] = _Task(self._pool.submit(work, stop), stop)
        task.waiting += 1
        try:
            waiting = asyncio.wrap_future(task.future)
            waiting.add_done_callback(_seen)
            while True:
                done, _ = await asyncio.wait({waiting}, timeout=_LOOK_S)
                if done:
                    return waiting.result()
                if await client_gone():
                    raise ClientGone
        finally:
            task.waiting -= 1
            if not task.waiting:
                task.stop.set()
                task.future.cancel()  # if it has not begun
                if self._tasks.get(key) is task:
                    del self._tasks[key]


def _seen(future: asyncio.Future) -> None:
    """Take note of an error that nobody waits for any more: asyncio would print it."""
    if not future.cancelled():
        future.exception()


class KnownCovers:
    """Remembers per track whether it has a cover."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, bool]] = {}
        self._waiting: dict[str, Path] = {}
        self._guard = threading.Lock()
        self._looking = False

    def of(self, tracks: Sequence[tuple[str, str | Path]]) -> set[str]:
        """The ids, of (id, path), that have a cover; one not looked at yet counts as having none.

        What there is no time for is looked at after the answer, so that the next one knows.
        """
        started = time.monotonic()
        found: set[str] = set()
        later: dict[str, Path] = {}
        for number, (track_id, path) in enumerate(tracks):
            known = self._known.get(track_id)
            if known is None and number >= MOST_SHOWN:
                continue
            if known is None and time.monotonic() - started < ANSWER_S:
                known = self._look(track_id, Path(path))
            if known is None or started - known[0] > FRESH_S:
                later[track_id] = Path(path)
            if known is not None and known[1]:
                found.add(track_id)
        if later:
            self._look_later(later)
        return found

    def _look(self, track_id: str, path: Path) -> tuple[float, bool]:
        known = (time.monotonic(), has_cover(path))
        self._known[track_id] = known
        return known

    def _look_later(self, tracks: dict[str, Path]) -> None:
        with self._guard:
            self._waiting.update(tracks)
            while len(self._waiting) > _MOST_WAITING:
                self._waiting.pop(next(iter(self._waiting)))
            if self._looking:
                return
            self._looking = True
        threading.Thread(target=self._work, name="covers", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._guard:
                if not self._waiting:
                    self._looking = False
                    return
                track_id = next(iter(self._waiting))
                path = self._waiting.pop(track_id)
            started = time.monotonic()
            self._look(track_id, path)
            time.sleep((time.monotonic() - started) * (1.0 / LOOKING_SHARE - 1.0))


class MapState:
    """The map of a library: read when it changes, made in the background when there is none."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._kept = Kept()
        self._guard = threading.Lock()
        self._making: threading.Thread | None = None
        self._failed: tuple[float, str] | None = None

    def atlas(self) -> Atlas:
        """The map. Raises NotYet while it is being made, NotHere where that is not possible."""
        if not self._library.exists:
            raise NotHere("there is nothing to map yet: index a folder first")
        store = self._library.store
        stamp = (store.digest, *map(str, modified(atlas_file(store))))
        found = self._kept.get("atlas", lambda: stamp, lambda _: read_atlas(store))
        if found is None:
            with self._guard:
                self._make(store.folder)
            raise NotYet("the map is being made: ask again in a moment")
        return found

    def _make(self, folder: Path) -> None:
        """Begin to make the map if that is not being done. Raises NotHere if it has just failed."""
        if self._failed is not None:
            when, why = self._failed
            if time.monotonic() < when + _RETRY_S:
                raise NotHere(why)
            self._failed = None
        if self._making is None or not self._making.is_alive():
            self._making = threading.Thread(
                target=self._work, args=(folder,), name="partwise-map", daemon=True
            )
            self._making.start()

    def _work(self, folder: Path) -> None:
        try:
            make_atlas(Store(folder))  # a store of its own, as requests use the server's meanwhile
        except Exception as error:
            _LOG.warning("the map could not be made", exc_info=error)
            self._failed = (time.monotonic(), f"the map could not be made: {error}")

    def listed(self) -> bytes:
        """JSON of what the points are. Raises NotYet and NotHere as ``atlas`` does."""
        atlas = self.atlas()
        store = self._library.store

        def make(_: object) -> bytes:
            listed = list_points(atlas, self._library.catalogue)
            text = json.dumps(listed, ensure_ascii=False, separators=(",", ":"))
            return text.encode("utf-8", "replace")

        key = (atlas.version, *store.state("tracks", "ledger"))
        return self._kept.get("listed", lambda: key, make)


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
    return name_key(tags.artist or tags.album or shown(Path(track.paths[0]).parent))
