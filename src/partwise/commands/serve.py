"""``partwise serve``: the page, the HTTP API and the player's address, from one library."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import sys
from pathlib import Path
from urllib.parse import quote

import typer

from partwise.commands.console import LIBRARY
from partwise.errors import PartwiseError
from partwise.paths import absolute, shown

PORT = 8321


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
    model: Path | None = typer.Option(
        None, "--model", metavar="PATH", help="ONNX model to hear with (default: the shipped one)."
    ),
    music: list[Path] | None = typer.Option(
        None,
        "--music",
        metavar="FOLDER",
        help="Only folders inside these can be indexed from the page. Default: any folder when"
        " serving this machine only, else none.",
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
    from partwise.web.jobs import warm
    from partwise.web.security import LOOPBACK_NAMES
    from partwise.web.server import Server

    loopback = is_loopback(host)
    if token is not None and not re.fullmatch(r"[!-~]+", token):
        raise PartwiseError("--token must be made of visible ASCII characters, without spaces")
    if token is None and not loopback:
        token = secrets.token_urlsafe(24)
    folders = tuple(Path(absolute(folder)) for folder in music or ())
    for folder in folders:
        if not folder.is_dir():
            raise PartwiseError(f"--music {shown(folder)} is not a folder")
    settings = Settings(
        token=token,
        hosts=LOOPBACK_NAMES | {bracketed(host).lower()} if loopback else None,
        music=folders if folders or not loopback else None,
    )
    server = Server(Library(library, resident=True), model)
    # Threads that answer small questions are not to wait 5 ms behind each one that does not.
    sys.setswitchinterval(0.001)
    warm(server.library)
    listening = bind(host, port)
    address = f"http://{bracketed(host)}:{listening.getsockname()[1]}/"
    print(f"library {shown(server.library.path)}")
    print(f"open {address}{'' if token is None else '?token=' + quote(token, safe='')}", flush=True)
    make_runner(create_app(server, settings)).run(sockets=[listening])


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
