"""Title, artist, album, year and genre as the file itself gives them.

A file may have tags of several kinds (``tag_blocks``). Each field is taken from the first that says
something: the tags of the file's own format (for WAV and AIFF an ID3 chunk before their own), ID3v2
in front, APEv2, ID3v1; where these tell no title or no artist, what FFmpeg finds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from partwise.audio.dates import year_of
from partwise.audio.tag_blocks import Id3, tag_blocks, tags_of_ffmpeg
from partwise.errors import PartwiseError


@dataclass(frozen=True)
class Tags:
    """What a file's tags say; None where they say nothing."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    year: int | None = None
    genre: str | None = None

    @property
    def artists(self) -> tuple[str, ...]:
        """Who ``artist`` names.

        ``;``, a slash between blanks, and "feat.", "ft." or "featuring" stand between artists.
        Commas, ``&`` and other slashes do not: they are in the names of many. "Various artists"
        and "unknown" name nobody.
        """
        apart = _SEPARATOR.split(_IN_BRACKETS.sub(r" ; \1 ; ", self.artist or ""))
        names = dict.fromkeys(filter(None, map(str.strip, apart)))
        return tuple(name for name in names if name.casefold() not in _NOBODY)

    @property
    def genres(self) -> tuple[str, ...]:
        """What ``genre`` names; ``;``, commas, and a slash between blanks stand between them."""
        apart = _BETWEEN_GENRES.split(self.genre or "")
        return tuple(dict.fromkeys(filter(None, map(str.strip, apart))))


NO_TAGS = Tags()

_NOBODY = {"various artists", "various", "unknown artist", "unknown"}
_GUEST = r"(?:(?i:feat\.|ft\.)\s*|(?:(?i:featuring)|feat|ft)\s+)(?=\S)"
_IN_BRACKETS = re.compile(rf"[(\[]{_GUEST}([^)\]]*)[)\]]")
_SEPARATOR = re.compile(rf";|\s/\s|\s{_GUEST}")
_BETWEEN_GENRES = re.compile(r"[;,]|\s/\s")

# What each kind of tags calls a field, in small letters; the first of a line that is there counts.
_TITLE = ("tit2", "title", "©nam", "track/title")
_ARTISTS = ("artists",)
_ARTIST = ("tpe1", "artist", "©art", "author", "track/artist")
_ALBUM_ARTIST = (
    *("tpe2", "albumartist", "album artist", "album_artist", "aart", "wm/albumartist"),
    *("album/artist", "performer"),
)
_ALBUM = ("talb", "album", "©alb", "wm/albumtitle", "album/title", "product")
_DATE = (
    *("tdrc", "tyer", "date", "year", "©day", "wm/year", "date_recorded", "recorded date"),
    *("date_released", "tdrl"),
)
_FIRST_DATE = (
    *("tdor", "tory", "originaldate", "originalyear", "original date", "original year"),
    *("wm/originalreleasetime", "wm/originalreleaseyear"),
)
_GENRE = ("tcon", "genre", "©gen", "wm/genre", "track/genre")
_NAMES = {*_TITLE, *_ARTISTS, *_ARTIST, *_ALBUM_ARTIST, *_ALBUM, *_DATE, *_FIRST_DATE, *_GENRE}
_NAMES_OF_ID3 = {"TXXX", *map(str.upper, _NAMES)}

_Texts = dict[str, list[str]]


def read_tags(path: str, encoding: str | None = None) -> Tags:
    """Tags of any file. Never raises: bad tags are no tags.

    Several artists are joined with a semicolon.

    encoding : of texts that do not tell theirs and are no UTF-8 (ID3v1, Latin-1 in ID3v2, INFO of
        a WAV); None for that of Western Windows.
    """
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed below)
    except (OSError, ValueError):
        return NO_TAGS
    with file:
        found = [_texts(block, encoding) for block in tag_blocks(file)]
        if not (_text(found, _TITLE) and _text(found, _ARTIST)):
            found.append(_texts(tags_of_ffmpeg(file), encoding))
    artists = next(_values(found, _ARTISTS), [])
    return Tags(
        title=_text(found, _TITLE),
        artist=_joined(artists)
        if len(artists) > 1
        else _text(found, _ARTIST) or _text(found, _ALBUM_ARTIST),
        album=_text(found, _ALBUM),
        year=_year(found, _DATE) or _year(found, _FIRST_DATE),
        genre=_genre(found),
    )


