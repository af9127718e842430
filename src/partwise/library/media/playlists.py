"""Playlists of files, for any player: M3U8 and XSPF, with paths relative to the playlist.

What has no place of its own, such as a download or a pipe, gets absolute paths.

A playlist must stay readable whatever the names in it: a path that cannot stand in a UTF-8 line
(odd bytes, a line break) is written to M3U8 as a percent-encoded ``file://`` address; XSPF
addresses are always percent-encoded. A song on a server stands there by its address, which tells
where it is and which no player can open.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes
from xml.etree import ElementTree

from partwise.atomic import followed, is_plain, replacing
from partwise.errors import PartwiseError
from partwise.paths import is_address, path_to_text

XSPF_NAMESPACE = "http://xspf.org/ns/0/"
# What XML 1.0 cannot hold, not even as a character reference; lone surrogates are odd bytes.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


@dataclass(frozen=True)
class Entry:
    """One line of a playlist.

    path : where the file is. duration_s : its length, None if not known.
    """

    path: str | Path
    title: str | None = None
    artist: str | None = None
    album: str | None = None
    duration_s: float | None = None

    @property
    def label(self) -> str:
        """``Artist - Title``, or the file's name without its ending."""
        if self.title:
            return f"{self.artist} - {self.title}" if self.artist else self.title
        return os.fsencode(Path(self.path).stem).decode("utf-8", "surrogateescape")


def write_m3u8(out: str | Path, entries: Sequence[Entry]) -> None:
    """Write an extended M3U playlist in UTF-8, atomically. Raises PartwiseError if it cannot."""
    _write(out, lambda seen_from: m3u8_bytes(entries, seen_from))


def write_xspf(out: str | Path, entries: Sequence[Entry], title: str | None = None) -> None:
    """Write an XSPF (version 1) playlist, atomically. Raises PartwiseError if it cannot."""
    _write(out, lambda seen_from: xspf_bytes(entries, seen_from, title))


def common_folder(paths: Iterable[str]) -> str | None:
    """The folder that all these files are below; None where that is the whole disk, or none is.

    A playlist of them that may be carried to another machine has its paths from there.
    """
    ordered = sorted(paths)
    if not ordered:
        return None
    try:  # what the first and the last have in common all have
        folder = os.path.commonpath([os.path.dirname(ordered[0]), os.path.dirname(ordered[-1])])
    except ValueError:  # on other drives
        return None
    return None if folder == os.path.dirname(folder) else folder


def m3u8_bytes(
    entries: Sequence[Entry], out: str | Path | None = None, title: str | None = None
) -> bytes:
    """An extended M3U playlist. out : the file that it will be; None for absolute paths."""
    lines = ["#EXTM3U"]
    if title:
        lines.append(f"#PLAYLIST:{_one_line(title)}")
    for entry in entries:
        seconds = -1 if entry.duration_s is None else round(entry.duration_s)
        lines += [f"#EXTINF:{seconds},{_one_line(entry.label)}", _m3u_path(entry.path, out)]
    return ("\n".join(lines) + "\n").encode("utf-8")


def xspf_bytes(
    entries: Sequence[Entry], out: str | Path | None = None, title: str | None = None
) -> bytes:
    """An XSPF playlist. out : the file that it will be; None for absolute addresses."""
    playlist = ElementTree.Element("playlist", {"version": "1", "xmlns": XSPF_NAMESPACE})
    if title:
        ElementTree.SubElement(playlist, "title").text = _xml_text(title)
    tracks = ElementTree.SubElement(playlist, "trackList")
    for entry in entries:
        track = ElementTree.SubElement(tracks, "track")
        ElementTree.SubElement(track, "location").text = _address(entry.path, out)
        for name, text in (
            ("title", entry.title or entry.label),
            ("creator", entry.artist),
            ("album", entry.album),
        ):
            if text:
                ElementTree.SubElement(track, name).text = _xml_text(text)
        if entry.duration_s is not None:
            ElementTree.SubElement(track, "duration").text = str(round(entry.duration_s * 1000))
    ElementTree.indent(playlist)
    return ElementTree.tostring(playlist, encoding="UTF-8", xml_declaration=True) + b"\n"


def relative_path(path: str | Path, out: str | Path) -> str | None:
    """``path`` as seen from the folder of the playlist ``out``; None where no such path exists.

    Both folders are resolved first: a system that follows ``..`` out of a linked folder leaves
    it by the real parent, so only real folders give a path that works.
    """
    target = os.path.abspath(path)
    real = os.path.join(os.path.realpath(os.path.dirname(target)), os.path.basename(target))
    try:
        return os.path.relpath(real, os.path.realpath(os.path.dirname(os.path.abspath(out))))
    except ValueError:  # another drive on Windows
        return None


def _m3u_path(path: str | Path, out: str | Path | None) -> str:
    if is_address(path):
        return path_to_text(path)
    relative = None if out is None else relative_path(path, out)
    name = _utf8(os.path.abspath(path) if relative is None else relative)
    if name is None or _BREAKS.search(name) or name != name.rstrip():
        return _file_address(path)
    if relative is None:
        return name
    # Players everywhere take slashes, those of other systems no backslashes.
    name = name.replace(os.sep, "/")
    # A line that starts with "#" is a comment, "name:" could be an address, spaces get stripped.
    first = name.split("/", 1)[0]
    if name.startswith("#") or ":" in first or name != name.lstrip():
        return f"./{name}"
    return name


def _address(path: str | Path, out: str | Path | None) -> str:
    """A URI reference relative to the playlist: every byte outside the unreserved set encoded."""
    if is_address(path):
        return path_to_text(path)
    relative = None if out is None else relative_path(path, out)
    if relative is None:
        return _file_address(path)
    return quote_from_bytes(os.fsencode(relative.replace(os.sep, "/")), safe="/-._~")


def _file_address(path: str | Path) -> str:
    absolute = os.path.abspath(path).replace(os.sep, "/")
    quoted = quote_from_bytes(os.fsencode(absolute), safe="/:-._~")
    if absolute.startswith("//"):  # \\server\share: the server is the host of the address
        return f"file:{quoted}"
    return f"file://{'' if absolute.startswith('/') else '/'}{quoted}"


def _utf8(path: str) -> str | None:
    """A path whose bytes are UTF-8, as text; None for any other."""
    try:
        return os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _one_line(text: str) -> str:
    return _BREAKS.sub(" ", text.encode("utf-8", "replace").decode("utf-8")).strip()


def _xml_text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _write(out: str | Path, of: Callable[[Path | None], bytes]) -> None:
    """of : makes the playlist, from the file that its paths are relative to or None."""
    out = Path(out)
    if out.is_dir():
        raise PartwiseError(f"cannot write the playlist {out}: it is a folder")
    try:
        data = of(out if _has_a_place(out) else None)
        with replacing(out) as file:
            file.write(data)
    except OSError as error:
        cause = error.strerror or error
        raise PartwiseError(f"cannot write the playlist {out}: {cause}") from error


def _has_a_place(out: Path) -> bool:
    """Whether relative paths lead from it: not from a pipe, nor from two folders at once, that of a
    link and that of the file that it leads to."""
    return is_plain(out) and os.path.dirname(str(followed(out))) == os.path.realpath(out.parent)
