"""Title, artist, album and year as the file itself gives them."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Tags:
    """What a file's tags say; None where they say nothing."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    year: int | None = None


NO_TAGS = Tags()


def read_tags(path: str) -> Tags:
    """Tags of any format that mutagen knows. Never raises: bad tags are no tags.

    Several artists are joined with a semicolon. The year is the first four digits of the date.
    """
    import mutagen

    try:
        file = mutagen.File(path, easy=True)  # type: ignore[attr-defined]
    except Exception:  # a tag parser meets any bytes at all; no tag is worth losing a recording
        return NO_TAGS
    if file is None or not file.tags:
        return NO_TAGS
    if type(file).__name__ in _UNEASY:
        return _from_uneasy(file.tags)
    return Tags(
        title=_text(file.tags, "title"),
        artist=_text(file.tags, "artist", "albumartist"),
        album=_text(file.tags, "album"),
        year=_year(_text(file.tags, "date", "originaldate", "year")),
    )


# Formats for which mutagen has no "easy" names: WAV and AIFF carry ID3 frames, ASF its own keys.
_UNEASY = {"WAVE", "AIFF", "ASF", "DSF"}


def _from_uneasy(tags: object) -> Tags:
    return Tags(
        title=_text(tags, "TIT2", "Title"),
        artist=_text(tags, "TPE1", "TPE2", "Author", "WM/AlbumArtist"),
        album=_text(tags, "TALB", "WM/AlbumTitle"),
        year=_year(_text(tags, "TDRC", "TYER", "WM/Year")),
    )


def _text(tags: object, *keys: str) -> str | None:
    for key in keys:
        try:
            value = tags[key]  # type: ignore[index]
        except Exception:  # missing, or a key that this kind of tag does not accept
            continue
        values = getattr(value, "text", value)
        if isinstance(values, (str, bytes)) or not hasattr(values, "__iter__"):
            values = [values]
        text = "; ".join(filter(None, (_clean(str(v)) for v in values)))
        if text:
            return text
    return None


def _clean(text: str) -> str:
    """Valid UTF-8 on one line; tags may hold lone surrogates, NULs and line breaks."""
    text = text.encode("utf-8", errors="replace").decode("utf-8").replace("\x00", " ")
    return " ".join(text.split())


def _year(text: str | None) -> int | None:
    found = re.search(r"(?<!\d)\d{4}(?!\d)", text or "")
    year = int(found.group()) if found else 0
    return year if year > 0 else None
