"""What is known of each track besides its sound: files, tags and length."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from partwise.audio.tags import Tags
from partwise.library.tables.ledger import State
from partwise.paths import is_there, path_to_text, shown, text_to_path

if TYPE_CHECKING:
    from partwise.library.tables.reader import Store


@dataclass(frozen=True)
class Track:
    """One track: its files as the last run saw them, its tags, and its length in seconds."""

    track_id: str
    paths: tuple[str, ...]
    tags: Tags
    duration_s: float

    @property
    def title(self) -> str:
        """From the tags, else the file's name without its ending, printable."""
        return self.tags.title or shown(Path(self.paths[0]).stem)

    @cached_property
    def files(self) -> tuple[Path, ...]:
        """``paths`` as objects, made once: answers of hundreds of tracks share them."""
        return tuple(map(Path, self.paths))

    def to_json(self) -> dict[str, Any]:
        """Plain values, by the names of the HTTP API; paths as in ``paths.path_to_text``."""
        return {
            "track_id": self.track_id,
            **vars(self.tags),
            "title": self.title,
            "duration_s": self.duration_s,
            "paths": [path_to_text(path) for path in self.paths],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Track:
        """The reverse of ``to_json``."""
        paths = tuple(text_to_path(path) for path in value["paths"])
        # A title that is only the file's name is none of the tags.
        named = bool(paths) and value["title"] == shown(Path(paths[0]).stem)
        title = None if named else value["title"]
        artist, album, year = (value[name] for name in ("artist", "album", "year"))
        tags = Tags(title, artist, album, year, value.get("genre"))
        return cls(value["track_id"], paths, tags, value["duration_s"])


def read_catalogue(store: Store, state: State = State.INDEXED) -> dict[str, Track]:
    """The tracks of the active model that have a file in some state, by id."""
    columns = store.about_tracks().values()
    paths = store.live_paths(state)
    return {
        track_id: Track(track_id, tuple(paths[track_id]), Tags(*tags), duration_s)
        for track_id, duration_s, *tags in zip(*columns, strict=True)
        if track_id in paths
    }


def existing(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Those files that are there now; the ledger tells only what the last run saw.

    Of songs on a server nothing else tells, so these are there.
    """
    return tuple(filter(is_there, paths))


class Existing:
    """``existing``, asking the disk about a file once in a while only.

    A server answers with hundreds of files at a time: asking about each lets another thread go
    first each time, and sixteen such answers would wait for one another for a second.
    """

    def __init__(self, fresh_s: float = 20.0) -> None:
        self._fresh_s = fresh_s
        self._known: dict[str, tuple[float, bool]] = {}

    def __call__(self, paths: tuple[str, ...]) -> tuple[str, ...]:
        now_s = time.monotonic()
        return tuple(path for path in paths if self._there(path, now_s))

    def _there(self, path: str, now_s: float) -> bool:
        known = self._known.get(path)
        if known is None or now_s > known[0]:
            known = (now_s + self._fresh_s, is_there(path))
            self._known[path] = known
        return known[1]
