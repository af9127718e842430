"""library.json, the folder it stands in, and the lock."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from partwise.errors import PartwiseError
from partwise.library.tables.lock import WriterLock
from partwise.library.tables.manifest import (
    DamagedManifest,
    Manifest,
    ModelInfo,
    Rate,
    read_manifest,
    sealed,
    write_manifest,
)
from partwise.library.tables.writer import make_folder

MODEL = ModelInfo("0123456789abcdef", 64, (0.1, 0.2, 0.3, 0.4, 0.5), 10.0, 5.0)
OTHER = ModelInfo("fedcba9876543210", 128, (0.5,) * 5, 10.0, 5.0)


@pytest.mark.parametrize(
    "manifest",
    [
        Manifest(MODEL),
        Manifest(MODEL, OTHER),
        Manifest(MODEL, None, Rate(10, 2, 4)),
        Manifest(MODEL, store="s3://bucket/music", precision="int8"),
    ],
)
def test_round_trip(tmp_path: Path, manifest: Manifest) -> None:
    write_manifest(tmp_path, manifest)
    assert read_manifest(tmp_path) == manifest
    assert os.listdir(tmp_path) == ["library.json"]


def test_the_first_format_is_read_and_written_as_the_newest(tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest(MODEL))
    file = tmp_path / "library.json"
    data = json.loads(file.read_text())
    del data["store"], data["precision"], data["check"]
    file.write_text(json.dumps(data | {"format": 1}))
    former = read_manifest(tmp_path)
    assert former == Manifest(MODEL, format=1)
    write_manifest(tmp_path, former)
    assert read_manifest(tmp_path) == Manifest(MODEL)


def test_a_flipped_bit_is_found_or_changes_nothing(tmp_path: Path) -> None:
    manifest = Manifest(MODEL, OTHER, Rate(10.5, 2, 4), "s3://bucket/music", "int8")
    write_manifest(tmp_path, manifest)
    file = tmp_path / "library.json"
    whole = file.read_bytes()
    found = 0
    for place, bit in itertools.product(range(len(whole)), range(8)):
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << bit
        file.write_bytes(spoilt)
        try:
            assert read_manifest(tmp_path) == manifest, (place, bit)
        except DamagedManifest as error:
            assert "library.json is damaged" in str(error)
            found += 1
    assert found > 0.7 * 8 * len(whole)  # not in the indentation and in the name of the sum


def test_a_file_of_0_2_0_has_no_check_sum(tmp_path: Path) -> None:
    write_manifest(tmp_path, Manifest(MODEL, OTHER))
    data = json.loads((tmp_path / "library.json").read_text())
    del data["check"]
    (tmp_path / "library.json").write_text(json.dumps(data))
    assert read_manifest(tmp_path) == Manifest(MODEL, OTHER)


def test_rate_per_job() -> None:
    assert Rate(audio_s=800, wall_s=2, jobs=4).per_job == 100


def changed(folder: Path, **values) -> None:
    write_manifest(folder, Manifest(MODEL))
    data = json.loads((folder / "library.json").read_text())
    (folder / "library.json").write_text(json.dumps(sealed(data | values)))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"format": 4}, r"has format 4 and this partwise reads formats up to 3"),
        ({"format": "1"}, r"has format '1' and this partwise reads"),
        ({"store": 7}, r"library\.json is damaged"),
        ({"precision": "int4"}, r"library\.json is damaged"),
        ({"parts": ["drums", "vocals"]}, r"parts \['drums', 'vocals'\]"),
        ({"active": None}, r"library\.json is damaged"),
        ({"active": {"digest": "../x"}}, r"library\.json is damaged"),
        ({"pending": {"digest": "abc"}}, r"library\.json is damaged"),
        ({"rate": {"speed": 1}}, r"library\.json is damaged"),
    ],
)
def test_what_cannot_be_used_is_said(tmp_path: Path, values, message: str) -> None:
    changed(tmp_path, **values)
    with pytest.raises(PartwiseError, match=message) as caught:
        read_manifest(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("contents", [b"", b"{", b"[1]", b"\xff\xfe\x00", b'"text"', b"null"])
def test_a_damaged_file(tmp_path: Path, contents: bytes) -> None:
    (tmp_path / "library.json").write_bytes(contents)
    with pytest.raises(PartwiseError, match=r"library\.json is damaged .*put back a copy"):
        read_manifest(tmp_path)


def test_no_library_yet(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(PartwiseError, match=r"there is no library at .*partwise index FOLDER"):
            read_manifest(folder)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    for use in (read_manifest, make_folder):
        with pytest.raises(PartwiseError, match="is not a partwise library"):
            use(tmp_path)
    assert os.listdir(tmp_path) == ["holiday.jpg"]


def test_a_file_instead_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for use in (read_manifest, make_folder):
        with pytest.raises(PartwiseError, match="is not a folder"):
            use(tmp_path / "file")


def test_what_a_killed_first_run_left_can_be_taken_over(tmp_path: Path) -> None:
    for name in ("ledger.lance", "tracks_0123456789abcdef.lance"):
        (tmp_path / name).mkdir()
    (tmp_path / "library.lock").touch()
    (tmp_path / "library.json.new").write_text("{")
    make_folder(tmp_path)


def test_one_writer_and_its_pid(tmp_path: Path) -> None:
    with (
        WriterLock(tmp_path),
        pytest.raises(PartwiseError, match=f"process {os.getpid()} is writing to the library at"),
        WriterLock(tmp_path),
    ):
        pass
    with WriterLock(tmp_path):
        pass


def test_the_lock_goes_with_its_holder(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys; from partwise.library.tables.lock import WriterLock\n"
        f"WriterLock(pathlib.Path({str(tmp_path)!r})).__enter__(); print(flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(PartwiseError, match=f"process {holder.pid} "), WriterLock(tmp_path):
            pass
        holder.kill()
    with WriterLock(tmp_path):
        pass
