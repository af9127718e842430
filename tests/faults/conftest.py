"""The scenes of benchmarks/faults.py, in small."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from fault_seed import Seed, make_seed  # pyright: ignore[reportMissingImports]


@pytest.fixture(scope="session")
def seed(tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """A library of four short recordings, indexed in two runs."""
    return make_seed(tmp_path_factory.mktemp("faults"), songs=4)
