"""A library that partwise 0.1.0 made (format 1), in the hands of this version.

``library-0.1.0.zip`` holds six short recordings and one that is none, a tiny model and the library
that 0.1.0 made of them in two runs, in /tmp/partwise-0.1.0: here its files have moved.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from partwise.embedding.encoder import load_encoder
from partwise.errors import PartwiseError
from partwise.library.check.check import check
from partwise.library.library import Library
from partwise.library.tables.manifest import FORMAT
from recordings import counts
from tiny_model import write_tiny_model

MADE = Path(__file__).with_name("library-0.1.0.zip")
# What 0.1.0 answered to 2.ogg.
ANSWERS = {
    "3.ogg": 0.2783369719982147,
    "1.ogg": 0.09855557978153229,
    "0.ogg": -0.18273112177848816,
    "5.ogg": -0.21153560280799866,
    "4.ogg": -0.2658196687698364,
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folders ``library``, ``music`` and ``model``.

    A model of that time has a front end that is gone. The tiny one's description is given the
    setting that came since, and the library its name, so that no file need be heard again.
    """
    with zipfile.ZipFile(MADE) as file:
        file.extractall(tmp_path)
    model, library = tmp_path / "model" / "tiny.json", tmp_path / "library" / "library.json"
    before = json.loads(library.read_text())["active"]["digest"]
    described = json.loads(model.read_text())
    described["mel"]["break_hz"] = 360.0
    model.write_text(json.dumps(described))
    after = load_encoder(model.with_suffix(".onnx")).digest
    library.write_text(library.read_text().replace(before, after))
    for path in [*library.parent.rglob(f"*{before}*")]:
        path.rename(path.with_name(path.name.replace(before, after)))
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


def test_the_next_run_upgrades_it_and_hears_nothing_again(home: Path) -> None:
    library = Library(home / "library")
    vectors = library.tracks().vectors
    summary = library.index(home / "music", jobs=1, model=home / "model" / "tiny.onnx")
    assert counts(summary) == {"moved": 6, "failed": 1}
    assert format_of(home / "library") == FORMAT
    assert np.array_equal(library.tracks().vectors, vectors)
    hits = library.search(str(home / "music" / "2.ogg"))
    assert {hit.path.name: hit.score for hit in hits} == pytest.approx(ANSWERS, abs=1e-6)
    assert check(home / "library", isolated=False).findings == []


def test_a_newer_model_hears_everything_again(home: Path) -> None:
    model = write_tiny_model(home / "newer", seed=1)
    library = Library(home / "library")
    summary = library.index(home / "music", jobs=1, model=model)
    assert summary.replaced
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
