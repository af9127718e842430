"""Every kind of place, by a readable name; a test that asks for ``places`` runs in each.

A new kind of store joins by a line in ``KINDS``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from exact_store import ExactPlace
from partwise.library.stores import places as store_places
from partwise.library.stores.accuracy import measure_recall
from partwise.library.stores.places import open_place
from partwise.library.stores.protocol import Place


@dataclass(frozen=True)
class Places:
    """One place that can be opened again and again, as other processes would.

    approximate : whether its indexed searches may miss rows. precision : of its vectors.
    """

    kind: str
    open: Callable[[], Place]
    precision: str = "float32"


def in_memory(folder: Path, request: pytest.FixtureRequest) -> Places:
    place = ExactPlace()
    return Places("exact", lambda: place)


def in_folder(precision: str) -> Callable[[Path, pytest.FixtureRequest], Places]:
    def make(folder: Path, request: pytest.FixtureRequest) -> Places:
        (folder / "library.json").touch()  # without it the folder would be called gone
        return Places("lance", lambda: open_place(None, folder, precision), precision)

    return make


def in_bucket(folder: Path, request: pytest.FixtureRequest) -> Places:
    bucket = request.getfixturevalue("bucket")
    uri = f"{bucket}/{folder.name}"
    return Places("lance", lambda: open_place(uri, folder))


def in_milvus(folder: Path, request: pytest.FixtureRequest) -> Places:
    uri = f"{request.getfixturevalue('milvus_uri')}/t{uuid4().hex}"
    return Places("milvus", lambda: open_place(uri, folder))


KINDS: dict[str, Callable[[Path, pytest.FixtureRequest], Places]] = {
    "exact": in_memory,
    "lance-folder": in_folder("float32"),
    "lance-folder-float16": in_folder("float16"),
    "lance-folder-int8": in_folder("int8"),
    "lance-s3": in_bucket,
    "milvus": in_milvus,
}


@pytest.fixture(autouse=True, scope="module")
def no_time_lost() -> Iterator[None]:
    """Readers look for changes more often, and recall is measured with fewer questions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_places, "_READ_INTERVAL", timedelta(seconds=0.2))
        patch.setattr(measure_recall, "__defaults__", (4,))
        yield


@pytest.fixture(params=list(KINDS))
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Places:
    """Nothing is in it yet."""
    return KINDS[request.param](tmp_path, request)


@pytest.fixture(scope="module", params=list(KINDS))
def shared_places(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Places:
    """As ``places``, for what several tests only read."""
    return KINDS[request.param](tmp_path_factory.mktemp("shared"), request)
