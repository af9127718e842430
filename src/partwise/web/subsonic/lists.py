"""Lists of albums and songs: in some order, at random, of a genre, starred, or found by text.

Specification: https://opensubsonic.netlify.app/docs/endpoints/getalbumlist2/,
.../getrandomsongs/, .../getsongsbygenre/, .../getstarred2/, .../gettopsongs/, .../search3/
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from typing import Any

from partwise.library.tables.catalogue import Track
from partwise.web.collection import Album, sort_key
from partwise.web.server import Server
from partwise.web.subsonic.entries import Entries
from partwise.web.subsonic.requests import Params, number, required, whole_number
from partwise.web.subsonic.responses import Answer, Code, Failure

MOST = 500
# A player that copies the whole library asks for page after page of this size at most.
MOST_FOUND = 5000
MOST_LETTERS = 300
_ANY = 10**9


# --- albums


def get_album_list(server: Server, params: Params, name: str, by_tags: bool) -> Answer:
    """``type`` says which, and in what order. by_tags : as AlbumID3, else as folders."""
    entries = Entries(server)
    kind = required(params, "type", empty=False)
    size = number(params, "size", 10, least=0, most=MOST)
    offset = number(params, "offset", 0, least=0, most=_ANY)
    if kind not in _KINDS:
        known = ", ".join(_KINDS)
        raise Failure(Code.GENERIC, f"type is {kind!r}: the lists are {known}.")
    albums = _KINDS[kind](entries, params)
    make = entries.album if by_tags else entries.folder_of_album
    return {name: {"album": [make(album) for album in albums[offset : offset + size]]}}


def _random(entries: Entries, params: Params) -> list[Album]:
    albums = list(entries.collection.albums.values())
    random.shuffle(albums)
    return albums


def _by_name(entries: Entries, params: Params) -> list[Album]:
    return list(entries.collection.albums.values())


def _by_artist(entries: Entries, params: Params) -> list[Album]:
    # The sort is stable: those of an artist stay in the order of their names.
    return sorted(entries.collection.albums.values(), key=lambda album: sort_key(album.artist))


def _newest(entries: Entries, params: Params) -> list[Album]:
    return sorted(entries.collection.albums.values(), key=lambda album: -album.added_s)


def _played(entries: Entries, key: Callable[[Album], float | None]) -> list[Album]:
    """Albums of which a song was played, those with the highest key first."""
    collection = entries.collection
    albums = collection.albums_with(collection.tracks(entries.marks.plays))
    return sorted(albums, key=lambda album: -(key(album) or 0.0))


def _frequent(entries: Entries, params: Params) -> list[Album]:
    return _played(entries, entries.plays_of)


def _recent(entries: Entries, params: Params) -> list[Album]:
    return _played(entries, entries.played_s_of)


def _highest(entries: Entries, params: Params) -> list[Album]:
    return []  # no album is rated: there are stars


def _starred(entries: Entries, params: Params) -> list[Album]:
    return [entries.collection.albums[one] for one in _starred_among(entries, "albums")]


def _by_year(entries: Entries, params: Params) -> list[Album]:
    years = [whole_number(params, name) for name in ("fromYear", "toYear")]
    if None in years:
        required(params, "fromYear", empty=False)
        required(params, "toYear", empty=False)
    first, last = (year or 0 for year in years)
    low, high = sorted((first, last))
    albums = entries.collection.albums.values()
    found = [one for one in albums if one.year is not None and low <= one.year <= high]
    return sorted(found, key=lambda album: album.year or 0, reverse=first > last)


def _by_genre(entries: Entries, params: Params) -> list[Album]:
    collection = entries.collection
    return collection.albums_with(collection.of_genre(required(params, "genre", empty=False)))


_KINDS: dict[str, Callable[[Entries, Params], list[Album]]] = {
    "random": _random,
    "newest": _newest,
    "highest": _highest,
    "frequent": _frequent,
    "recent": _recent,
    "alphabeticalByName": _by_name,
    "alphabeticalByArtist": _by_artist,
    "starred": _starred,
    "byYear": _by_year,
    "byGenre": _by_genre,
}


# --- songs


def get_random_songs(server: Server, params: Params) -> Answer:
    entries = Entries(server)
    size = number(params, "size", 10, least=0, most=MOST)
    first, last = whole_number(params, "fromYear"), whole_number(params, "toYear")
    genre, collection = params.get("genre"), entries.collection
    tracks = list(collection.of_genre(genre) if genre else collection.catalogue.values())
    if (first, last) != (None, None):  # both included; a song without a year is of none
        first, last = first or 0, _ANY if last is None else last
        tracks = [one for one in tracks if one.tags.year and first <= one.tags.year <= last]
    chosen = random.sample(tracks, min(size, len(tracks)))
    return {"randomSongs": {"song": entries.songs(chosen)}}


def get_songs_by_genre(server: Server, params: Params) -> Answer:
    entries = Entries(server)
    tracks = entries.collection.of_genre(required(params, "genre", empty=False))
    count = number(params, "count", 10, least=0, most=MOST)
    offset = number(params, "offset", 0, least=0, most=_ANY)
    return {"songsByGenre": {"song": entries.songs(tracks[offset : offset + count])}}


def get_top_songs(server: Server, params: Params) -> Answer:
    """An artist's songs, those that were played most first. ``artist`` is a name, ``id`` wins."""
    entries = Entries(server)
    collection = entries.collection
    if params.get("id"):
        artist = collection.artists.get(params["id"])
    else:
        artist = collection.named(required(params, "artist", empty=False))
    count = number(params, "count", 50, least=0, most=MOST)
    tracks = [] if artist is None else collection.tracks(artist.track_ids)
    tracks.sort(key=lambda track: -entries.marks.plays.get(track.track_id, (0, 0.0))[0])
    return {"topSongs": {"song": entries.songs(tracks[:count])}}


