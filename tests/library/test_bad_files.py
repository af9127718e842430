"""Every kind of bad file among good ones, as built by benchmarks/bad_files.py."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from partwise.cli import main
from partwise.library.library import Library
from partwise.library.tables.ledger import State

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from bad_files import (  # pyright: ignore[reportMissingImports]
    build,
    index_while_vanishing,
)


def test_each_bad_file_has_its_reason(tmp_path: Path, tiny_model: Path) -> None:
    made = build(tmp_path / "music")
    code, out, err = index_while_vanishing(
        made, tmp_path / "library", ["--model", str(tiny_model), "--jobs", "2"]
    )
    assert (code, err) == (0, "")
    first = out.splitlines()[0]
    assert first.startswith(f"indexed {len(made.good)} (1 with content known already), unchanged 0")
    assert f"failed {len(made.bad)}, failed earlier 0, missing 0; took" in first

    rows = {row.os_path: row for row in Library.open(tmp_path / "library").ledger()}
    assert set(rows) == {str(path) for path in [*made.good, *made.bad]}
    for path in made.good:
        assert rows[str(path)].state is State.INDEXED, rows[str(path)]
    for path, word in made.bad.items():
        row = rows[str(path)]
        assert row.state is State.FAILED, row
        assert row.reason
        assert word in row.reason, row
        assert "\n" not in row.reason
        assert str(path) not in row.reason, "the path stands before it already"
    for path in made.folder.rglob("no permission*"):
        path.chmod(0o700)

    # Again: the vanished file is forgotten, what can be read now is, the rest is known.
    library = Library(tmp_path / "library")
    library.index(made.folder, jobs=2, model=tiny_model)
    after = {row.os_path: row.state for row in library.ledger()}
    assert str(made.vanishing) not in after
    assert all(after[str(path)] is State.INDEXED for path in made.good)
    still_bad = [path for path in made.bad if "no perm" not in path.name and path.is_symlink()]
    assert still_bad
    assert all(after[str(path)] is State.FAILED for path in still_bad)


def test_only_bad_files_is_nothing_usable(
    tmp_path: Path, tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, library = tmp_path / "music", tmp_path / "library"
    folder.mkdir()
    (folder / "empty.mp3").touch()
    arguments = ["index", str(folder), "--library", str(library), "--model", str(tiny_model)]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert "failed 1" in out
    assert err == f"partwise: nothing usable in {folder}: every file failed\n"
