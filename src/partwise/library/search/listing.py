"""Tracks of a catalogue in an order that people choose, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from partwise.library.search.matcher import Matcher, name_key
from partwise.library.stores.protocol import VectorStore
from partwise.library.stores.rows import PRESENCE_COLUMNS, presence_of
from partwise.library.tables.catalogue import Track
from partwise.parts import PARTS, Part

# By what tracks can be put in order; None: best first where a text is given, else as "artist".
SORTS = ("artist", "title", "album", "year", "duration_s", *map(str, PARTS))


class Listing:
    """Orders of the tracks that a matcher knows; each is made when it is first asked for.

    presence : by track id, float [parts=5], how surely each part is heard; tracks that are not
    there come last.
    """

    def __init__(self, matcher: Matcher, presence: Mapping[str, np.ndarray]) -> None:
        self.matcher = matcher
        self._tracks = matcher.find("")
        self._presence = presence
        self._keys: dict[str, np.ndarray] = {}

    def page(
        self, text: str, sort: str | None, descending: bool, limit: int, offset: int
    ) -> tuple[int, list[Track]]:
        """How many tracks a text finds, and some of them, see ``matcher.Matcher.find``.

        sort : one of ``SORTS``. What has no such name, year or sound is last in both directions.
        """
        found = self.matcher.numbers(text)
        if sort is not None:
            keys = self._key(sort)[found]
            found = found[np.argsort(-keys if descending else keys, kind="stable")]
        return len(found), self.matcher.tracks(found[offset : offset + limit])

    def _key(self, sort: str) -> np.ndarray:
        """float64 [tracks], NaN (which is put last) where there is none."""
        if sort not in self._keys:
            self._keys[sort] = self._make_key(sort)
        return self._keys[sort]

    def _make_key(self, sort: str) -> np.ndarray:
        if sort in PARTS:
            none = np.full(len(PARTS), np.nan)
            rows = [self._presence.get(track.track_id, none) for track in self._tracks]
            return np.asarray(rows, float).reshape(-1, len(PARTS))[:, Part(sort).index]
        if sort == "duration_s":
            return np.array([track.duration_s for track in self._tracks], float)
        if sort == "year":
            return np.array([track.tags.year or np.nan for track in self._tracks], float)
        names: dict[str, Callable[[Track], str | None]] = {
            "artist": lambda track: track.tags.artist,
            "title": lambda track: track.title,
            "album": lambda track: track.tags.album,
        }
        return _places([names[sort](track) for track in self._tracks])


def read_presence(tracks: VectorStore) -> dict[str, np.ndarray]:
    """float32 [parts=5] by track id, of all tracks of a store."""
    rows = tracks.fetch(columns=["track_id", *PRESENCE_COLUMNS])
    return dict(zip(rows.column("track_id").to_pylist(), presence_of(rows), strict=True))


def _places(names: Sequence[str | None]) -> np.ndarray:
    """float64 [names]: equal for names that are one, NaN for none."""
    keys = [name_key(name) if name else None for name in names]
    place = {key: at for at, key in enumerate(sorted({key for key in keys if key}))}
    return np.array([np.nan if key is None else place[key] for key in keys], float)
