"""Tracks of a catalogue in an order that people choose, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from partwise.library.search.heard import Heard
from partwise.library.search.matcher import Matcher, name_key
from partwise.library.tables.catalogue import Track
from partwise.parts import PARTS, Part


class Listing:
    """Orders of the tracks that a matcher knows; each is made when it is first asked for.

    heard : gives, when an order by a part is first asked for, what is heard in the tracks of these
    ids (``Searcher.heard``).
    """

    def __init__(self, matcher: Matcher, heard: Callable[[list[str]], Heard]) -> None:
        self.matcher = matcher
        self._heard = heard
        self._keys: dict[str, np.ndarray] = {}

    def page(
        self, text: str, sort: str | None, descending: bool, limit: int, offset: int
    ) -> tuple[int, list[Track]]:
        """How many tracks a text finds, and some of them, see ``matcher.Matcher.find``.

        sort : "artist", "title", "album", "year", "duration_s" or a part; None for best first where
            a text is given, else as "artist". What has no such name or year is last in both
            directions.
        """
        found = self.matcher.numbers(text)
        if sort is not None:
            keys = self._key(sort)[found]
            found = found[np.argsort(-keys if descending else keys, kind="stable")]
        return len(found), self.matcher.tracks(found[offset : offset + limit])

    @cached_property
    def _tracks(self) -> list[Track]:
        return self.matcher.find("")

    @cached_property
    def _presence(self) -> np.ndarray:
        return self._heard([track.track_id for track in self._tracks]).column("presence")

    def _key(self, sort: str) -> np.ndarray:
        """float64 [tracks], NaN (which is put last) where there is none."""
        if sort not in self._keys:
            self._keys[sort] = self._make_key(sort)
        return self._keys[sort]

    def _make_key(self, sort: str) -> np.ndarray:
        if sort in PARTS:
            return self._presence[:, Part(sort).index].astype(float)
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


def _places(names: Sequence[str | None]) -> np.ndarray:
    """float64 [names]: equal for names that are one, NaN for none."""
    keys = [name_key(name) if name else None for name in names]
    place = {key: at for at, key in enumerate(sorted({key for key in keys if key}))}
    return np.array([np.nan if key is None else place[key] for key in keys], float)
