"""A Milvus server, or Milvus Lite in this process: its address, the connection, its faults.

``milvus://host:port[/database]`` is a server or a cluster, ``milvus+https://...`` the same through
TLS, ``milvus:///absolute/path.db`` Milvus Lite. A token comes from the environment alone, so that
an address can be written down and shown.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from partwise.errors import PartwiseError

TOKEN_VARIABLE = "PARTWISE_MILVUS_TOKEN"
INSTALL = "pip install 'partwise[scale]' -c constraints.txt"

# A server that is not there is known at once; this is for one that hangs or has vanished.
CONNECT_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 120.0

# How soon a lost server is tried again; calls until then fail at once. pymilvus would ask for a
# sign of life every 10 s, for which servers with gRPC's own settings (Milvus Lite's) hang up.
_CHANNEL = {
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.keepalive_time_ms": 300_000,
    "grpc.keepalive_permit_without_calls": False,
}

# Codes of pymilvus and of the server; pymilvus has names for some of them only.
_CONNECT_FAILED = 2
_NOT_LOADED = 101

T = TypeVar("T")


@dataclass(frozen=True)
class Address:
    """uri : as it was given. target : what pymilvus connects to. database : "" for the default."""

    uri: str
    target: str
    database: str

    @classmethod
    def parse(cls, uri: str) -> Address:
        """Raises PartwiseError for an address that makes no sense or holds credentials."""
        form = "milvus://HOST:PORT, milvus://HOST:PORT/DATABASE or milvus:///ABSOLUTE/PATH.db"
        try:
            split = urlsplit(uri)
            host, port = split.hostname, split.port
        except ValueError:
            raise PartwiseError(f"a Milvus store is given as {form}") from None
        if split.username is not None or split.password is not None:
            raise PartwiseError(
                "the address of a Milvus store must not hold credentials;"
                f" put the token into the environment variable {TOKEN_VARIABLE}"
            )
        secure = split.scheme == "milvus+https"
        path = unquote(split.path)
        if split.scheme not in ("milvus", "milvus+https") or split.query or split.fragment:
            raise PartwiseError(f"{uri!r} is no Milvus store; one is given as {form}")
        if host is None:
            if secure or not path.startswith("/") or not path.endswith(".db"):
                raise PartwiseError(f"{uri!r} is no Milvus store; one is given as {form}")
            return cls(uri, path, "")
        database = path.strip("/")
        if "/" in database:
            raise PartwiseError(f"{uri!r} names more than a database; a store is given as {form}")
        name = f"[{host}]" if ":" in host else host
        target = f"{'https' if secure else 'http'}://{name}:{port or (443 if secure else 19530)}"
        return cls(uri, target, database)


class Server:
    """A connection that is made when it is first needed."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._client: Any = None
        self._lock = threading.Lock()

    @property
    def client(self) -> Any:
        """The pymilvus client. Raises PartwiseError when the server cannot be reached."""
        with self._lock:
            if self._client is None:
                self._client = self.said(self._connect, "the connection")
            return self._client

    def _connect(self) -> Any:
        try:
            from pymilvus import MilvusClient
        except ImportError:
            raise PartwiseError(
                f"the store {self.address.uri} needs the package pymilvus: {INSTALL}"
            ) from None
        # Whatever it has to say arrives here as an exception; its log repeats it with tracebacks.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
        if self.address.target.endswith(".db"):
            self._check_lite()
        return MilvusClient(
            self.address.target,
            token=os.environ.get(TOKEN_VARIABLE, ""),
            db_name=self.address.database,
            timeout=CONNECT_TIMEOUT_S,
            grpc_options=_CHANNEL,
        )

    def _check_lite(self) -> None:
        try:
            import milvus_lite  # noqa: F401
        except ImportError:
            raise PartwiseError(
                f"the store {self.address.uri} needs the package milvus-lite:"
                " pip install milvus-lite -c constraints.txt"
            ) from None
        logging.getLogger("milvus_lite").setLevel(logging.CRITICAL + 1)

    def ask(
        self, name: str, *args: Any, timeout: float | None = CALL_TIMEOUT_S, **kwargs: Any
    ) -> Any:
        """The answer of a method of the client. Raises PartwiseError with what went wrong."""
        method = getattr(self.client, name)
        return self.said(lambda: method(*args, timeout=timeout, **kwargs), name.replace("_", " "))

    def ask_of(self, collection: str, name: str, **kwargs: Any) -> Any:
        """As ``ask``, of a collection, which is loaded first if the server has restarted."""
        try:
            return self.ask(name, collection, **kwargs)
        except PartwiseError as error:
            if getattr(error.__cause__, "code", None) != _NOT_LOADED:
                raise
        self.ask("load_collection", collection)
        return self.ask(name, collection, **kwargs)

    def said(self, call: Callable[[], T], what: str) -> T:
        """The result of ``call``; the server's faults as one sentence."""
        try:
            return call()
        except PartwiseError:
            raise
        except Exception as error:  # MilvusException, grpc.RpcError, ValueError
            raise PartwiseError(self._sentence(error, what)) from error

    def _sentence(self, error: Exception, what: str) -> str:
        uri = self.address.uri
        kind = getattr(error, "code", None)
        kind = kind() if callable(kind) else kind
        name = getattr(kind, "name", "")
        text = getattr(error, "message", "") or str(error)
        if self.address.target.endswith(".db") and what == "the connection":
            return (
                f"the Milvus Lite store {uri} cannot be opened: its folder is missing or not"
                " writable, or another process has it open"
            )
        if kind == _CONNECT_FAILED or name in ("UNAVAILABLE", "DEADLINE_EXCEEDED"):
            return (
                f"the Milvus server at {uri} does not answer;"
                " see that it runs, then run the same command again"
            )
        if name in ("UNAUTHENTICATED", "PERMISSION_DENIED") or "auth check failure" in text:
            return (
                f"the Milvus server at {uri} wants other credentials;"
                f" set the environment variable {TOKEN_VARIABLE}"
            )
        cause = text.strip().splitlines()[0] if text.strip() else type(error).__name__
        return f"the Milvus server at {uri} failed at {what}: {cause}"
