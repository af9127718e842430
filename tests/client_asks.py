"""What client libraries ask the OpenSubsonic side of a served library, and how answers are told."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

from demo_music import demo_music
from partwise.library.library import Library
from partwise.web.app import Settings, create_app
from partwise.web.server import Server
from served import live

TOKEN = "sesame"
PIECES = 10
GENRE = "Dub"
UNKNOWN = "noSuchMethod"
ASKS = tuple[tuple[str, dict[str, Any]], ...]


def asks(ids: Mapping[str, Any]) -> ASKS:
    """Every method, with parameters in the order in which the Python libraries take them.

    ids : of a song, another song, an album, an artist and the playlist (``ids_of``).
    """
    song, other, album, artist = (ids[name] for name in ("song", "other", "album", "artist"))
    return (
        ("ping", {}),
        ("getLicense", {}),
        ("getOpenSubsonicExtensions", {}),
        ("getMusicFolders", {}),
        ("getArtists", {}),
        ("getArtist", {"id": artist}),
        ("getAlbum", {"id": album}),
        ("getSong", {"id": song}),
        ("getIndexes", {}),
        ("getMusicDirectory", {"id": album}),
        ("getGenres", {}),
        ("getSongsByGenre", {"genre": GENRE, "count": 5}),
        ("getAlbumList", {"type": "newest", "size": 10}),
        ("getAlbumList2", {"type": "alphabeticalByName", "size": 10}),
        ("getRandomSongs", {"size": 3}),
        ("search2", {"query": "meadow"}),
        ("search3", {"query": ""}),
        ("createPlaylist", {"playlistId": None, "name": "Evening", "songId": [song, other]}),
        ("getPlaylists", {}),
        ("getPlaylist", {"id": ids["playlist"]}),
        (
            "updatePlaylist",
            {
                "playlistId": ids["playlist"],
                "name": "Late evening",
                "comment": "slow",
                "songIdToAdd": [song],
                "songIndexToRemove": [0],
            },
        ),
        ("deletePlaylist", {"id": ids["playlist"]}),
        ("star", {"id": [song], "albumId": [album], "artistId": [artist]}),
        ("getStarred", {}),
        ("getStarred2", {}),
        ("unstar", {"id": [song], "albumId": [album], "artistId": [artist]}),
        ("scrobble", {"id": song}),
        ("stream", {"id": song, "maxBitRate": 0, "format": "raw"}),
        ("stream", {"id": song, "maxBitRate": 64, "format": "mp3"}),
        ("download", {"id": song}),
        ("getCoverArt", {"id": song}),
        ("getCoverArt", {"id": song, "size": 32}),
        ("getSimilarSongs", {"id": song, "count": 4}),
        ("getSimilarSongs2", {"id": artist, "count": 4}),
        ("getSonicSimilarTracks", {"id": song, "count": 4}),
        ("findSonicPath", {"startSongId": song, "endSongId": other, "count": 4}),
        ("getArtistInfo", {"id": artist, "count": 3}),
        ("getArtistInfo2", {"id": artist, "count": 3}),
        ("getAlbumInfo", {"id": album}),
        ("getAlbumInfo2", {"id": album}),
        ("getTopSongs", {"artist": "The Amber Trio", "count": 5}),
        ("getLyrics", {"artist": "The Amber Trio", "title": "Amber Meadow"}),
        ("getUser", {"username": "anyone"}),
        ("getScanStatus", {}),
        ("startScan", {}),
        ("setRating", {"id": song, "rating": 4}),
        ("getNowPlaying", {}),
        ("getLyricsBySongId", {"id": song}),
        ("getBookmarks", {}),
        ("createBookmark", {"id": song, "position": 1000}),
        ("getPlayQueue", {}),
        ("savePlayQueue", {"id": [song, other], "current": song, "position": 1000}),
        ("getInternetRadioStations", {}),
        ("getPodcasts", {}),
        ("getShares", {}),
        ("getVideos", {}),
        ("getUsers", {}),
        ("getAvatar", {"username": "anyone"}),
        (UNKNOWN, {}),
    )


def named(method: str, query: Mapping[str, Any]) -> str:
    """How an ask is called in the table: the method, and what distinguishes two asks of it."""
    told = [name for name in ("format", "maxBitRate", "size") if query.get(name)]
    if method not in ("stream", "getCoverArt") or not told:
        return method
    return f"{method} ({', '.join(f'{name}={query[name]}' for name in told)})"


# --- the server


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Demo recordings under other tags, indexed and served with a token; gives the address."""
    music = demo_music(folder / "music", PIECES)
    _give_genre(music[:3])
    library = Library(folder / "library")
    library.index(folder / "music", jobs=1)
    with live(create_app(Server(Library.open(library.path)), Settings(token=TOKEN))) as url:
        yield url


