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
from partwise.library.search.hits import Hit
from partwise.library.search.journey import DEFAULT_COUNT, MAX_COUNT, Step
from partwise.library.search.query import Query, Seed
from partwise.library.search.searcher import SearchOptions
from partwise.library.tables.catalogue import Track
from partwise.web.responses import NotHere
from partwise.web.server import Server, server_of
from partwise.web.subsonic.requests import (
    check_request,
    number,
    optional_number,
    part_weights,
    read_params,
    required,
)
from partwise.web.subsonic.responses import (
    Code,
    Failure,
    check_format,
    child,
    content_type_of,
    failure,
    success,
)

router = APIRouter()

Params = Mapping[str, str]
Answer = dict[str, Any] | Response

# A player that copies the whole library asks for page after page of this size at most.
MAX_SONGS = 5000
MAX_SIMILAR = 500
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
    return {"song": child(_known(server, required(params, "id")))}


def get_random_songs(server: Server, params: Params) -> Answer:
    size = number(params, "size", 10, least=0, most=500)
    first, last = optional_number(params, "fromYear"), optional_number(params, "toYear")
    # Genres are not among what the library knows, so no song is of any.
    tracks = [] if params.get("genre") else list(server.library.catalogue.values())
    if (first, last) != (None, None):  # both included; a song without a year is of none
        first, last = first or 0, 10**9 if last is None else last
        tracks = [one for one in tracks if one.tags.year and first <= one.tags.year <= last]
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


# --- Songs that sound alike, and paths between songs: the extension sonicSimilarity, version 1
#
# https://opensubsonic.netlify.app/docs/extensions/sonicsimilarity/,
# .../endpoints/getsonicsimilartracks/, .../endpoints/findsonicpath/, .../responses/sonicmatch/
#
# There similarity is 1.0 for the same song and 0.0 for the most different. Scores of this library
# are -1..1, and one below 0 means no more than "nothing alike"; so similarity is the score, or 0
# when that is less. It is 1.0 for a song and itself under any weights.


def get_sonic_similar_tracks(server: Server, params: Params) -> Answer:
    """``id``, ``count`` (10), and ``parts`` as part weights; most similar first.

    Which tracks: those that a search gives. Tracks that lack a wanted part come up only when there
    are not enough that have it, but in the answer they stand where their similarity puts them.
    """
    hits = _hits(server, params, default_count=10)
    hits.sort(key=lambda hit: -hit.score)
    return {
        "sonicMatch": [
            {"entry": _entry(hit), "similarity": similarity_of(hit.score)} for hit in hits
        ]
    }


def find_sonic_path(server: Server, params: Params) -> Answer:
    """``startSongId``, ``endSongId``, ``count`` (25), and ``parts``; similarity is to the start."""
    ends = [required(params, name) for name in ("startSongId", "endSongId")]
    count = number(params, "count", DEFAULT_COUNT, least=2, most=MAX_COUNT)
    weights = part_weights(params)
    for song_id in ends:
        _known(server, song_id)
    steps = server.library.journey(*ends, count=count, weights=weights)
    return {
        "sonicMatch": [
            {"entry": _entry(step), "similarity": similarity_of(step.similarity)} for step in steps
        ]
    }


def get_similar_songs(server: Server, params: Params, name: str) -> Answer:
    """For players that know no more: the same songs, without numbers. ``id`` is a song's."""
    hits = _hits(server, params, default_count=50)
    return {name: {"song": [_entry(hit) for hit in hits]}}


def similarity_of(score: float) -> float:
    """Our score, -1..1, as the specification's similarity, 0..1."""
    return round(min(max(score, 0.0), 1.0), 6)


def _hits(server: Server, params: Params, default_count: int) -> list[Hit]:
    song_id = required(params, "id")
    count = number(params, "count", default_count, least=1, most=MAX_SIMILAR)
    asked = part_weights(params)
    track = _known(server, song_id)
    query = Query.of([Seed.of(server.segments(song_id), track.title, song_id)])
    searcher = server.library.searcher
    return searcher.search(query, query.weights(asked), SearchOptions(top=count, moments=0))


def _known(server: Server, song_id: str) -> Track:
    track = server.library.catalogue.get(song_id)
    if track is None:
        raise Failure(Code.NOT_FOUND, "There is no song with this id in the library.")
    return track


def _entry(found: Hit | Step) -> dict[str, Any]:
    """From what was found alone: the catalogue may have changed since."""
    return child(Track(found.track_id, (str(found.path),), found.tags, found.duration_s))


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
