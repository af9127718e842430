"""What listeners keep: playlists, stars, and what they have played.

Specification: https://opensubsonic.netlify.app/docs/endpoints/getplaylists/, .../getplaylist/,
.../createplaylist/, .../updateplaylist/, .../deleteplaylist/, .../star/, .../scrobble/

One secret is one household: everybody who knows it sees and changes the same.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from partwise.web.marks import Playlist
from partwise.web.server import Server
from partwise.web.subsonic.entries import Entries
from partwise.web.subsonic.requests import Params, flag, required, whole_number_of
from partwise.web.subsonic.responses import Answer, Code, Failure, there


def get_playlists(server: Server, params: Params) -> Answer:
    entries = Entries(server)
    found = server.marks.playlists()
    return {"playlists": {"playlist": [entries.playlist(playlist) for playlist in found]}}


def get_playlist(server: Server, params: Params) -> Answer:
    playlist = _playlist(server, required(params, "id"))
    return {"playlist": Entries(server).playlist(playlist, with_songs=True)}


def create_playlist(server: Server, params: Params) -> Answer:
    """A new one with ``name``, or other songs for the one with ``playlistId``."""
    songs = _songs(server, params.all("songId"))
    playlist_id = params.get("playlistId")
    if playlist_id:
        _playlist(server, playlist_id)
        server.marks.change(playlist_id, name=params.get("name") or None, track_ids=songs)
    else:
        name = required(params, "name", empty=False)
        playlist_id = server.marks.create(name, params.user, songs).playlist_id
    playlist = _playlist(server, playlist_id)
    return {"playlist": Entries(server).playlist(playlist, with_songs=True)}


def update_playlist(server: Server, params: Params) -> Answer:
    """``songIndexToRemove`` counts the songs as they are shown, before any is added or removed."""
    playlist = _playlist(server, required(params, "playlistId"))
    gone = {whole_number_of("songIndexToRemove", t) for t in params.all("songIndexToRemove")}
    added = _songs(server, params.all("songIdToAdd"))
    songs: list[str] | None = None
    if gone or added:
        catalogue = server.collection.catalogue
        # A song that is not in the library now is not shown, and keeps its place.
        shown = [at for at, one in enumerate(playlist.track_ids) if one in catalogue]
        if any(not 0 <= index < len(shown) for index in gone):
            raise Failure(
                Code.NOT_FOUND, f"The playlist has no song at this index: it has {len(shown)}."
            )
        places = {shown[index] for index in gone}
        songs = [one for at, one in enumerate(playlist.track_ids) if at not in places] + added
    server.marks.change(
        playlist.playlist_id,
        name=params.get("name") or None,
        comment=params.get("comment"),
        public=flag(params, "public") if params.get("public") else None,
        track_ids=songs,
    )
    return {}


def delete_playlist(server: Server, params: Params) -> Answer:
    if not server.marks.delete(required(params, "id")):
        raise Failure(Code.NOT_FOUND, "There is no playlist with this id.")
    return {}


def star(server: Server, params: Params) -> Answer:
    ids = _ids_to_star(params)
    collection = server.collection
    for one in ids:
        there(collection.songs(one), "song, album or artist")
    server.marks.star(ids)
    return {}


def unstar(server: Server, params: Params) -> Answer:
    """Also of what has left the library: a star may go at any time."""
    server.marks.unstar(_ids_to_star(params))
    return {}


def _ids_to_star(params: Params) -> list[str]:
    ids = [one for name in ("id", "albumId", "artistId") for one in params.all(name)]
    if not ids:
        raise Failure(
            Code.MISSING_PARAMETER, "Required parameter is missing: id, albumId or artistId."
        )
    return ids


def scrobble(server: Server, params: Params) -> Answer:
    """Counts plays; what is only playing now (``submission=false``) is not counted."""
    required(params, "id", empty=False)
    songs = _songs(server, params.all("id"))
    times = [whole_number_of("time", text, digits=15) for text in params.all("time")]
    if len(times) > len(songs):
        raise Failure(Code.GENERIC, "There are more times than songs.")
    now_s = time.time()
    if flag(params, "submission", default=True):
        at_s = [min(ms / 1000, now_s) for ms in times] + [now_s] * (len(songs) - len(times))
        server.marks.played(zip(songs, at_s, strict=True))
    return {}


def _songs(server: Server, ids: Iterable[str]) -> list[str]:
    """The ids themselves. Raises Failure for one that is no song's."""
    found, catalogue = list(ids), server.collection.catalogue
    for one in found:
        there(catalogue.get(one), "song")
    return found


def _playlist(server: Server, playlist_id: str) -> Playlist:
    found = server.marks.playlist(playlist_id)
    if found is None:
        raise Failure(Code.NOT_FOUND, "There is no playlist with this id.")
    return found


METHODS = {
    "getPlaylists": get_playlists,
    "getPlaylist": get_playlist,
    "createPlaylist": create_playlist,
    "updatePlaylist": update_playlist,
    "deletePlaylist": delete_playlist,
    "star": star,
    "unstar": unstar,
    "scrobble": scrobble,
}
