"""Where a server is: what people type, and what its songs are called in the ledger.

``subsonic://me@music.example.com/prefix`` is asked by https, ``subsonic+http://me@nas:4533`` by
plain http. A song is called ``subsonic://nas:4533/SONG-ID`` whichever of the two led to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from partwise.errors import PartwiseError

_SCHEMES = {"subsonic": True, "subsonic+https": True, "subsonic+http": False}
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?|[0-9a-f:.]+", re.ASCII)
_PREFIX = re.compile(r"(/(?!\.\.?(/|$))[A-Za-z0-9._~-]+)*")
HOW = "write it as subsonic://USER@HOST, or subsonic+http://USER@HOST:PORT for plain http"


@dataclass(frozen=True)
class ServerAddress:
    """A server, and who asks.

    host : in lower case, an IPv6 address without brackets. port : None for the usual one.
    prefix : "" or such as ``/music``, under which ``/rest`` is. user : "" where a key alone names
    who asks. tls : whether it is asked by https.
    """

    host: str
    port: int | None = None
    prefix: str = ""
    user: str = ""
    tls: bool = True

    @property
    def root(self) -> str:
        """``subsonic://host:port/prefix``: what the addresses of its songs begin with."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port is None else f":{self.port}"
        return f"subsonic://{host}{port}{self.prefix}"

    def of_song(self, song_id: str) -> str:
        """The address of a song."""
        return f"{self.root}/{quote(song_id, safe='')}"

    def __str__(self) -> str:
        scheme = "https" if self.tls else "http"
        return f"{scheme}{self.root.removeprefix('subsonic')}"


def parse_server(text: str) -> ServerAddress:
    """What was typed. Raises PartwiseError for what is none, and for a password in it."""
    scheme, mark, rest = text.strip().partition("://")
    if not mark or scheme.lower() not in _SCHEMES:
        raise PartwiseError(f"--from {_hidden(text)!r} is no address of a server: {HOW}")
    try:
        parts = urlsplit("//" + rest)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise PartwiseError(f"--from {_hidden(text)!r} is no address of a server: {HOW}") from None
    if parts.password is not None:
        raise PartwiseError(
            "--from holds a password, which everybody on this machine can read while the command"
            " runs: leave it out, and set PARTWISE_SERVER_PASSWORD or name a --password-file"
        )
    prefix = parts.path.rstrip("/").removesuffix("/rest")
    sound = _HOST.fullmatch(host) and _PREFIX.fullmatch(prefix)
    if not sound or parts.query or parts.fragment:
        raise PartwiseError(f"--from {text!r} is no address of a server: {HOW}")
    user = unquote(parts.username or "")
    return ServerAddress(host, port, prefix, user, _SCHEMES[scheme.lower()])


def parted(address: str) -> tuple[str, str]:
    """The server (``ServerAddress.root``) and the id of the song at an address."""
    root, _, song_id = address.rpartition("/")
    return root, unquote(song_id)


def _hidden(text: str) -> str:
    """Without what may be a password."""
    return re.sub(r":[^/@]*@", ":...@", text)
