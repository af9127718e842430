"""Fixtures that every test may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

# Helpers beside this file (tiny_model, sounds) are importable from every test module, under any of
# pytest's import modes.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

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
