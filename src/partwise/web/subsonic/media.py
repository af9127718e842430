"""The recording itself, as it is or encoded anew, and its cover.

Specification: https://opensubsonic.netlify.app/docs/endpoints/stream/, .../download/,
.../getcoverart/, and https://opensubsonic.netlify.app/docs/extensions/transcodeoffset/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse

from partwise.library.media.covers import Cover, find_cover
from partwise.web.responses import NotHere
from partwise.web.server import Server
from partwise.web.subsonic.entries import content_type_of, suffix_of
from partwise.web.subsonic.requests import Params, number, required
from partwise.web.subsonic.responses import Answer, Code, Failure
from partwise.web.transcode import Growing, wanted

# How many songs of an album or a playlist are looked at for a picture.
_MOST_LOOKED_AT = 20
_KEEP_A_DAY = {"cache-control": "private, max-age=86400"}


async def stream(server: Server, params: Params, request: Request) -> Response:
    """The file as it is, with ranges, or encoded anew for ``format`` and ``maxBitRate``.

    ``timeOffset`` is in seconds. What is encoded comes in pieces, without a length, until all of it
    is there; then it is a file like any other.
    """
    song = await run_in_threadpool(server.song, required(params, "id"))
    most_kbps = number(params, "maxBitRate", 0, least=0, most=10_000)
    start_s = number(params, "timeOffset", 0, least=0, most=10**6)
    size = (await run_in_threadpool(song.path.stat)).st_size
    kbps = size * 8 / 1000 / max(song.duration_s, 1.0)
    asked = params.get("format", "").strip().lower()
    how = wanted(suffix_of(song.path), kbps, asked, most_kbps, start_s)
    if how is None:
        return FileResponse(song.path, media_type=content_type_of(song.path))
    if request.method == "HEAD":
        return Response(media_type=how.format.media_type)
    found = await run_in_threadpool(server.transcoder.open, song, how)
    if not isinstance(found, Growing):
        return FileResponse(found, media_type=how.format.media_type)
    await found.begun(request.is_disconnected)
    return StreamingResponse(
        found.chunks(), media_type=how.format.media_type, headers={"accept-ranges": "none"}
    )


def download(server: Server, params: Params) -> Answer:
    song = server.song(required(params, "id"))
    name = song.path.name.encode("utf-8", "replace").decode("utf-8")
    return FileResponse(song.path, media_type=content_type_of(song.path), filename=name)


def get_cover_art(server: Server, params: Params) -> Answer:
    """``id`` of a song, an album, an artist or a playlist; ``size`` of the longer side."""
    some_id = required(params, "id")
    size = number(params, "size", 0, least=0, most=10_000)
    songs = server.collection.songs(some_id)
    if songs is None and (playlist := server.marks.playlist(some_id)) is not None:
        songs = playlist.track_ids
    if songs is None:
        raise Failure(Code.NOT_FOUND, "There is nothing with this id that could have a cover.")
    cover = next(_covers(server, songs[:_MOST_LOOKED_AT]), None)
    if cover is None:
        raise Failure(Code.NOT_FOUND, "There is no cover.")
    if size:
        cover = server.pictures.scaled(cover, size)
    return Response(cover.data, media_type=cover.media_type, headers=_KEEP_A_DAY)


def _covers(server: Server, songs: Iterable[str]) -> Iterator[Cover]:
    for song_id in songs:
        try:
            cover = find_cover(server.song(song_id).path)
        except NotHere:
            continue
        if cover is not None:
            yield cover


METHODS = {"download": download, "getCoverArt": get_cover_art}
# These see to their threads themselves.
ASYNC_METHODS = {"stream": stream}
