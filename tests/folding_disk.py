"""A disk that takes a name in any letters, as those of macOS and Windows do, on any other disk."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest


def _folded(name: str) -> str:
    return unicodedata.normalize("NFD", name).casefold()


def fold_names_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``os.path.lexists`` answers for what lies below a folder as such a disk does."""
    on_disk = os.path.lexists

    def lexists(path: str | os.PathLike[str]) -> bool:
        try:
            asked = Path(path).relative_to(folder).parts
        except ValueError:
            return on_disk(path)
        here = [str(folder)]
        for part in asked:
            entries = [entry for each in here if os.path.isdir(each) for entry in os.scandir(each)]
            here = [entry.path for entry in entries if _folded(entry.name) == _folded(part)]
        return bool(here)

    monkeypatch.setattr(os.path, "lexists", lexists)
