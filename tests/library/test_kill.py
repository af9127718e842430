"""SIGKILL at many moments, in small; benchmarks/kill_test.py does it at length."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from kill_test import (  # pyright: ignore[reportMissingImports]
    make_recordings,
    run_kill_test,
)

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks for surviving workers in /proc"
)


def test_nothing_is_lost_and_nothing_is_twice(tmp_path: Path, tiny_model: Path) -> None:
    make_recordings(tmp_path / "music", 70)
    report = run_kill_test(
        tmp_path / "music", tmp_path, kills=4, seed=1, model=tiny_model, jobs=2, say=lambda _: None
    )
    assert report.faults == []
    assert len(report.kills) == 4
    assert report.files == report.tracks == 70
    assert report.segments > 70
    assert any(kill.files_stored for kill in report.kills), "no kill came midway"
