"""A song as its server tells of it: https://opensubsonic.netlify.app/docs/responses/child/."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from partwise.audio.tags import Tags

_LONGEST_ID = 500
_MOST = 2**62  # what the tables hold
_SUFFIX = re.compile(r"[a-z0-9]{1,8}", re.ASCII)
# Finer than microseconds, which some servers write.
_TOO_FINE = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True, slots=True)
class ServerSong:
    """One song.

    size : bytes of its file, 0 where the server does not say. created_ns : when the server took it
    in, nanoseconds since 1970, 0 where it does not say. suffix : ending of its file, "" if unknown.
    artists : (id, name) of each; the id is "" where the server has none.
    """

    song_id: str
    tags: Tags
    duration_s: float = 0.0
    size: int = 0
    created_ns: int = 0
    suffix: str = ""
    artists: tuple[tuple[str, str], ...] = ()


def song_of(value: Any) -> ServerSong | None:
    """From the ``child`` of an answer; None for what is no song: a folder, a video, a mere name."""
    if not isinstance(value, Mapping) or value.get("isDir") is True or value.get("isVideo") is True:
        return None
    song_id = _text(value.get("id"))
    if not song_id or len(song_id) > _LONGEST_ID:
        return None
    suffix = _text(value.get("suffix")).lower()
    return ServerSong(
        song_id,
        Tags(
            _text(value.get("title")) or None,
            _text(value.get("artist")) or None,
            _text(value.get("album")) or None,
            _number(value.get("year"), 9999) or None,
            genre=_text(value.get("genre")) or None,
        ),
        duration_s=float(_number(value.get("duration"))),
        size=_number(value.get("size")),
        created_ns=_created_ns(_text(value.get("created"))),
        suffix=suffix if _SUFFIX.fullmatch(suffix) else "",
        artists=_artists(value),
    )


def _artists(value: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Those of the track, or the one that older servers name."""
    found: dict[str, str] = {}
    listed = value.get("artists")
    for one in listed if isinstance(listed, list) else []:
        if isinstance(one, Mapping) and _text(one.get("name")):
            found.setdefault(_text(one.get("name")), _text(one.get("id")))
    if not found and _text(value.get("artist")):
        found[_text(value.get("artist"))] = _text(value.get("artistId"))
    return tuple((artist_id, name) for name, artist_id in found.items())


def _text(value: Any) -> str:
    """Text, also of servers that write ids as numbers; never half a character."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return str(value).encode("utf-8", "replace").decode().strip()


def _number(value: Any, most: int = _MOST) -> int:
    """A whole number from 0 to ``most``; 0 for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        return 0
    return int(value) if 0 <= value <= most else 0


def _created_ns(text: str) -> int:
    try:
        moment = datetime.fromisoformat(_TOO_FINE.sub(r"\1", text))
    except ValueError:
        return 0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    whole = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return min(max(0, whole) * 1000, _MOST)
