"""The addresses under /rest: with and without ``.view``, by GET and by POST.

Specification: https://opensubsonic.netlify.app/docs/opensubsonic-api/. This is the part of it that
a player needs to find songs, hear them, and ask what sounds alike; browsing, playlists, ratings
and users are not here.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from partwise.errors import PartwiseError
from partwise.library.media.covers import find_cover
from partwise.web.server import NotHere, Server, server_of
from partwise.web.subsonic.auth import check_request
from partwise.web.subsonic.params import number, optional_number, read_params, required
from partwise.web.subsonic.responses import Code, Failure, check_format, failure, success
from partwise.web.subsonic.similar import (
    find_sonic_path,
    get_similar_songs,
    get_sonic_similar_tracks,
)
from partwise.web.subsonic.songs import child, content_type_of, of_years

router = APIRouter()

Params = Mapping[str, str]
Answer = dict[str, Any] | Response

# A player that copies the whole library asks for page after page of this size at most.
MAX_SONGS = 5000
EXTENSIONS = ("apiKeyAuthentication", "formPost", "sonicSimilarity")
OPEN_TO_ALL = "getOpenSubsonicExtensions"


@router.api_route("/rest/{name}", methods=["GET", "HEAD", "POST"], include_in_schema=False)
async def rest(request: Request, name: str) -> Response:
    """Any method of the API, by its name."""
    params: Params = request.query_params
    method = name.removesuffix(".view")
    token = request.app.state.settings.token
    try:
        params = await read_params(request)
        if method not in METHODS:
            error = Failure(Code.GENERIC, "This server has no such method.")
            return failure(params, error, status_code=404)
        if method != OPEN_TO_ALL:
            check_request(params, token)
        check_format(params, guarded=token is not None)
        answer = await run_in_threadpool(METHODS[method], server_of(request), params)
    except Failure as error:
        return failure(params, error)
    except NotHere as error:
        return failure(params, Failure(Code.NOT_FOUND, _sentence(error)))
    except PartwiseError as error:
        return failure(params, Failure(Code.GENERIC, _sentence(error)))
    return answer if isinstance(answer, Response) else success(params, answer)


def _sentence(error: PartwiseError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:].rstrip(".") + "."


# --- System


def ping(server: Server, params: Params) -> Answer:
    return {}


def get_license(server: Server, params: Params) -> Answer:
    return {"license": {"valid": True}}


def get_open_subsonic_extensions(server: Server, params: Params) -> Answer:
    return {"openSubsonicExtensions": [{"name": name, "versions": [1]} for name in EXTENSIONS]}


def token_info(server: Server, params: Params) -> Answer:
    """The API key was checked before; it is the server's own, not of one of several users."""
    required(params, "apiKey")
    return {"tokenInfo": {"username": "partwise"}}


# --- Browsing and searching


def get_music_folders(server: Server, params: Params) -> Answer:
    return {"musicFolders": {"musicFolder": [{"id": 1, "name": "partwise"}]}}


def get_song(server: Server, params: Params) -> Answer:
    track = server.library.catalogue.get(required(params, "id"))
    if track is None:
        raise Failure(Code.NOT_FOUND, "There is no song with this id in the library.")
    return {"song": child(track)}


def get_random_songs(server: Server, params: Params) -> Answer:
    size = number(params, "size", 10, least=0, most=500)
    years = optional_number(params, "fromYear"), optional_number(params, "toYear")
    # Genres are not among what the library knows, so no song is of any.
    there = {} if params.get("genre") else server.library.catalogue
    tracks = of_years(there.values(), *years)
    chosen = random.sample(tracks, min(size, len(tracks)))
    return {"randomSongs": {"song": [child(track) for track in chosen]}}


def search3(server: Server, params: Params) -> Answer:
    """Songs alone: the library keeps no list of artists or albums.

    An empty text, also written ``""``, asks for everything, by path: players copy a library so.
    """
    count = number(params, "songCount", 20, least=0, most=MAX_SONGS)
    offset = number(params, "songOffset", 0, least=0, most=10**9)
    text = required(params, "query").strip(' "*')
    if text:
        found = server.library.matcher.find(text, count, offset)
    else:
        tracks = server.library.catalogue.values()
        found = sorted(tracks, key=lambda track: track.paths)[offset : offset + count]
    songs = [child(track) for track in found]
    return {"searchResult3": {"artist": [], "album": [], "song": songs}}


# --- Media


def stream(server: Server, params: Params) -> Answer:
    """The file as it is. Nothing is transcoded here, whatever bit rate or format is preferred."""
    song = server.song(required(params, "id"))
    return FileResponse(song.path, media_type=content_type_of(song.path))


def download(server: Server, params: Params) -> Answer:
    song = server.song(required(params, "id"))
    name = song.path.name.encode("utf-8", "replace").decode("utf-8")
    return FileResponse(song.path, media_type=content_type_of(song.path), filename=name)


def get_cover_art(server: Server, params: Params) -> Answer:
    cover = find_cover(server.song(required(params, "id")).path)
    if cover is None:
        raise Failure(Code.NOT_FOUND, "This song has no cover.")
    return Response(cover.data, media_type=cover.media_type)


METHODS: dict[str, Callable[[Server, Params], Answer]] = {
    "ping": ping,
    "getLicense": get_license,
    OPEN_TO_ALL: get_open_subsonic_extensions,
    "tokenInfo": token_info,
    "getMusicFolders": get_music_folders,
    "getSong": get_song,
    "getRandomSongs": get_random_songs,
    "search3": search3,
    "stream": stream,
    "download": download,
    "getCoverArt": get_cover_art,
    "getSonicSimilarTracks": get_sonic_similar_tracks,
    "findSonicPath": find_sonic_path,
    "getSimilarSongs": partial(get_similar_songs, name="similarSongs"),
    "getSimilarSongs2": partial(get_similar_songs, name="similarSongs2"),
}
