"""Songs, albums, artists and playlists as players know them.

Specification: https://opensubsonic.netlify.app/docs/responses/child/, .../albumid3/,
.../artistid3/, .../artist/, .../playlist/. Fields of which the library knows nothing are left out.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from partwise.audio.types import type_of
from partwise.library.tables.catalogue import Track
from partwise.paths import shown
from partwise.web.collection import Album, Artist, letter, number_of
from partwise.web.marks import Playlist
from partwise.web.server import Server

Entry = dict[str, Any]

# The one music folder that there is.
FOLDER_ID = 1


class Entries:
    """Makes entries for one answer, all from the same state of the library and its marks."""

    def __init__(self, server: Server) -> None:
        self.collection = server.collection
        self.marks = server.marks.seen()

    # --- songs

    def songs(self, tracks: Iterable[Track]) -> list[Entry]:
        """Tracks as songs."""
        return [self.song(track) for track in tracks]

    def song(self, track: Track) -> Entry:
        """A track as a song.

        The path is the full one, so that a song can be found again in another server's library.
        Whether it has a cover is found out when one is asked for: files are not opened for lists.
        """
        path, size = _file(track.paths)
        tags = track.tags
        disc, number = number_of(track)
        artists = self.collection.artists_of(track)
        album_id = self.collection.album_of.get(track.track_id)
        kbps = None if size is None else round(size * 8 / 1000 / max(track.duration_s, 1.0))
        entry: Entry = {
            "id": track.track_id,
            "parent": album_id,
            "isDir": False,
            "title": track.title,
            "album": tags.album,
            "artist": tags.artist,
            "track": number,
            "discNumber": disc,
            "year": tags.year,
            "genre": next(iter(tags.genres), None),
            "coverArt": track.track_id,
            "size": size,
            "contentType": content_type_of(path),
            "suffix": suffix_of(path) or None,
            "duration": round(track.duration_s),
            "bitRate": kbps or None,
            "path": shown(path),
            "isVideo": False,
            "created": _when(self.collection.added_s.get(track.track_id)),
            "albumId": album_id,
            "artistId": artists[0][0],
            "type": "music",
            "mediaType": "song",
            "artists": [{"id": one_id, "name": name} for one_id, name in artists],
            "displayArtist": tags.artist or "",
            "genres": [{"name": name} for name in tags.genres],
            "starred": self._starred(track.track_id),
        }
        count, played_s = self.marks.plays.get(track.track_id, (0, None))
        entry |= {"playCount": count, "played": _when(played_s)}
        return _known(entry)

    # --- albums

    def album(self, album: Album) -> Entry:
        """An album by its tags (AlbumID3).

        With the fields of a folder too, as in the specification's examples: some players look for
        nothing but the title.
        """
        return _known(
            {
                "id": album.album_id,
                "parent": album.artist_id,
                "isDir": True,
                "title": album.name,
                "name": album.name,
                "album": album.name,
                "artist": album.artist,
                "artistId": album.artist_id,
                "coverArt": album.album_id,
                "songCount": len(album.track_ids),
                "duration": round(album.duration_s),
                "playCount": self.plays_of(album),
                "created": _when(album.added_s),
                "starred": self._starred(album.album_id),
                "year": album.year,
                "played": _when(self.played_s_of(album)),
                "genre": self._genre_of(album),
                "displayArtist": album.artist,
            }
        )

    def folder_of_album(self, album: Album) -> Entry:
        """The same as a folder (Child): for players that browse so."""
        return {**self.album(album), "mediaType": "album"}

    def plays_of(self, album: Album) -> int:
        """How often songs of an album were played."""
        return sum(self.marks.plays.get(one, (0, 0.0))[0] for one in album.track_ids)

    def played_s_of(self, album: Album) -> float | None:
        """When a song of an album was last played."""
        plays = self.marks.plays
        return max((plays[one][1] for one in album.track_ids if one in plays), default=None)

    def _genre_of(self, album: Album) -> str | None:
        """The genre of most of its songs."""
        tracks = self.collection.tracks(album.track_ids)
        genres = Counter(name for track in tracks for name in track.tags.genres)
        return max(genres, key=genres.__getitem__, default=None)

    # --- artists

    def artist(self, artist: Artist) -> Entry:
        """An artist by the tags (ArtistID3)."""
        return _known(
            {
                "id": artist.artist_id,
                "name": artist.name,
                "coverArt": artist.artist_id,
                "albumCount": len(artist.album_ids),
                "starred": self._starred(artist.artist_id),
            }
        )

    def folder_of_artist(self, artist: Artist) -> Entry:
        """The same as an entry of an index (Artist): for players that browse folders."""
        starred = self._starred(artist.artist_id)
        return _known({"id": artist.artist_id, "name": artist.name, "starred": starred})

    def albums_of(self, artist: Artist) -> list[Album]:
        """Their albums, those of their own first, each kind by year."""
        albums = [self.collection.albums[one] for one in artist.album_ids]
        return sorted(
            albums, key=lambda album: (album.artist_id != artist.artist_id, album.year or 9999)
        )

    def index(self, artists: Iterable[Artist], by_tags: bool) -> list[Entry]:
        """Artists under their letters. by_tags : as ArtistID3."""
        letters: dict[str, list[Entry]] = {}
        make = self.artist if by_tags else self.folder_of_artist
        for artist in artists:
            letters.setdefault(letter(artist.name), []).append(make(artist))
        return [{"name": name, "artist": letters[name]} for name in sorted(letters)]

    # --- playlists

    def playlist(self, playlist: Playlist, with_songs: bool = False) -> Entry:
        """A playlist, with the songs that are there now."""
        tracks = self.collection.tracks(playlist.track_ids)
        entry: Entry = {
            "id": playlist.playlist_id,
            "name": playlist.name,
            "comment": playlist.comment or None,
            "owner": playlist.owner,
            "public": playlist.public,
            "songCount": len(tracks),
            "duration": round(sum(track.duration_s for track in tracks)),
            "created": _when(playlist.created_s),
            "changed": _when(playlist.changed_s),
            "coverArt": playlist.playlist_id if tracks else None,
            "entry": self.songs(tracks) if with_songs else None,
        }
        return _known(entry)

    def _starred(self, some_id: str) -> str | None:
        return _when(self.marks.starred_s.get(some_id))


def content_type_of(path: Path) -> str:
    """Media type by the ending of a file's name."""
    promised = type_of(path)
    return "application/octet-stream" if promised is None else promised.media_type


def suffix_of(path: Path) -> str:
    """The ending of a file's name, in small letters, without the dot."""
    return path.suffix.removeprefix(".").lower()


def _file(paths: Sequence[str]) -> tuple[Path, int | None]:
    """The first file that is there, and its size in bytes; the first and None where none is."""
    for path in paths:
        try:
            return Path(path), os.stat(path).st_size
        except (OSError, ValueError):
            continue
    return Path(paths[0]), None


def _when(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _known(entry: Entry) -> Entry:
    return {name: value for name, value in entry.items() if value is not None}
