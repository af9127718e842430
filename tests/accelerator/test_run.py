import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from accelerator import kit, run
from accelerator.run import _arguments, hand_back, steps


@pytest.fixture
def work(tmp_path):
    """A work folder after some of the steps."""
    for name in ("logs", "run", "fonts/train", "fonts/test", "stems/train"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "fonts/train/A.sf2").write_bytes(b"")
    (tmp_path / "fonts/test/B.sf2").write_bytes(b"")
    (tmp_path / "logs/train.log").write_text("step 1\n")
    (tmp_path / "state.json").write_text("{}")
    return tmp_path


def commands(work, *options):
    args = _arguments(["--work", str(work), "--out", str(work / "out"), *options])
    return {step.name: list(step.command()) for step in steps(args)}


def test_training_never_hears_the_test_fonts(work):
    planned = commands(work)
    for split, font in (("train", "A.sf2"), ("valid", "B.sf2"), ("test", "B.sf2")):
        command = planned[f"render-{split}"]
        assert [Path(w).name for w in command if w.endswith(".sf2")] == [font]
        assert command[command.index("--split") + 1] == split


def test_options_reach_the_commands(work):
    options = ["--train-minutes", "11", "--recipe", "paper", "--device", "cuda:1"]
    planned = commands(work, *options, "--train-options", "--start-from '{work}/a b'")
    train, prepare = planned["train"], planned["prepare"]
    assert train[train.index("--minutes") + 1] == "11.0"
    assert train[train.index("--recipe") + 1] == "paper"
    assert train[-2:] == ["--start-from", f"{work}/a b"]
    assert prepare[prepare.index("--minutes") + 1] == "0"
    assert [w for w in train if w != "11.0"] == [w for w in prepare if w != "0"]


def test_carried_voices_and_drum_kits_are_used(work):
    planned = commands(work)
    assert "--voices" not in planned["train"]
    assert "--drumkit" not in planned["render-train"]
    (work / "voices").mkdir()
    (work / "drumkits").mkdir()
    planned = commands(work)
    assert planned["train"][-2:] == ["--voices", str(work / "voices")]
    assert "--drumkit" in planned["render-train"]
    assert "--drumkit" not in planned["render-test"]
    assert "--voices" not in commands(work, "--recipe", "paper")["train"]


def test_rendering_stops_while_what_there_is_can_still_be_prepared(work, monkeypatch):
    args = _arguments(["--work", str(work), "--keep-free-gb", "4"])
    render = next(step for step in steps(args) if step.name == "render-train")
    for index in range(200):
        (work / "stems/train" / str(index)).mkdir()
    monkeypatch.setattr(run, "free_gb", lambda place: 4 + 200.5 * run.PREPARED_GB)
    assert render.enough() is None
    (work / "stems/train/one more").mkdir()
    assert render.enough() == "no more could be prepared on this disk"


def test_what_comes_back_is_few_small_files(work, monkeypatch):
    monkeypatch.setattr(kit, "MOST_BYTES_BACK", 1000)
    made, out = work / "run", work / "out"
    (made / "last.safetensors").write_bytes(bytes(range(250)) * 9)  # three parts
    (made / "partwise.onnx").write_bytes(b"o" * 1000)
    (made / "partwise.json").write_text("{}")
    (made / "leakage.json").write_text("{}")
    (made / "curves.png").write_bytes(b"c" * 5000)
    refused = hand_back(work, out, "the table")
    names = sorted(path.name for path in out.iterdir())
    parts = [f"last.safetensors.part-{index}" for index in range(3)]
    assert names == sorted([*parts, "partwise.onnx", "partwise.json", "logs.tar.gz", "status.txt"])
    assert len(names) <= kit.MOST_FILES_BACK
    assert all(path.stat().st_size <= 1000 for path in out.iterdir())
    whole = b"".join((out / part).read_bytes() for part in parts)
    assert whole == (made / "last.safetensors").read_bytes()
    assert refused == [f"{made / 'curves.png'} stays behind: 5 files of 16 MiB are too many"]
    with tarfile.open(out / "logs.tar.gz") as archive:
        assert {"logs/train.log", "state.json", "run/leakage.json"} <= set(archive.getnames())


def test_training_and_evaluating_need_no_package_that_the_far_machine_lacks():
    pytest.importorskip("torch")
    script = """
import sys
for name in ("av", "mutagen", "lancedb", "platformdirs", "librosa"):
    sys.modules[name] = None  # importing it fails
from partwise_lab.commands import evaluate, export_model, render, train
import partwise_lab.synthesis.render, partwise_lab.training.loop, partwise_lab.training.registry
import partwise_lab.measure.heard, partwise_lab.measure.presence, partwise_lab.measure.pseudo_knn
import partwise_lab.model.export
"""
    subprocess.run([sys.executable, "-c", script], check=True)
