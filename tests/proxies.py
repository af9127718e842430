"""A reverse proxy as people install it, with the lines that docs/proxy.md gives them."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOC = Path(__file__).parents[1] / "docs" / "proxy.md"
BARE = "server {\n listen 80;\n location / { proxy_pass http://127.0.0.1:8321; }\n}\n"


class NoProxy(Exception):
    """The program is not installed; the text says how to have it."""


def lines(kind: str, prefix: bool) -> str:
    """The block of docs/proxy.md for nginx or caddyfile, at a name of its own or under a prefix."""
    return re.findall(rf"(?ms)^```{kind}\n(.*?)^```$", DOC.read_text("utf-8"))[prefix]


@contextmanager
def proxy(folder: Path, kind: str, text: str, served: str) -> Iterator[str]:
    """nginx or Caddy with lines that are for 127.0.0.1:8321, before ``served``; gives its address.

    It listens to a free port, without TLS. Raises NoProxy.
    """
    path = "/usr/sbin:/usr/bin:/bin:/usr/local/bin"
    program = shutil.which({"nginx": "nginx"}.get(kind, "caddy"), path=path)
    if program is None:
        raise NoProxy(f"no program for {kind} here: scripts/install_sound_tools.sh installs it")
    port = _free_port()
    config = folder / "proxy.conf"
    config.write_text(_whole(folder, kind, _moved(text, port, served)))
    adapter = ("run", "--adapter", "caddyfile", "--config", str(config))
    command = [program, *(("-c", str(config)) if kind == "nginx" else adapter)]
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            command,
            stdout=said,
            stderr=said,
            env={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "PATH": path},
        )
    try:
        until_s = time.monotonic() + 20
        while not _answers(port):
            assert process.poll() is None, (folder / "said").read_text()
            assert time.monotonic() < until_s
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _moved(text: str, port: int, served: str) -> str:
    text = text.replace("http://127.0.0.1:8321", served).replace("127.0.0.1:8321", served[7:])
    text = re.sub(r"listen 443 ssl;|listen 80;", f"listen 127.0.0.1:{port};", text)
    return re.sub(r"^(?:music\.)?example\.com \{", f"http://:{port} {{", text)


def _whole(folder: Path, kind: str, text: str) -> str:
    if kind != "nginx":
        return "{\n admin off\n auto_https off\n}\n" + text
    places = " ".join(
        f'{name}_temp_path "{folder}/{name}";'
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root; " if folder.owner() == "root" else ""  # who may look into the folder
    head = f'{user}daemon off; pid "{folder}/pid"; error_log "{folder}/log"; events {{}}\n'
    return f"{head}http {{ access_log off; {places}\n{text}}}\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
