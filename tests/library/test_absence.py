"""Deleted, or only away: when a run says that a disk may not be mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from partwise.library.index.absence import AT_ONCE, absences
from partwise.library.index.planning import scan
from partwise.library.tables.ledger import LedgerRow, State
from partwise.paths import path_to_text


def told(root: Path, known: list[str], *, failed: tuple[str, ...] = ()) -> list[str]:
    """What is said when ``known`` is in the ledger, by paths below root; the disk has the rest."""
    ledger = {
        path_to_text(root / name): LedgerRow(
            path_to_text(root / name),
            1,
            1,
            None if name in failed else name,
            State.FAILED if name in failed else State.INDEXED,
            None,
            None,
            "model",
            0.0,
        )
        for name in known
    }
    gone = [path for path in ledger if not Path(path).exists()]
    return [text.replace(str(root), "ROOT") for text in absences(scan([root]), ledger, gone)]


def make(root: Path, names: list[str]) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"RIFF")


def files(count: int, folder: str = "") -> list[str]:
    return [f"{folder}{number}.wav" for number in range(count)]


@pytest.mark.parametrize("count", [1, 40])
def test_a_root_without_anything(tmp_path: Path, count: int) -> None:
    word = "1 file" if count == 1 else f"{count} files"
    assert told(tmp_path, files(count)) == [f"nothing was found in ROOT, where {word} were"]
    make(tmp_path, ["new.wav"])  # the disk is there
    assert told(tmp_path, files(1)) == []
    assert told(tmp_path, files(1), failed=("0.wav",)) == []


@pytest.mark.parametrize(
    ("known", "there", "said"),
    [
        (AT_ONCE + 4, 4, [f"{AT_ONCE} of the {AT_ONCE + 4} files known in ROOT are gone"]),
        (AT_ONCE + 3, 4, []),  # few
        (2 * AT_ONCE, AT_ONCE, []),  # half
        (2 * AT_ONCE + 1, AT_ONCE, [f"{AT_ONCE + 1} of the 21 files known in ROOT are gone"]),
    ],
)
def test_most_of_it_at_once(tmp_path: Path, known: int, there: int, said: list[str]) -> None:
    make(tmp_path, files(there))
    assert told(tmp_path, files(known)) == said


def test_a_mount_point_below_a_root(tmp_path: Path) -> None:
    here = files(50, "here/")
    make(tmp_path, here)
    away = files(AT_ONCE // 2, "disk/a/") + files(AT_ONCE // 2, "disk/b/")
    assert told(tmp_path, here + away) == []  # deleted, and their folder with them
    (tmp_path / "disk").mkdir()
    assert told(tmp_path, here + away) == [f"ROOT/disk is empty, where {AT_ONCE} files were"]
    assert told(tmp_path, here + away[1:]) == []
    make(tmp_path, ["disk/cover.jpg"])
    assert told(tmp_path, here + away) == []


def test_roots_are_looked_at_one_by_one(tmp_path: Path) -> None:
    make(tmp_path, files(3, "one/"))
    (tmp_path / "two").mkdir()
    row = LedgerRow("", 1, 1, "content", State.MISSING, None, None, "model", 0.0)
    paths = [str(tmp_path / name) for name in files(3, "one/") + files(2, "two/")]
    found = scan([tmp_path / "one", tmp_path / "two"])
    assert absences(found, dict.fromkeys(paths, row), paths[3:]) == [
        f"nothing was found in {tmp_path}/two, where 2 files were"
    ]
