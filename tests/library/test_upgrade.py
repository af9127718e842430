"""A library that partwise 0.1.0 made (format 1), in the hands of this version.

``library-0.1.0.zip`` holds six short recordings and one that is none, a tiny model and the library
that 0.1.0 made of them in two runs, in /tmp/partwise-0.1.0: here its files have moved.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from partwise.library.check.check import check
from partwise.library.library import Library
from partwise.library.tables.manifest import FORMAT
from tiny_model import write_tiny_model

MADE = Path(__file__).with_name("library-0.1.0.zip")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folders ``library``, ``music`` and ``model``."""
    with zipfile.ZipFile(MADE) as file:
        file.extractall(tmp_path)
    return tmp_path


def format_of(library: Path) -> int:
    return json.loads((library / "library.json").read_text())["format"]


def test_it_opens_is_sound_and_keeps_its_format(home: Path) -> None:
    status = Library.open(home / "library").status()
    assert (status.tracks, status.indexed, len(status.failed)) == (6, 6, 1)
    report = check(home / "library", isolated=False)
    assert report.findings == []
    assert (report.tracks, report.files) == (6, 7)
    assert format_of(home / "library") == 1


def test_a_model_with_a_front_end_that_is_gone_is_refused(home: Path) -> None:
    library = Library(home / "library")
    with pytest.raises(PartwiseError, match=r"tiny\.json has a front end with the settings"):
        library.index(home / "music", jobs=1, model=home / "model" / "tiny.onnx")
    assert format_of(home / "library") == 1


def test_a_newer_model_hears_everything_again(home: Path) -> None:
    model = write_tiny_model(home / "newer", seed=1)
    library = Library(home / "library")
    summary = library.index(home / "music", jobs=1, model=model)
    assert summary.replaced
    assert format_of(home / "library") == FORMAT
    assert (summary.indexed, summary.failed) == (6, 1)
    assert len(library.tracks()) == 6
    assert check(home / "library", isolated=False).findings == []


def test_an_unknown_newer_format_is_refused(home: Path) -> None:
    path = home / "library" / "library.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": FORMAT + 1}))
    for use in (
        lambda: Library.open(home / "library"),
        lambda: check(home / "library", repair=True),
        lambda: Library(home / "library").index(home / "music"),
    ):
        with pytest.raises(PartwiseError, match=f"has format {FORMAT + 1} .* or a newer one"):
            use()
