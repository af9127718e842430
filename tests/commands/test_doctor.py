"""``partwise doctor``: what is well, what is not, and what is said to do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from partwise.cli import main
from partwise.commands import doctor
from partwise.parts import Part
from small_library import Piece, make_library


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return make_library(tmp_path, [Piece("one.mp3", {Part.DRUMS: 1})]).path


def found(capsys: pytest.CaptureFixture[str], *options: str, code: int) -> dict[str, dict]:
    assert main(["doctor", "--json", *options]) == code
    return {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}


def test_all_is_well_here(
    library: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_LEAST_SPEED", 0.1)  # whatever else the machine does
    findings = found(capsys, "--library", str(library), code=0)
    assert findings["library"]["found"] == f"{library}: 1 tracks"
    assert set(findings) >= {"partwise", "model", "decoder", "disk", "processor", "telemetry"}
    assert main(["doctor", "--library", str(library)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(findings) and all(line.startswith("ok ") for line in lines)


def test_what_is_amiss_is_told_with_what_to_do(
    library: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_LEAST_SPEED", 1e9)
    monkeypatch.setattr(doctor, "_LEAST_DISK_BYTES", 1 << 80)
    monkeypatch.setattr(doctor, "_PACKAGES", ("numpy", "no-such-package"))
    monkeypatch.setattr(doctor, "_DECODERS", {"mp3": "mp3float", "reel": "no_such_codec"})
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    findings = found(capsys, "--library", str(library), code=1)
    ill = {name for name, finding in findings.items() if not finding["well"]}
    assert ill == {"packages", "model", "decoder", "disk", "telemetry"}
    assert all(findings[name]["advice"] for name in ill)
    assert "no-such-package" in findings["packages"]["found"]
    assert "reel" in findings["decoder"]["advice"]


def test_a_library_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library = make_library(tmp_path, [Piece("one.mp3", {Part.DRUMS: 1})]).path
    (library / "library.json").write_text("{")
    said = found(capsys, "--library", str(library), code=1)["library"]
    assert not said["well"]
    assert str(library) in said["found"] and "partwise check --repair" in said["found"]


def test_none_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor", "--json", "--library", str(tmp_path / "a" / "b")])
    findings = {one["name"]: one for one in json.loads(capsys.readouterr().out)}
    assert findings["library"]["well"] and "partwise index" in findings["library"]["advice"]
    assert findings["disk"]["found"].endswith(os.fspath(tmp_path))
