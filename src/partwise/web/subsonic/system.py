"""The server itself, its one user, and what it knows nothing of.

Specification: https://opensubsonic.netlify.app/docs/endpoints/ping/, .../getlicense/,
.../getopensubsonicextensions/, .../tokeninfo/, .../getuser/, .../getscanstatus/, .../startscan/,
.../getlyrics/, .../getalbuminfo2/
"""

from __future__ import annotations

from partwise.web.server import Server
from partwise.web.subsonic.entries import FOLDER_ID
from partwise.web.subsonic.requests import Params, required
from partwise.web.subsonic.responses import Answer, Code, Failure, there

EXTENSIONS = (
    *("apiKeyAuthentication", "formPost", "sonicSimilarity"),
    *("topSongsByArtistId", "transcodeOffset"),
)


def ping(server: Server, params: Params) -> Answer:
    return {}


def get_license(server: Server, params: Params) -> Answer:
    return {"license": {"valid": True}}


def get_open_subsonic_extensions(server: Server, params: Params) -> Answer:
    return {"openSubsonicExtensions": [{"name": name, "versions": [1]} for name in EXTENSIONS]}


def token_info(server: Server, params: Params) -> Answer:
    """The API key was checked before; it is the server's own, not of one of several users."""
    required(params, "apiKey")
    return {"tokenInfo": {"username": params.user}}


def get_user(server: Server, params: Params) -> Answer:
    """Whoever knows the secret is the one user, by whatever name; nobody administers others."""
    name = required(params, "username", empty=False)
    may = {"scrobblingEnabled", "downloadRole", "playlistRole", "streamRole"}
    may_not = {
        *("adminRole", "settingsRole", "uploadRole", "coverArtRole", "commentRole"),
        *("podcastRole", "jukeboxRole", "shareRole", "videoConversionRole"),
    }
    rights = {right: right in may for right in sorted(may | may_not)}
    return {"user": {"username": name, **rights, "folder": [FOLDER_ID]}}


def get_scan_status(server: Server, params: Params) -> Answer:
    job = server.jobs.job
    running = job is not None and job.state == "running"
    return {"scanStatus": {"scanning": running, "count": len(server.collection.catalogue)}}


def start_scan(server: Server, params: Params) -> Answer:
    raise Failure(
        Code.NOT_AUTHORISED, "Players start no indexing run: use the page, or `partwise index`."
    )


def get_lyrics(server: Server, params: Params) -> Answer:
    """The library keeps no words of songs."""
    return {"lyrics": {"value": ""}}


def get_album_info(server: Server, params: Params) -> Answer:
    """The library knows of albums what their songs' tags say, and nothing more."""
    there(server.collection.songs(required(params, "id")), "album or song")
    return {"albumInfo": {}}


METHODS = {
    "ping": ping,
    "getLicense": get_license,
    "getOpenSubsonicExtensions": get_open_subsonic_extensions,
    "tokenInfo": token_info,
    "getUser": get_user,
    "getScanStatus": get_scan_status,
    "startScan": start_scan,
    "getLyrics": get_lyrics,
    "getAlbumInfo": get_album_info,
    "getAlbumInfo2": get_album_info,
}
