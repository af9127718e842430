"""Fixtures of the library's tests: recordings, and worker processes that misbehave on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest

from milvus_process import MilvusProcess
from recordings import record

# Read by every worker at its start; what it does depends on the name of the file.
_MISBEHAVIOUR = """
import os, time
from partwise.embedding.encoder import Encoder

heard = Encoder.embed_file

def embed_file(self, path, *args, **kwargs):
    name = os.path.basename(path)
    if "aborts" in name:
        os.abort()
    if "is killed" in name:
        os.kill(os.getpid(), 9)
    if "grows" in name:
        with open(path, "ab") as file:
            file.write(b"more")
    if "vanishes" in name:
        os.unlink(path)
    if "surprises" in name:
        raise RuntimeError("what a surprise")
    if "takes long" in name:
        time.sleep(600)
    return heard(self, path, *args, **kwargs)

Encoder.embed_file = embed_file
"""


@pytest.fixture
def music(tmp_path: Path) -> Path:
    """A folder of five recordings."""
    folder = tmp_path / "music"
    names = ("a.wav", "b.flac", "c.mp3", "disc 2/d.wav", "disc 2/e.ogg")
    for number, name in enumerate(names):
        record(folder / name, number)
    return folder


@pytest.fixture
def misbehaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Worker processes abort, are killed and so on, at files that are named accordingly."""
    folder = tmp_path / "misbehaviour"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_MISBEHAVIOUR)
    monkeypatch.setenv("PYTHONPATH", str(folder))


@pytest.fixture(scope="session")
def milvus_packages() -> None:
    """Skips what needs Milvus where it is not installed."""
    for name in ("pymilvus", "milvus_lite"):
        if find_spec(name) is None:
            pytest.skip(f"the package {name} is not installed")


@pytest.fixture(scope="session")
def milvus_uri(milvus_packages: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Milvus server that every test shares: each in a database of its own."""
    server = MilvusProcess(tmp_path_factory.mktemp("milvus"))
    server.start()
    yield server.uri
    server.kill()


@pytest.fixture
def milvus_database(milvus_uri: str) -> str:
    """The URI of an empty database."""
    return f"{milvus_uri}/t{uuid4().hex}"


@pytest.fixture
def own_server(milvus_packages: None, tmp_path: Path) -> Iterator[MilvusProcess]:
    """A Milvus server that a test may kill."""
    server = MilvusProcess(tmp_path)
    server.start()
    yield server
    server.kill()
