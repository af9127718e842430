"""Tracks of the library as ``Child`` objects.

Specification: https://opensubsonic.netlify.app/docs/responses/child/
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from partwise.audio.types import type_of
from partwise.library.media.covers import has_cover
from partwise.library.tables.catalogue import Track, existing
from partwise.paths import shown

UNKNOWN_TYPE = "application/octet-stream"


def child(track: Track) -> dict[str, Any]:
    """A track as players know songs. Fields of which the library knows nothing are left out.

    The path is the full one, so that a song can be found again in another server's library.
    """
    files = existing(track.paths) or track.paths
    path, tags = Path(files[0]), track.tags
    song: dict[str, Any] = {
        "id": track.track_id,
        "isDir": False,
        "title": track.title,
        "isVideo": False,
        "type": "music",
        "mediaType": "song",
        "duration": round(track.duration_s),
        "path": shown(path),
        "contentType": content_type_of(path),
    }
    optional = {
        "album": tags.album,
        "artist": tags.artist,
        "displayArtist": tags.artist,
        "year": tags.year,
        "suffix": path.suffix.removeprefix(".").lower() or None,
        "size": _size(path),
        "coverArt": track.track_id if has_cover(path) else None,
    }
    return song | {name: value for name, value in optional.items() if value is not None}


def content_type_of(path: Path) -> str:
    """Media type by the ending of a file's name."""
    promised = type_of(path)
    return UNKNOWN_TYPE if promised is None else promised.media_type


def of_years(
    tracks: Iterable[Track], first: int | None = None, last: int | None = None
) -> list[Track]:
    """Tracks of these years, both included; a track without a year only when none is asked for."""
    if first is None and last is None:
        return list(tracks)
    return [
        track
        for track in tracks
        if track.tags.year is not None
        and (first is None or first <= track.tags.year)
        and (last is None or track.tags.year <= last)
    ]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None
