"""``library.json``: what a library folder is, which model made it, where its vectors lie, and how
fast it was made."""

from __future__ import annotations

import json
import os
import re
import shutil
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from partwise.atomic import write_whole
from partwise.audio.tags import check_encoding
from partwise.errors import PartwiseError
from partwise.library.stores.faults import Unavailable, storage_errors
from partwise.library.stores.precision import check_precision
from partwise.parts import PARTS

# 1: vectors in the folder, as float32. 2: in any store and precision. 3: tracks have a genre.
FORMAT = 3
_OLDEST_FORMAT = 1
FILE_NAME = "library.json"
# What may lie in a folder before its library.json is written (a first run that was killed).
_BEGINNING = re.compile(
    r"library\.(lock|json\.new)|\.(library\.json|probe)\.\d+\.[0-9a-f]+"
    r"|ledger\.lance|(tracks|segments)_[0-9a-z]{1,64}\.lance"
)
# What may stand there before the first run: a server was told what to watch.
_TOLD = re.compile(r"folders\.(json|lock)")


@dataclass(frozen=True)
class ModelInfo:
    """The model, and the way of cutting segments, behind one pair of tables.

    digest : name of the model's bytes (``Encoder.digest``).
    dim : embedding dimensions of one part.
    presence_threshold : five presences, in the order of ``PARTS``, from which a part counts.
    segment_s, hop_s : length of a segment and the distance between two starts [s].
    """

    digest: str
    dim: int
    presence_threshold: tuple[float, ...]
    segment_s: float = 10.0
    hop_s: float = 5.0


@dataclass(frozen=True)
class Rate:
    """How fast recordings were heard: the last run that embedded at least a few of them."""

    audio_s: float
    wall_s: float
    jobs: int

    @property
    def per_job(self) -> float:
        """Seconds of audio per second and job."""
        return self.audio_s / (self.wall_s * self.jobs)


@dataclass(frozen=True)
class Manifest:
    """The contents of ``library.json``.

    active : the model whose vectors answer searches.
    pending : the model that is replacing it, while its run is not complete.
    store : URI of the place where the vectors lie, None for the folder itself.
    precision : in which they are stored. format : of the file as it was read.
    tag_encoding : of old tags, see ``audio.tags.read_tags``.
    """

    active: ModelInfo
    pending: ModelInfo | None = None
    rate: Rate | None = None
    store: str | None = None
    precision: str = "float32"
    tag_encoding: str | None = None
    format: int = FORMAT


class DamagedManifest(Unavailable):
    """``library.json`` is lost or damaged, though the tables may be there."""


def read_manifest(folder: Path) -> Manifest:
    """Read ``library.json``.

    Raises PartwiseError when there is no library, when the folder is something else, when the file
    is damaged, or when it was written by a newer partwise or for other parts.
    """
    path = folder / FILE_NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        if (folder / "atlas").is_dir() and any(folder.glob("*.lance")):
            raise DamagedManifest(_damaged(path, "it is missing")) from None
        if is_beginning(folder):
            raise PartwiseError(
                f"there is no library at {folder} yet: make one with `partwise index FOLDER`"
            ) from None
        raise PartwiseError(f"{folder} is not a partwise library (it has no {FILE_NAME})") from None
    except NotADirectoryError:
        raise PartwiseError(f"{folder} is not a folder, so it cannot be a library") from None
    except OSError as error:
        raise PartwiseError(f"{path} cannot be read: {error.strerror}") from None
    try:
        data = json.loads(text)
        version = data["format"]
    except (ValueError, KeyError, TypeError):
        raise DamagedManifest(_damaged(path, "it is not the JSON that partwise writes")) from None
    if "check" in data and data != sealed(data):
        raise DamagedManifest(_damaged(path, "its check sum is another"))
    if version not in range(_OLDEST_FORMAT, FORMAT + 1):
        raise PartwiseError(
            f"the library at {folder} has format {version!r} and this partwise reads formats up to"
            f" {FORMAT}: use the partwise that wrote it, or a newer one"
        )
    parts = data.get("parts")
    if parts != [str(part) for part in PARTS]:
        raise PartwiseError(
            f"the library at {folder} is about the parts {parts}, not about {list(map(str, PARTS))}"
        )
    try:
        return Manifest(
            active=_model(data["active"]),
            pending=None if data.get("pending") is None else _model(data["pending"]),
            rate=None if data.get("rate") is None else Rate(**data["rate"]),
            store=_store(data.get("store")),
            precision=check_precision(data.get("precision", "float32")),
            tag_encoding=_encoding(data.get("tag_encoding")),
            format=version,
        )
    except (KeyError, TypeError, ValueError, PartwiseError) as error:
        raise DamagedManifest(_damaged(path, f"{type(error).__name__}: {error}")) from None


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace ``library.json`` in one step: a reader sees the old one or the new one."""
    about = {"format": FORMAT, "parts": [str(part) for part in PARTS]}
    data = sealed({**about, **asdict(replace(manifest, format=FORMAT))})
    with storage_errors(folder):
        write_whole(folder / FILE_NAME, json.dumps(data, indent=2) + "\n")


def sealed(data: dict[str, Any]) -> dict[str, Any]:
    """With the check sum of its values, which files of 0.2.0 and before lack.

    It is the same in every format, or those of a newer partwise would look damaged.
    """
    data = {name: value for name, value in data.items() if name != "check"}
    text = json.dumps(data, sort_keys=True)
    return {**data, "check": f"{zlib.crc32(text.encode()):08x}"}


def is_beginning(folder: Path) -> bool:
    """Whether a library can be made here.

    There is nothing, or only what a killed first run left and what is to be watched.
    """
    try:
        names = os.listdir(folder)
        return all(_BEGINNING.fullmatch(name) or _TOLD.fullmatch(name) for name in names)
    except FileNotFoundError:
        return True
    except OSError:
        return False


def clear_beginning(folder: Path) -> None:
    """Remove what may lie in a folder before its ``library.json`` is written."""
    with suppress(OSError):
        for path in folder.iterdir():
            if _BEGINNING.fullmatch(path.name) and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif _BEGINNING.fullmatch(path.name):
                path.unlink(missing_ok=True)


def _store(uri: Any) -> str | None:
    if not (uri is None or isinstance(uri, str)):
        raise ValueError(f"{uri!r} is not the URI of a store")
    return uri


def _encoding(name: Any) -> str | None:
    return None if name is None else check_encoding(str(name))


def _model(data: dict[str, Any]) -> ModelInfo:
    threshold = tuple(float(value) for value in data["presence_threshold"])
    if len(threshold) != len(PARTS):
        raise ValueError(f"{len(threshold)} presence thresholds instead of {len(PARTS)}")
    digest, dim = data["digest"], data["dim"]
    if not (isinstance(digest, str) and digest.isalnum()):
        raise ValueError(f"{digest!r} is not a model digest")
    if not (isinstance(dim, int) and dim > 0):
        raise ValueError(f"{dim!r} is not a number of dimensions")
    return ModelInfo(digest, dim, threshold, float(data["segment_s"]), float(data["hop_s"]))


def _damaged(path: Path, why: str) -> str:
    return (
        f"{path} is damaged ({why}): `partwise check --repair` makes it anew from the tables,"
        " or put back a copy of that file"
    )
