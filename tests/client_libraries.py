"""Client libraries of other people asking the OpenSubsonic side for all that they can ask.

Two from PyPI: py-sonic (dictionaries) and py-opensonic (objects with the types of the
specification: an answer that lacks a required field fails there). One from npm, subsonic-api, run
by Node (client_library.mjs). What each got is told in a few words.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from client_asks import (
    TOKEN,
    UNKNOWN,
    asks,
    binary,
    ids_of,
    named,
    refused,
    so_many,
    told,
    told_counts,
)

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "tests" / "web" / "subsonic" / "client_libraries.json"
# What is told where a library has no such method, or cannot read a right answer.
NOT_IN_IT = "not in this library"
FAILS = "fails in this library"


def ask_py_sonic(url: str) -> dict[str, str]:
    """What each ask got through py-sonic: POST forms, salted passwords."""
    libsonic = import_module("libsonic")
    port = urlsplit(url).port
    client = libsonic.Connection("http://127.0.0.1", "anyone", TOKEN, port=port)
    ids = ids_of(url)

    def ask(method: str, query: dict[str, Any]) -> str:
        if method == UNKNOWN:
            return told(client._doInfoReq(client._getRequest(f"{UNKNOWN}.view")))
        came = getattr(client, method)(*query.values())
        if isinstance(came, dict):
            return told(came)
        if isinstance(came, bool):
            return "ok" if came else "no"
        return binary(came.info()["Content-Type"], came.read(), ids["size"])

    def has(method: str) -> bool:
        return method == UNKNOWN or hasattr(client, method)

    return _all(ids, ask, has, import_module("libsonic.errors").SonicError)


def ask_py_opensonic(url: str) -> dict[str, str]:
    """What each ask got through py-opensonic: POST forms, an API key, answers as typed objects."""
    libopensonic = import_module("libopensonic")
    port = urlsplit(url).port
    client = libopensonic.Connection("http://127.0.0.1", port=port, api_key=TOKEN)
    ids = ids_of(url)

    def ask(method: str, query: dict[str, Any]) -> str:
        if method == UNKNOWN:
            return _through(client, lambda inner: inner._do_request(UNKNOWN))
        came = getattr(client, _snake(method))(*query.values())
        if hasattr(came, "read"):
            return binary(came.content_type, _waited(client, came.read()), ids["size"])
        return _object(came)

    def has(method: str) -> bool:
        return method == UNKNOWN or hasattr(client, _snake(method))

    try:
        return _all(ids, ask, has, import_module("libopensonic.errors").SonicError)
    finally:
        client.cleanup()
        client._loop.close()


def ask_subsonic_api(url: str) -> dict[str, str]:
    """What each ask got through subsonic-api, in Node: GET, salted passwords."""
    ids = ids_of(url)
    every = [{"method": method, "query": query} for method, query in asks(ids)]
    node = shutil.which("node")
    assert node is not None
    done = subprocess.run(
        [node, str(ROOT / "tests" / "client_library.mjs"), str(_node_package()), url, TOKEN],
        input=json.dumps(every),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {}
    for asked, came in zip(every, json.loads(done.stdout), strict=True):
        name = named(asked["method"], asked["query"])
        if "json" in came:
            found[name] = told(came["json"])
        elif "type" in came:
            found[name] = binary(came["type"], b"x" * came["bytes"], ids["size"])
        else:
            found[name] = NOT_IN_IT
    return found


def _all(
    ids: Mapping[str, Any],
    ask: Callable[[str, dict[str, Any]], str],
    has: Callable[[str], bool],
    error: type[Exception],
) -> dict[str, str]:
    found = {}
    for method, query in asks(ids):
        name = named(method, query)
        if not has(method):
            found[name] = NOT_IN_IT
            continue
        try:
            found[name] = ask(method, query)
        except error as refusal:
            found[name] = refused(str(refusal))
        except Exception as failure:
            found[name] = f"{FAILS}: {type(failure).__name__}"
    return found


def _waited(client: Any, coroutine: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(coroutine, client._loop).result(30)


def _through(client: Any, ask: Callable[[Any], Any]) -> str:
    """A request that py-opensonic has no method for."""
    answer = _waited(client, ask(client._async))
    return told(_waited(client, answer.json())["subsonic-response"])


# What the objects of py-opensonic are called here, where a list of them has no name of its own.
_OBJECTS = {"Child": "song", "AlbumID3": "album", "Album": "album", "SonicMatch": "match"}
_OBJECTS |= {"MusicFolder": "folder", "OpenSubsonicExtension": "extension"}


def _object(came: Any) -> str:
    """An object of py-opensonic in a few words."""
    if isinstance(came, bool):
        return "ok" if came else "no"
    if isinstance(came, list):
        noun = type(came[0]).__name__ if came else "entry"
        return so_many(len(came), _OBJECTS.get(noun, noun.lower()))
    if isinstance(came, dict):
        return told({"status": "ok", **came})
    name = type(came).__name__
    plain = "song" if name == "Child" else name[0].lower() + name[1:]
    return told_counts(came.to_dict()) or plain


def _snake(method: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", method).lower()


def _node_package() -> Path:
    return ROOT / "node_modules" / "subsonic-api"


@dataclass(frozen=True)
class ClientLibrary:
    """One of them. missing : why it cannot be asked here; None where it can."""

    name: str
    ask: Callable[[str], dict[str, str]]
    missing: Callable[[], str | None]
    version: Callable[[], str]


def _from_pypi(name: str, module: str, ask: Callable[[str], dict[str, str]]) -> ClientLibrary:
    def missing() -> str | None:
        return None if find_spec(module) else f"the package {name} is not installed"

    return ClientLibrary(name, ask, missing, lambda: version(name))


def _no_node_package() -> str | None:
    if shutil.which("node") is None:
        return "node is not installed"
    if not _node_package().is_dir():
        return "subsonic-api is not installed: npm install --no-save subsonic-api@3.3.1"
    return None


def _node_version() -> str:
    return json.loads((_node_package() / "package.json").read_text(encoding="utf-8"))["version"]


LIBRARIES = (
    _from_pypi("py-sonic", "libsonic", ask_py_sonic),
    _from_pypi("py-opensonic", "libopensonic", ask_py_opensonic),
    ClientLibrary("subsonic-api", ask_subsonic_api, _no_node_package, _node_version),
)
