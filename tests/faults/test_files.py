"""Every file of a library damaged in turn, and power cuts, in small; benchmarks/faults.py does all.

Here the newest files of each table, one way each; there every file in every way.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from fault_files import (  # pyright: ignore[reportMissingImports]
    SPOILS,
    library_files,
    spoil_file,
)
from fault_power import cut_faults, cuts, record_run  # pyright: ignore[reportMissingImports]
from fault_seed import Seed, answers_of, same_answers  # pyright: ignore[reportMissingImports]

KINDS = ["ledger.lance/data", "segments_*/data", "tracks_*/data"]
NEWEST = ["ledger.lance/_versions", "segments_*/_versions", "tracks_*/_versions"]


@pytest.mark.parametrize("spoil", ["deleted", "cut in half", "filled with zeros"])
@pytest.mark.parametrize("place", [*KINDS, *NEWEST])
def test_damaged_rows_and_versions(place: str, spoil: str, seed: Seed, tmp_path: Path) -> None:
    suffix = "*.lance" if place.endswith("data") else "*.manifest"
    file = min((seed.library).glob(f"{place}/{suffix}"))
    relative = str(file.relative_to(seed.library))
    spoilt = spoil_file(seed, tmp_path / "work", relative, spoil, np.random.default_rng(0))
    assert spoilt.faults == ()
    assert spoilt.found, "a file that holds what is stored cannot be missed"
    assert "ledger" not in place or spoilt.heard_again == 0


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_damaged_library_json(spoil: str, seed: Seed, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    spoilt = spoil_file(seed, tmp_path / "work", "library.json", spoil, rng)
    assert spoilt.faults == ()
    assert spoilt.heard_again == 0


def test_another_presence_threshold_is_found_and_mended(seed: Seed, tmp_path: Path) -> None:
    library = seed.copy(tmp_path / "work")
    file = library / "library.json"
    whole = json.loads(file.read_text())
    file.write_text(re.sub(r"(presence_threshold[^.]*\.)\d", r"\g<1>7", file.read_text()))
    assert json.loads(file.read_text()) != whole
    assert [finding.where for finding in seed.check(library).findings] == ["library.json"]
    assert seed.check(library, repair=True).sound
    assert seed.check(library).findings == []
    assert json.loads(file.read_text())["active"] == whole["active"]
    assert same_answers(answers_of(seed, library), seed.answers)


@pytest.mark.parametrize("number", range(3))
def test_flipped_bits(number: int, seed: Seed, tmp_path: Path) -> None:
    rng = np.random.default_rng(number)
    file = str(rng.choice([f for f in library_files(seed.library) if "/data/" in f]))
    spoilt = spoil_file(seed, tmp_path / "work", file, "a bit flipped", rng)
    assert spoilt.faults == ()


def test_power_cuts(seed: Seed, tmp_path: Path) -> None:
    every = list(cuts(record_run(seed, tmp_path / "library", songs=4)))
    assert len(every) > 100
    for cut in every[5::23]:
        _, faults = cut_faults(seed, tmp_path / "work", cut)
        assert faults == [], cut.name