# --- what has a star


def get_starred(server: Server, params: Params, name: str, by_tags: bool) -> Answer:
    entries = Entries(server)
    collection = entries.collection
    make_artist = entries.artist if by_tags else entries.folder_of_artist
    make_album = entries.album if by_tags else entries.folder_of_album
    return {
        name: {
            "artist": [
                make_artist(collection.artists[one]) for one in _starred_among(entries, "artists")
            ],
            "album": [
                make_album(collection.albums[one]) for one in _starred_among(entries, "albums")
            ],
            "song": entries.songs(collection.tracks(_starred_among(entries, "catalogue"))),
        }
    }


def _starred_among(entries: Entries, kind: str) -> list[str]:
    """Ids of what has a star and is there, the latest first."""
    there: dict[str, Any] = getattr(entries.collection, kind)
    starred_s = entries.marks.starred_s
    return sorted((one for one in starred_s if one in there), key=lambda one: -starred_s[one])


# --- what is found by text


def search(server: Server, params: Params, name: str, by_tags: bool) -> Answer:
    """Artists, albums and songs, best first.

    An empty text, also written ``""``, asks for everything: players copy a library so, page by
    page.
    """
    entries = Entries(server)
    collection = entries.collection
    text = required(params, "query").strip(' "*')
    if len(text) > MOST_LETTERS:
        raise Failure(Code.GENERIC, f"query is longer than {MOST_LETTERS} letters.")

    def page(kind: str) -> tuple[int, int]:
        count = number(params, f"{kind}Count", 20, least=0, most=MOST_FOUND)
        return count, number(params, f"{kind}Offset", 0, least=0, most=_ANY)

    make_artist = entries.artist if by_tags else entries.folder_of_artist
    make_album = entries.album if by_tags else entries.folder_of_album
    count, offset = page("song")
    songs: list[Track] = []
    if not text:
        songs = collection.in_order[offset : offset + count]
    elif collection.catalogue:
        songs = server.library.matcher.find(text, count, offset)
    return {
        name: {
            "artist": [make_artist(one) for one in collection.find_artists(text, *page("artist"))],
            "album": [make_album(one) for one in collection.find_albums(text, *page("album"))],
            "song": entries.songs(songs),
        }
    }


METHODS = {
    "getAlbumList": partial(get_album_list, name="albumList", by_tags=False),
    "getAlbumList2": partial(get_album_list, name="albumList2", by_tags=True),
    "getRandomSongs": get_random_songs,
    "getSongsByGenre": get_songs_by_genre,
    "getTopSongs": get_top_songs,
    "getStarred": partial(get_starred, name="starred", by_tags=False),
    "getStarred2": partial(get_starred, name="starred2", by_tags=True),
    "search2": partial(search, name="searchResult2", by_tags=False),
    "search3": partial(search, name="searchResult3", by_tags=True),
}
