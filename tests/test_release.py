"""What is released: contents are checked, notices are made from metadata, versions agree."""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
from pathlib import Path

import pytest

import check_wheel
import make_notices
import partwise

ROOT = Path(__file__).resolve().parents[1]
INFO = f"partwise-{partwise.__version__}.dist-info"
MANUAL_PAGE = f"partwise-{partwise.__version__}.data/{check_wheel.MANUAL_PAGE}"
METADATA = f"""Metadata-Version: 2.4
Name: partwise
Version: {partwise.__version__}
Summary: s
Keywords: k
License-Expression: Apache-2.0
Requires-Python: >=3.11
Classifier: Typing :: Typed
Description-Content-Type: text/markdown

# partwise
"""


def write_wheel(path: Path, *, leave: str = "", add: str = "", metadata: str = METADATA) -> Path:
    """A wheel with everything that must be there, but for ``leave``, and with ``add``."""
    names = [f"partwise/{name}" for name in check_wheel.NEEDED]
    names += [f"{INFO}/licenses/{name}" for name in check_wheel.LICENCES]
    names += ["partwise/demo/audio/a.opus", MANUAL_PAGE, add]
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            if name and name != leave:
                archive.writestr(name, b"x")
        archive.writestr("partwise/demo/groups.json", json.dumps({"pieces": [{"file": "a.opus"}]}))
        archive.writestr(f"{INFO}/METADATA", metadata)
    return path


def test_a_whole_wheel_has_no_problems(tmp_path: Path) -> None:
    assert check_wheel.wheel_problems(write_wheel(tmp_path / "a.whl")) == []


@pytest.mark.parametrize(
    "name",
    ["partwise/py.typed", f"{INFO}/licenses/NOTICE", "partwise/demo/audio/a.opus", MANUAL_PAGE],
)
def test_what_is_missing_from_a_wheel_is_named(name: str, tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "a.whl", leave=name)
    assert check_wheel.wheel_problems(wheel) == [f"{name} is missing"]


@pytest.mark.parametrize(
    "name",
    ["tests/test_a.py", "partwise/demo/audio/b.opus", "partwise/a.mid", "partwise/tests/a.py"],
)
def test_what_does_not_belong_in_a_wheel_is_named(name: str, tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path / "a.whl", add=name)
    assert check_wheel.wheel_problems(wheel) == [f"{name} does not belong in the wheel"]


def test_incomplete_metadata_is_told(tmp_path: Path) -> None:
    text = METADATA.replace("Keywords: k\n", "").replace(partwise.__version__, "0.0.1")
    wheel = write_wheel(tmp_path / "a.whl", metadata=text)
    assert check_wheel.wheel_problems(wheel) == [
        "METADATA has no Keywords",
        f"METADATA has version 0.0.1, the source {partwise.__version__}",
    ]


def test_wheels_that_differ_are_told_by_file(tmp_path: Path) -> None:
    first, second = write_wheel(tmp_path / "a.whl"), write_wheel(tmp_path / "b.whl")
    assert check_wheel.different(first, first) == []
    third = write_wheel(tmp_path / "c.whl", leave="partwise/cli.py")
    assert check_wheel.different(second, third) == [
        "partwise/cli.py is not the same as from the source distribution"
    ]


def test_a_source_distribution_must_hold_what_builds_and_tests_it(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    names = [name for name in check_wheel.SDIST_NEEDED if name != "CHANGELOG.md"]
    with tarfile.open(path, "w:gz") as archive:
        for name in [*names, "tests/song.flac", "src/partwise/demo/audio/a.opus"]:
            archive.addfile(tarfile.TarInfo(f"partwise-1/{name}"), io.BytesIO())
    assert check_wheel.sdist_problems(path) == [
        "CHANGELOG.md is missing",
        "tests/song.flac does not belong in the source distribution",
    ]


def test_every_place_that_names_the_version_names_this_one() -> None:
    version = re.escape(partwise.__version__)
    for name, pattern in {
        "CITATION.cff": rf"^version: {version}$",
        "CHANGELOG.md": rf"^## \[{version}\] - \d{{4}}-\d\d-\d\d$",
        "docs/researchers.md": rf"version = \{{{version}\}}",
    }.items():
        assert re.search(pattern, (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE), name


def test_vendored_files_lie_beside_a_licence_that_the_notices_name() -> None:
    vendor = ROOT / "src" / "partwise" / "web" / "static" / "vendor"
    notices = (ROOT / "THIRD_PARTY.md").read_text(encoding="utf-8")
    for script in vendor.glob("*.js"):
        licence = vendor / f"{script.name.split('.')[0]}.LICENSE.txt"
        assert licence.exists()
        assert licence.name in notices


def test_notices_follow_requirements_and_extras() -> None:
    found = make_notices.closure(make_notices.requirements(("web",)))
    assert {"numpy", "mutagen", "fastapi", "starlette", "jinja2", "markupsafe"} <= set(found)
    assert "torch" not in found and "pytest" not in found
    assert make_notices.licence("numpy").startswith("BSD-3-Clause")
    table = make_notices.table(["markupsafe", "numpy"], {"partwise": {"numpy"}})
    pin = make_notices.pins()["numpy"]
    assert f"| numpy | {pin} | {make_notices.licence('numpy')} | partwise |" in table
    assert "another of these" in table
