"""``partwise serve``: the page, the HTTP API and the player's address, from one library."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from partwise.commands.console import LIBRARY
from partwise.errors import PartwiseError
from partwise.paths import absolute, shown

PORT = 8321
BEHIND_PROXY = typer.Option(
    "--behind-proxy",
    metavar="NAME",
    help="Name under which a reverse proxy shows this server. Whoever it lets through is let in"
    " here, unless there is a token; without this option or --token nobody is.",
)


def serve(
    library: Path | None = LIBRARY,
    host: str = typer.Option(
        "127.0.0.1", "--host", metavar="ADDRESS", help="Where to listen. 0.0.0.0: to everyone."
    ),
    port: int = typer.Option(
        PORT, "--port", metavar="N", min=0, max=65535, help="0 takes a free one."
    ),
    token: str | None = typer.Option(
        None,
        "--token",
        metavar="TEXT",
        envvar="PARTWISE_TOKEN",
        help="What clients have to know. Default: nothing on this machine, else a random one.",
    ),
    token_file: Path | None = typer.Option(
        None,
        "--token-file",
        metavar="PATH",
        envvar="PARTWISE_TOKEN_FILE",
        help="A file whose first line is the token; made, with a random one, where there is none.",
    ),
    model: Path | None = typer.Option(
        None, "--model", metavar="PATH", help="ONNX model to hear with (default: the shipped one)."
    ),
    music: list[Path] | None = typer.Option(
        None,
        "--music",
        metavar="FOLDER",
        help="Only folders inside these can be indexed from the page. Default: any folder when"
        " serving this machine only, without a token or a proxy, else none.",
    ),
    watch: list[Path] | None = typer.Option(
        None,
        "--watch",
        metavar="FOLDER",
        help="Hear this folder when the server begins, and what changes in it while it serves.",
    ),
    behind_proxy: Annotated[list[str] | None, BEHIND_PROXY] = None,
    root_path: str = typer.Option(
        "",
        "--root-path",
        metavar="PATH",
        help="Prefix under which a reverse proxy shows this server, such as /partwise.",
    ),
) -> None:
    """Serve the page and the HTTP API until Ctrl-C.

    Only this machine can reach it, unless --host says otherwise: then a token is needed, which is
    printed as part of the address to open.
    """
    # Searches run beside each other; cores that each of them took for itself would only be fought
    # over. NumPy reads this when it is first imported, which no command has done yet.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    require_packages("partwise serve")
    from partwise.library.library import Library
    from partwise.web.app import Settings, bind, create_app, make_runner
    from partwise.web.arrival import checked_root
    from partwise.web.jobs import warm
    from partwise.web.server import Server

    loopback, proxies, root = is_loopback(host), names_of(behind_proxy), checked_root(root_path)
    token = token_of(token, token_file)
    if token is None and not loopback:
        token = secrets.token_urlsafe(24)
    watched = folders_of("--watch", watch)
    folders = folders_of("--music", music)
    if folders or token is not None or proxies:
        folders += watched
    settings = Settings(
        token=token,
        hosts=hosts_of(host) if token is None else None,
        music=folders if folders or token is not None or proxies else None,
        proxies=proxies,
        root_path=root,
    )
    server = Server(Library(library, resident=True), model)
    watch_from_now_on(server.library.path, watched)
    # Threads that answer small questions are not to wait 5 ms behind each one that does not.
    sys.setswitchinterval(0.001)
    warm(server.library)
    listening = bind(host, port)
    print(f"library {shown(server.library.path)}")
    print_addresses(host, listening, f"{root}/", token)
    make_runner(create_app(server, settings)).run(sockets=[listening])


def token_of(token: str | None, file: Path | None) -> str | None:
    """The token that was given, or that of a file. Raises PartwiseError for one that cannot be."""
    option = "--token"
    if token is None and file is not None:
        option = f"--token-file {shown(file)}: its first line"
        try:
            # Only its owner may read it, so it is made with that mode and never given it later.
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as made:
                made.write(f"{secrets.token_urlsafe(24)}\n")
        except FileExistsError:
            pass
        except OSError as error:
            raise PartwiseError(f"--token-file {shown(file)}: {error.strerror}") from None
        try:
            token = file.read_text("utf-8", errors="replace").partition("\n")[0].strip()
        except OSError as error:
            raise PartwiseError(f"--token-file {shown(file)}: {error.strerror}") from None
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise PartwiseError(f"{option} must be made of visible ASCII characters, without spaces")
    return token


def folders_of(option: str, given: list[Path] | None) -> tuple[Path, ...]:
    """The folders of an option, absolute. Raises PartwiseError for one that is none."""
    folders = tuple(Path(absolute(folder)) for folder in given or ())
    for folder in folders:
        if not folder.is_dir():
            raise PartwiseError(f"{option} {shown(folder)} is not a folder")
    return folders


def watch_from_now_on(library: Path, folders: tuple[Path, ...]) -> None:
    """Note folders as watched ones, which the server hears when it begins."""
    from partwise.library.index.watch import require_watchfiles
    from partwise.library.stores.faults import storage_errors
    from partwise.library.tables.folders import set_watched

    if not folders:
        return
    require_watchfiles()
    with storage_errors(library):
        library.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        set_watched(library, os.fspath(folder), True)


def require_packages(command: str) -> None:
    """Raise PartwiseError, saying what to install, where pages cannot be served."""
    try:
        import fastapi  # noqa: F401
        import jinja2  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise PartwiseError(
            f"`{command}` needs {error.name}: pip install 'partwise[web]' -c constraints.txt"
        ) from None


def names_of(behind_proxy: list[str] | None) -> frozenset[str]:
    """The names of ``--behind-proxy``, in lower case. Raises PartwiseError for what is no name."""
    for name in behind_proxy or ():
        if not re.fullmatch(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]", name):
            raise PartwiseError(
                f"--behind-proxy {name!r} is no name of a host: write it as in music.example.com,"
                " without scheme, port and path"
            )
    return frozenset(name.lower() for name in behind_proxy or ())


def hosts_of(host: str) -> frozenset[str]:
    """The names by which a server without a token may be called, on a loopback address."""
    from partwise.web.security import LOOPBACK_NAMES

    return LOOPBACK_NAMES | {bracketed(host).lower()}


def print_addresses(host: str, listening: socket.socket, path: str, token: str | None) -> None:
    """Say what to open: where every address is listened at, one for others and one for here."""
    address, port = listening.getsockname()[:2]
    rest = f":{port}{path}{'' if token is None else '?token=' + quote(token, safe='')}"
    if not ipaddress.ip_address(address).is_unspecified:
        print(f"open http://{bracketed(host)}{rest}", flush=True)
        return
    families = listening_families(listening)
    print(f"open http://{bracketed(own_address(families))}{rest}")
    here = "127.0.0.1" if socket.AF_INET in families else "[::1]"
    print(f"on this machine http://{here}{rest}", flush=True)


def listening_families(listening: socket.socket) -> list[socket.AddressFamily]:
    """Which kinds of addresses a socket is reached by."""
    if listening.family == socket.AF_INET:
        return [socket.AF_INET]
    alone = listening.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    return [socket.AF_INET6] if alone else [socket.AF_INET, socket.AF_INET6]


def own_address(families: list[socket.AddressFamily]) -> str:
    """The address of this machine by which others reach it: that of its way out, or its name.

    Nothing is sent: connecting a datagram socket only asks the system which way a packet would
    go. The targets are addresses that no machine has.
    """
    targets = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
    for family in families:
        target = targets[family]
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            return probe.getsockname()[0]
    return socket.gethostname()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def bracketed(host: str) -> str:
    """A host as it stands in an address."""
    return f"[{host}]" if ":" in host else host