def _give_genre(paths: list[Path]) -> None:
    from mutagen.oggopus import OggOpus

    for path in paths:
        tags = OggOpus(path)
        tags["genre"] = GENRE
        tags.save()


def ids_of(url: str) -> dict[str, Any]:
    """Ids for ``asks``, and the song's size in bytes. The playlist is new, and the only one."""
    for one in _plain(url, "getPlaylists")["playlists"]["playlist"]:
        _plain(url, "deletePlaylist", id=one["id"])
    found = _plain(url, "search3", query="amber meadow")["searchResult3"]["song"][0]
    every = _plain(url, "search3", query="")["searchResult3"]["song"]
    made = _plain(url, "createPlaylist", name="Morning", songId=found["id"])["playlist"]
    return {
        "song": found["id"],
        "size": found["size"],
        "other": next(one["id"] for one in every if one["artist"] != found["artist"]),
        "album": found["albumId"],
        "artist": found["artistId"],
        "playlist": made["id"],
    }


def _plain(url: str, method: str, **query: str) -> dict[str, Any]:
    every = {"v": "1.16.1", "c": "test", "f": "json", "apiKey": TOKEN, **query}
    with urlopen(f"{url}/rest/{method}?{urlencode(every)}", timeout=30) as answer:
        return json.load(answer)["subsonic-response"]


# --- what came, in a few words

# Lists that are told by their length: what an answer is of. Others describe what is in those.
_COUNTED = {
    "album": "album",
    "artist": "artist",
    "child": "entry",
    "entry": "song",
    "genre": "genre",
    "musicFolder": "folder",
    "openSubsonicExtensions": "extension",
    "playlist": "playlist",
    "similarArtist": "artist",
    "song": "song",
    "sonicMatch": "match",
}
_PLURALS = {"entry": "entries", "match": "matches"}
_HEAD = {"status", "version", "type", "serverVersion", "openSubsonic"}


def told(answer: Mapping[str, Any]) -> str:
    """A subsonic-response in a few words."""
    if answer["status"] == "failed":
        return refused(answer["error"]["message"])
    body = {name: value for name, value in answer.items() if name not in _HEAD}
    return told_counts(body) or next(iter(body), "ok")


def told_counts(body: Mapping[str, Any]) -> str:
    """How much of what is in it: ``7 artists, 2 albums``; empty where nothing is counted."""
    counts: Counter[str] = Counter()
    _count(body, counts)
    return ", ".join(so_many(count, noun) for noun, count in counts.items())


def refused(message: str) -> str:
    return f"refused: {message}"


def binary(media_type: str, body: bytes, size: int) -> str:
    """A file in a few words. size : of the song's own file, in bytes."""
    assert body
    kind = media_type.partition(";")[0]
    return f"{kind}, the file itself" if len(body) == size else kind


def _count(value: Any, counts: Counter[str]) -> None:
    if not isinstance(value, Mapping):
        return
    for name, below in value.items():
        if name in _COUNTED and isinstance(below, list):
            counts[_COUNTED[name]] += len(below)
        elif name == "index":
            for one in below:
                _count(one, counts)
        else:
            _count(below, counts)


def so_many(count: int, noun: str) -> str:
    """``1 song``, ``2 songs``."""
    return f"{count} {noun if count == 1 else _PLURALS.get(noun, noun + 's')}"
