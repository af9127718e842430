"""Where stores lie: a folder, a bucket, a Milvus server, from the URI that ``--store`` takes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from partwise.errors import PartwiseError
from partwise.library.stores.faults import cause_of, guard, open_guarded
from partwise.library.stores.lance import LanceStore, table_schema
from partwise.library.stores.precision import check_precision
from partwise.library.stores.protocol import Place
from partwise.paths import path_to_text, shown

if TYPE_CHECKING:
    import pyarrow as pa

PREFIXES = ("tracks_", "segments_")
# A reader looks for newer versions at most this often; writers keep old versions far longer.
_READ_INTERVAL = timedelta(seconds=2)
_KINDS = "s3://BUCKET/PREFIX or milvus://HOST:PORT[/DATABASE] (milvus+https:// through TLS)"
_SECRETS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "milvus": "PARTWISE_MILVUS_TOKEN",
    "milvus+https": "PARTWISE_MILVUS_TOKEN",
}


def open_place(uri: str | None, folder: Path, precision: str = "float32") -> Place:
    """Where the vectors of the library in ``folder`` lie; nothing is read or made yet.

    uri : None for the folder itself. precision : of the vectors in tables that are made there.

    Raises PartwiseError for a URI or precision that is none.
    """
    check_precision(precision)
    if uri is None:
        return LancePlace(str(folder), precision)
    check_uri(uri)
    if uri.startswith("s3://"):
        return LancePlace(uri.rstrip("/"), precision)
    from partwise.library.stores.milvus import MilvusPlace

    return MilvusPlace(uri, precision)


def check_uri(uri: str) -> None:
    """Raises PartwiseError unless this is a place's URI without credentials."""
    kind, colon, _ = uri.partition("://")
    if not colon or kind not in _SECRETS:
        raise PartwiseError(f"--store {_shown(uri)} is no store that partwise knows: {_KINDS}")
    parts = urlsplit(uri)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise PartwiseError(
            f"--store {_shown(uri)} must be an address and no more: credentials come from the"
            f" environment ({_SECRETS[kind]})"
        )
    if kind == "s3" and not parts.netloc:
        raise PartwiseError(f"--store {uri} names no bucket: {_KINDS}")


def _shown(uri: str) -> str:
    """Without what may be a secret."""
    kind, colon, rest = uri.partition("://")
    rest = rest.rpartition("@")[2].partition("?")[0].partition("#")[0]
    return f"{kind}{colon}{rest}" if colon else uri


def connect(uri: str) -> Any:
    """A LanceDB connection. Its warnings, about matters of its own, stay out of the terminal.

    uri : a folder's path, or a bucket. Raises PartwiseError for a folder that it has no name for.
    """
    os.environ.setdefault("LANCEDB_LOG", "error")
    import lancedb

    options = _bucket_options() if "://" in uri else None
    if options is None:  # it takes text, and makes UTF-8 of it whatever the locale is
        folder, uri = uri, path_to_text(uri)
        if "://" in uri:
            raise PartwiseError(f"a library cannot lie in {shown(folder)}: its name is not UTF-8")
        if uri != folder:
            raise PartwiseError(
                f"a library cannot lie in {shown(folder)} under a locale that is not UTF-8: set"
                " PYTHONUTF8=1"
            )
    return lancedb.connect(uri, read_consistency_interval=_READ_INTERVAL, storage_options=options)


def _bucket_options() -> dict[str, str]:
    """What LanceDB does not read from the environment by itself; the credentials it does."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    options = {"aws_region": region}
    if endpoint:
        options["aws_endpoint"] = endpoint
    if endpoint.startswith("http://"):  # a server of one's own, on this machine or network
        options["allow_http"] = "true"
    return options


@contextmanager
def _told(uri: str) -> Iterator[None]:
    """What goes wrong with a bucket, as one sentence; a folder's errors are ``storage_errors``'."""
    try:
        yield
    except PartwiseError:
        raise
    except Exception as error:  # LanceDB raises ValueError, OSError or RuntimeError
        if "://" not in uri:
            raise
        raise PartwiseError(f"the store {uri} cannot be used: {cause_of(error)}") from error


class LancePlace:
    """A folder, or a bucket's ``s3://bucket/prefix``.

    precision : of the vectors in tables that are made here; one that is there has its own.
    """

    def __init__(self, uri: str, precision: str = "float32") -> None:
        self.uri = uri
        self._precision = check_precision(precision)
        self._connection: Any = None

    @property
    def connection(self) -> Any:
        if self._connection is None:
            with _told(self.uri):
                self._connection = connect(self.uri)
        return self._connection

    def names(self) -> set[str]:
        with _told(self.uri):
            there = set(self.connection.list_tables().tables)
        return {name for name in there if name.startswith(PREFIXES)}

    def create(self, name: str, schema: pa.Schema) -> LanceStore:
        stored = table_schema(schema, self._precision)
        if name in self.names():  # with what was added to its schema since
            return self.open(name)
        with _told(self.uri):
            table = self.connection.create_table(name, schema=stored)
        return LanceStore(guard(table, self.uri, name), self.uri)

    def open(self, name: str) -> LanceStore:
        return LanceStore(open_guarded(self.connection, self.uri, name), self.uri)

    def drop(self, name: str) -> None:
        with suppress(Exception):  # a leftover costs space only; the next run tries again
            self.connection.drop_table(name)
        if "://" not in self.uri:  # one that was dropped by half is no table, and stays
            shutil.rmtree(Path(self.uri) / f"{name}.lance", ignore_errors=True)
