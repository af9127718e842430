"""``servers.json``: by whom the songs of other servers are, by the servers' own ids.

A copy of what the servers said, and never the truth: which song is which track, only the ledger
knows. The next run over a server writes its part anew, so what is lost or damaged is no loss.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partwise.atomic import write_whole
from partwise.library.stores.faults import storage_errors
from partwise.library.tables.manifest import sealed
from partwise.servers.songs import ServerSong

FILE_NAME = "servers.json"
# Audio on its way from a server to a worker lies in this folder, and nowhere after the run.
DOWNLOADS = "downloads"
_FORMAT = 1


@dataclass(frozen=True)
class Listing:
    """One server. artists : (id, name). songs : the positions of its artists, by a song's id."""

    artists: tuple[tuple[str, str], ...]
    songs: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, songs: Iterable[ServerSong]) -> Listing:
        """From what a server lists."""
        numbers: dict[tuple[str, str], int] = {}
        by_song = {
            song.song_id: tuple(numbers.setdefault(one, len(numbers)) for one in song.artists)
            for song in songs
        }
        return cls(tuple(numbers), by_song)

    def artists_of(self, song_id: str) -> list[tuple[str, str]]:
        """(id, name) of each artist of a song."""
        return [self.artists[number] for number in self.songs.get(song_id, ())]


def read_listings(folder: Path) -> dict[str, Listing]:
    """What the library in ``folder`` was told, by server (``ServerAddress.root``)."""
    try:
        data = json.loads((folder / FILE_NAME).read_bytes())
        if data["format"] != _FORMAT or data != sealed(data):
            return {}
        return {root: _listing(said) for root, said in data["servers"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def write_listing(folder: Path, root: str, listing: Listing) -> None:
    """Replace what one server said. Raises PartwiseError where it cannot be written."""
    listings = {**read_listings(folder), root: listing}
    servers = {name: {"artists": one.artists, "songs": one.songs} for name, one in listings.items()}
    # Sealed as it will be read: JSON knows no tuples.
    data = sealed(json.loads(json.dumps({"format": _FORMAT, "servers": servers})))
    with storage_errors(folder):
        write_whole(folder / FILE_NAME, json.dumps(data))


def _listing(said: Mapping[str, Any]) -> Listing:
    artists = tuple((str(artist_id), str(name)) for artist_id, name in said["artists"])
    songs = {song_id: tuple(map(int, numbers)) for song_id, numbers in said["songs"].items()}
    if any(not 0 <= number < len(artists) for numbers in songs.values() for number in numbers):
        raise ValueError("a song names an artist that is not there")
    return Listing(artists, songs)
