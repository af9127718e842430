"""``/api/v1``: hits as a playlist for any player."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from fastapi import APIRouter, Depends
from starlette.responses import Response

from partwise.library.media.playlists import Entry, m3u8_bytes, xspf_bytes
from partwise.web.schemas import JSON_ERRORS, PlaylistAsked, error_answers
from partwise.web.shared import Shared, shared_of

router = APIRouter(prefix="/api/v1", tags=["playlists"])

_MEDIA_TYPES = {"m3u8": "application/vnd.apple.mpegurl", "xspf": "application/xspf+xml"}
_FILE = {"schema": {"type": "string", "format": "binary"}}


@router.post(
    "/playlists",
    response_class=Response,
    responses={
        200: {
            "description": "The playlist.",
            "content": dict.fromkeys(_MEDIA_TYPES.values(), _FILE),
        },
        **error_answers(404, *JSON_ERRORS),
    },
)
def playlist(asked: PlaylistAsked, shared: Shared = Depends(shared_of)) -> Response:
    """A playlist of library tracks as a file, with absolute paths on the server's machine."""
    entries = []
    for track_id in asked.track_ids:
        track = shared.state.track(track_id)
        tags = track.tags
        path = shared.state.file_of(track)
        entries.append(Entry(path, tags.title, tags.artist, tags.album, track.duration_s))
    write = m3u8_bytes if asked.format == "m3u8" else partial(xspf_bytes, title=asked.title)
    name = asked.title.strip().replace("/", "-").replace("\\", "-").strip(".") or "partwise"
    plain = "".join(sign if sign.isascii() and sign not in '";%' else "_" for sign in name)
    disposition = (
        f'attachment; filename="{plain}.{asked.format}"; '
        f"filename*=UTF-8''{quote(name, safe='')}.{asked.format}"
    )
    return Response(
        write(entries),
        media_type=_MEDIA_TYPES[asked.format],
        headers={"Content-Disposition": disposition},
    )
