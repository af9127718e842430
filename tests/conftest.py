"""Fixtures that every test may use."""

from __future__ import annotations

import os
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# Helpers beside this file (tiny_model, sounds) are importable from every test module, under any of
# pytest's import modes.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import partwise  # noqa: F401 (before ONNX Runtime, which reports to its makers otherwise)
from parallel import scheduler, set_up_process


def pytest_configure() -> None:
    set_up_process()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return scheduler(config, log)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of a tiny model's ONNX file (see tiny_model.py)."""
    from tiny_model import write_tiny_model  # loads NumPy, whose threads are set up first

    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """An empty bucket of a server on this machine, as ``s3://``; credentials are in the
    environment meanwhile."""
    server = pytest.importorskip("moto.server", reason="the package moto[server] is not installed")
    environment = {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "us-east-1",
    }
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    environment["AWS_ENDPOINT_URL"] = f"http://{host}:{port}"
    former = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        request = urllib.request.Request(f"http://{host}:{port}/music", method="PUT")
        urllib.request.urlopen(request, timeout=10).close()
        yield "s3://music"
    finally:
        for name, value in former.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        running.stop()
