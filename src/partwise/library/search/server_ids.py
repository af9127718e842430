"""What the tracks of a library are called on the servers that they were heard from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from partwise.errors import PartwiseError
from partwise.library.tables.catalogue import Track
from partwise.library.tables.server_songs import Listing
from partwise.paths import is_address, path_to_text
from partwise.servers.address import parted


@dataclass(frozen=True)
class ServerArtist:
    """An artist as one server knows it. track_ids : of its songs, sorted."""

    artist_id: str
    name: str
    track_ids: tuple[str, ...]


class ServerIds:
    """Ids of songs and artists, there and back.

    catalogue : the tracks, whose paths may be addresses. listings : what each server said.

    Servers are named by ``ServerAddress.root``.
    """

    def __init__(self, catalogue: Mapping[str, Track], listings: Mapping[str, Listing]) -> None:
        self._listings = listings
        self._tracks: dict[str, dict[str, str]] = {}  # song id -> server -> track id
        self._songs: dict[str, dict[str, str]] = {}  # server -> track id -> song id
        for track in catalogue.values():
            for path in track.paths:
                if is_address(path):
                    server, song_id = parted(path_to_text(path))
                    self._tracks.setdefault(song_id, {})[server] = track.track_id
                    # A server may have the same file twice: its first id stands for both.
                    self._songs.setdefault(server, {}).setdefault(track.track_id, song_id)
        self._artists = {server: self._artists_on(server) for server in self._songs}

    def _artists_on(self, server: str) -> dict[str, ServerArtist]:
        names: dict[str, str] = {}
        tracks: dict[str, set[str]] = {}
        for track_id in self._songs[server]:
            for artist_id, name in self.artists_of(server, track_id):
                names.setdefault(artist_id, name)
                tracks.setdefault(artist_id, set()).add(track_id)
        return {
            one: ServerArtist(one, name, tuple(sorted(tracks[one])))
            for one, name in names.items()
            if one
        }

    def find_song(self, song_id: str) -> tuple[str, str] | None:
        """The server that calls a song so, and its track; None where no server does.

        Raises PartwiseError where two servers call different songs so.
        """
        found = self._tracks.get(song_id, {})
        if len(set(found.values())) > 1:
            servers = " and ".join(sorted(found))
            raise PartwiseError(f"{song_id} is the id of a song on {servers}, and not of the same")
        return min(found.items()) if found else None

    def find_artist(self, artist_id: str) -> tuple[str, ServerArtist] | None:
        """The server that calls an artist so, and the artist; None where no server does.

        Raises PartwiseError where two servers do.
        """
        found = [server for server, known in self._artists.items() if artist_id in known]
        if len(found) > 1:
            raise PartwiseError(f"{artist_id} is the id of an artist on {' and '.join(found)}")
        return (found[0], self._artists[found[0]][artist_id]) if found else None

    def song_id(self, server: str, track_id: str) -> str | None:
        """What a server calls a track; None where it does not have it."""
        return self._songs.get(server, {}).get(track_id)

    def tracks_on(self, server: str) -> set[str]:
        """The tracks that a server has."""
        return set(self._songs.get(server, ()))

    def artists_of(self, server: str, track_id: str) -> list[tuple[str, str]]:
        """(id, name) of a track's artists as the server tells them; ids may be ""."""
        song_id, listing = self.song_id(server, track_id), self._listings.get(server)
        return [] if song_id is None or listing is None else listing.artists_of(song_id)