def check_encoding(name: str) -> str:
    """Raises PartwiseError for a name of no encoding that old tags can be in."""
    try:
        if b"Ab 1".decode(name) == "Ab 1":
            return name
    except (LookupError, ValueError):
        pass
    raise PartwiseError(
        f"{name!r} is no encoding that old tags can be in: write for example cp1251 (Cyrillic),"
        " shift_jis or gbk"
    )


def _texts(block: Any, encoding: str | None) -> _Texts:
    """The texts of a block by the names in ``_NAMES``."""
    if isinstance(block, Id3):
        return _texts_of_id3(block, encoding)
    tags = getattr(block, "tags", block)
    found: _Texts = {}
    if tags is None:
        return found
    for key in list(tags.keys()):
        name = key.rpartition(":")[2].lower()  # MP4 has "----:com.apple.iTunes:ARTISTS"
        if name in _NAMES:
            with suppress(Exception):  # a kind of value that is no text
                found.setdefault(name, []).extend(_cleaned(_strings(tags[key], encoding)))
    return found


def _texts_of_id3(block: Id3, encoding: str | None) -> _Texts:
    found: _Texts = {}
    for key in _NAMES_OF_ID3 & block.keys():
        for contents in block[key]:
            texts = _id3_strings(contents, encoding)
            # The first text of TXXX is a name.
            name = texts.pop(0).lower() if key == "TXXX" else key.lower()
            if name in _NAMES:
                found.setdefault(name, []).extend(_cleaned(texts))
    return found


def _strings(value: Any, encoding: str | None) -> Iterable[str]:
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        value = [value]
    return [_decoded(v, encoding) if isinstance(v, bytes) else str(v) for v in value]


def _id3_strings(contents: bytes, encoding: str | None) -> list[str]:
    """The texts of an ID3 frame: a byte for their encoding, and NUL between them."""
    kind, raw = contents[:1], contents[1:]
    if kind == b"\0":
        return [_decoded(text, encoding) for text in raw.split(b"\0")]
    codec = {b"\1": "utf-16", b"\2": "utf-16-be"}.get(kind, "utf-8")
    return raw.decode(codec, "ignore").split("\0")


def _decoded(raw: bytes, encoding: str | None) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(encoding or "cp1252", "replace")


def _cleaned(texts: Iterable[str]) -> Iterator[str]:
    """Valid UTF-8 on one line each; tags may hold lone surrogates, NULs and line breaks."""
    for text in texts:
        text = text.encode("utf-8", errors="replace").decode("utf-8")
        if words := text.replace("\x00", " ").replace("\ufeff", "").split():
            yield " ".join(words)


def _values(found: Iterable[Mapping[str, list[str]]], names: Iterable[str]) -> Iterator[list[str]]:
    return (texts[name] for texts in found for name in names if texts.get(name))


def _text(found: list[_Texts], names: Iterable[str]) -> str | None:
    return next((_joined(values) for values in _values(found, names)), None)


def _joined(values: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(values))


def _genre(found: list[_Texts]) -> str | None:
    """The first genres that are told; ID3 and programs of its time write numbers for some."""
    from mutagen.id3 import TCON

    for values in _values(found, _GENRE):
        told = TCON(encoding=3, text=values).genres
        if named := [name for name in _cleaned(told) if name != "Unknown"]:
            return _joined(named)
    return None


def _year(found: list[_Texts], names: Iterable[str]) -> int | None:
    years = (year_of(text) for values in _values(found, names) for text in values)
    return next(filter(None, years), None)
