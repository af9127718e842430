"""Disks, folders, clocks and processes that fail: each is a sentence, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

import fault_runs  # pyright: ignore[reportMissingImports]
from fault_runs import SCENES, NotHere, play  # pyright: ignore[reportMissingImports]
from fault_seed import Seed  # pyright: ignore[reportMissingImports]

# What a user has to be told, in every scene that one can see.
SAID = {
    "full_disk": "no space left on the disk",
    "read_only_disk": "cannot be written",
    "exfat": "cannot hold a library that is written to",
    "music_is_not_mounted": "--prune forgets nothing",
    "library_vanishes_during_run": "is not there any more: is its disk mounted?",
    "library_vanishes_during_search": "is not there any more: is its disk mounted?",
    "music_vanishes": "vanished before it was read",
    "clock_jumps": "nothing",
    "two_indexers": "is writing to the library",
    "half_version": "`partwise check --repair` mends it",
    "server_beside_indexer": "all answered",
}


@pytest.mark.parametrize("name", SCENES)
def test_nothing_is_lost(
    name: str, seed: Seed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fault_runs, "DISK_KILOBYTES", (32, 92))
    try:
        scene = play(name, seed, tmp_path / "work")
    except NotHere as reason:
        pytest.skip(str(reason))
    assert scene.lost == ""
    assert SAID[name] in scene.seen
