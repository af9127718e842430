"""From the URI that ``--store`` takes to the place that it names."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from partwise.errors import PartwiseError
from partwise.library.stores.lance import LancePlace
from partwise.library.stores.precision import check_precision
from partwise.library.stores.protocol import Place

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
