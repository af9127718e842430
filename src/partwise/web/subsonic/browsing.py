"""From artists to albums to songs, by their tags or, for older players, as if they were folders.

Specification: https://opensubsonic.netlify.app/docs/endpoints/getartists/, .../getartist/,
.../getalbum/, .../getsong/, .../getgenres/, .../getindexes/, .../getmusicdirectory/

Both ways show the same: folders of files are not browsed.
"""

from __future__ import annotations

from partwise.web.collection import ARTICLES
from partwise.web.server import Server
from partwise.web.subsonic.entries import FOLDER_ID, Entries
from partwise.web.subsonic.requests import Params, required, whole_number
from partwise.web.subsonic.responses import Answer, there

_FOLDER = "partwise"


def get_music_folders(server: Server, params: Params) -> Answer:
    return {"musicFolders": {"musicFolder": [{"id": FOLDER_ID, "name": _FOLDER}]}}


def get_artists(server: Server, params: Params) -> Answer:
    entries = Entries(server)
    index = entries.index(entries.collection.artists.values(), by_tags=True)
    return {"artists": {"ignoredArticles": ARTICLES, "index": index}}


def get_artist(server: Server, params: Params) -> Answer:
    entries = Entries(server)
    artist = there(entries.collection.artists.get(required(params, "id")), "artist")
    albums = [entries.album(album) for album in entries.albums_of(artist)]
    return {"artist": {**entries.artist(artist), "album": albums}}


def get_album(server: Server, params: Params) -> Answer:
    entries = Entries(server)
    album = there(entries.collection.albums.get(required(params, "id")), "album")
    songs = entries.songs(entries.collection.tracks(album.track_ids))
    return {"album": {**entries.album(album), "song": songs}}


def get_song(server: Server, params: Params) -> Answer:
    entries = Entries(server)
    track = there(entries.collection.catalogue.get(required(params, "id")), "song")
    return {"song": entries.song(track)}


def get_genres(server: Server, params: Params) -> Answer:
    collection = server.collection
    genres = [
        {
            "value": name,
            "songCount": len(tracks),
            "albumCount": len(collection.albums_with(tracks)),
        }
        for name, tracks in collection.genres.values()
    ]
    return {"genres": {"genre": genres}}


def get_indexes(server: Server, params: Params) -> Answer:
    """Artists stand for the folders at the top. ``ifModifiedSince`` is in milliseconds."""
    entries = Entries(server)
    changed_ms = int(entries.collection.made_s * 1000)
    known_ms = whole_number(params, "ifModifiedSince", digits=15)
    head = {"lastModified": changed_ms, "ignoredArticles": ARTICLES}
    if known_ms is not None and known_ms >= changed_ms:
        return {"indexes": head}
    index = entries.index(entries.collection.artists.values(), by_tags=False)
    return {"indexes": {**head, "index": index}}


def get_music_directory(server: Server, params: Params) -> Answer:
    """The music folder, an artist or an album, and what is in it."""
    entries = Entries(server)
    collection = entries.collection
    some_id = required(params, "id")
    if some_id == str(FOLDER_ID):
        children = [
            {**entries.folder_of_artist(one), "parent": some_id, "isDir": True, "title": one.name}
            for one in collection.artists.values()
        ]
        return {"directory": {"id": some_id, "name": _FOLDER, "child": children}}
    if (artist := collection.artists.get(some_id)) is not None:
        head = {**entries.folder_of_artist(artist), "parent": str(FOLDER_ID)}
        children = [entries.folder_of_album(album) for album in entries.albums_of(artist)]
        return {"directory": {**head, "child": children}}
    album = there(collection.albums.get(some_id), "album")
    head = {"id": some_id, "parent": album.artist_id, "name": album.name}
    songs = entries.songs(collection.tracks(album.track_ids))
    return {"directory": {**head, "child": songs}}


METHODS = {
    "getMusicFolders": get_music_folders,
    "getArtists": get_artists,
    "getArtist": get_artist,
    "getAlbum": get_album,
    "getSong": get_song,
    "getGenres": get_genres,
    "getIndexes": get_indexes,
    "getMusicDirectory": get_music_directory,
}
