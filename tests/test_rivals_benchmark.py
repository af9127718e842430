"""benchmarks/rivals.py in small: rows in processes of their own, in turns, on the same files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import rivals
from partwise.errors import PartwiseError
from partwise.parts import Part
from sounds import sound, write


@pytest.fixture
def song(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PARTWISE_MODEL", str(tiny_model))
    return write(tmp_path / "song.wav", sound({Part.DRUMS: 0.5}, 6.0))


def test_rows_are_measured_in_turns(song: Path):
    pytest.importorskip("librosa")
    rows = rivals.measure(["partwise", "mfcc", "hpss"], {"wav": song, "same": song}, 6.0, 2, song)
    assert [row["name"] for row in rows] == ["partwise", "mfcc", "hpss"]
    for row in rows:
        assert 0.0 < row["slowest"] <= row["speed"] <= row["fastest"]
        assert set(row["by_file"]) == {"wav", "same"}
        assert row["peak_mb"] > 20.0
    # 47 segments of five vectors of 16 floats; 40 floats; those of five stems.
    assert [row["bytes_per_track"] for row in rows] == [47 * 5 * 16 * 4, 160, 800]


def test_a_row_that_cannot_run_is_skipped_with_its_sentence(
    song: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PARTWISE_MODEL", str(song.with_name("none.onnx")))
    [row] = rivals.measure(["partwise"], {"wav": song}, 6.0, 1, song)
    assert row["skipped"].startswith(f"the model {song.with_name('none.onnx')} cannot be read")
    assert "speed" not in row


def test_a_row_whose_process_dies_is_skipped(song: Path):
    child = rivals.Child("partwise")
    assert child.ready == {"bytes_per_track": 47 * 5 * 16 * 4}
    with pytest.raises(PartwiseError, match="its process ended with 1"):
        child.hear(song.with_name("none.wav"))
    [row] = rivals.measure(["partwise"], {"wav": song}, 6.0, 1, song.with_name("none.wav"))
    assert row["skipped"] == "its process ended with 1"


def test_what_it_prints_and_writes(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys
):
    monkeypatch.setenv("PARTWISE_MODEL", str(tiny_model))
    monkeypatch.setattr(rivals, "ROWS", {"partwise": rivals.ROWS["partwise"]})
    monkeypatch.setattr(rivals.os, "sched_setaffinity", lambda pid, cores: None, raising=False)
    out = tmp_path / "rivals.json"
    rivals.main(["--seconds", "12", "--repeats", "1", "--json", str(out)])
    raw = json.loads(out.read_text())
    assert (raw["seconds"], raw["repeats"]) == (12, 1)
    assert rivals.rivals_table(raw) == capsys.readouterr().out.rstrip("\n")
    assert set(raw["rows"][0]["by_file"]) == {"mp3", "flac"}
