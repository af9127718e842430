"""render, train, export and evaluate, one after the other, at tiny size."""

import json
import shutil

import numpy as np
import pytest

from partwise_lab.cli import main
from stem_folder import write_stem_folder

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def stems(tmp_path_factory):
    return write_stem_folder(tmp_path_factory.mktemp("data") / "stems", pieces=6, seconds=21.0)


@pytest.fixture(scope="module")
def model(stems, tmp_path_factory):
    """A model trained for a second or two and exported, all by command."""
    run = tmp_path_factory.mktemp("run")
    command = ["train", str(stems), "--out", str(run), "--minutes", "0.03", "--threads", "1"]
    assert main([*command, "--recipe", "tiny"]) == 0
    onnx = run / "exported" / "partwise.onnx"
    checkpoint = str(run / "last.safetensors")
    assert main(["export-model", checkpoint, "--out", str(onnx), "--calibrate", str(stems)]) == 0
    return onnx


def test_the_exported_model_is_usable(model):
    from partwise import load_encoder

    encoder = load_encoder(model)
    noise = 0.1 * np.random.default_rng(0).standard_normal(22050 * 15).astype(np.float32)
    heard = encoder.embed(noise, 22050)
    assert heard.embeddings.shape == (2, 5, encoder.dim)
    description = json.loads(model.with_suffix(".json").read_text())
    assert description["steps"] > 0
    assert description["data_digest"]
    assert all(0.0 < threshold < 1.0 for threshold in description["presence_threshold"])


def test_an_exported_model_becomes_windowed_and_eight_bits(model, stems, tmp_path, capsys):
    from partwise import load_encoder

    out = tmp_path / "small" / "partwise.onnx"
    command = ["export-model", str(model), "--out", str(out), "--window-s", "5", "--int8"]
    assert main(command) == 2
    assert "--int8 needs --calibrate" in capsys.readouterr().err
    assert main([*command, "--calibrate", str(stems)]) == 0
    assert f"from {load_encoder(model).digest}; " in capsys.readouterr().out
    description = json.loads(out.with_suffix(".json").read_text())
    assert (description["window_s"], description["arithmetic"]) == (5.0, "int8")
    assert description["exported_from"] == load_encoder(model).digest
    assert description["steps"] == json.loads(model.with_suffix(".json").read_text())["steps"]
    encoder = load_encoder(out)
    noise = 0.1 * np.random.default_rng(0).standard_normal(22050 * 15).astype(np.float32)
    assert encoder.embed(noise, 22050).embeddings.shape == (2, 5, encoder.dim)


@pytest.mark.parametrize("protocol", ["pseudo-knn", "leakage", "presence"])
def test_evaluate_prints_and_writes_its_numbers(protocol, model, stems, tmp_path, capsys):
    out = tmp_path / "report.json"
    command = ["evaluate", str(model), "--data", str(stems), "--protocol", protocol]
    assert main([*command, "--labels", "4", "--draws", "3", "--mixes", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    report = json.loads(out.read_text())
    for part in ("drums", "bass", "piano", "guitar", "other"):
        assert part in printed
    if protocol == "presence":
        assert all(0.0 < value <= 1.0 for value in report["average_precision"].values())
    else:
        assert len(report["scores"]) == 15  # five parts: paper's reading, strict, all labels
        assert all(score["low"] <= score["high"] for score in report["scores"])
        assert 0.0 <= report["mean"] <= 1.0
    if protocol == "leakage":
        leakage = np.array(report["leakage"])
        own = [score["accuracy"] for score in report["scores"][::3]]
        np.testing.assert_allclose(np.diag(leakage), own)


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (["evaluate", "--data", "STEMS", "--protocol", "guess"], "unknown --protocol 'guess'"),
        (["evaluate", "--data", "STEMS", "--labels", "50"], "50 labels"),
        (["evaluate", "--data", "NONE"], "does not exist"),
        (["train", "NONE", "--out", "RUN"], "does not exist"),
        (["train", "STEMS", "--out", "RUN", "--device", "cuda"], "no CUDA device"),
        (["train", "STEMS", "--out", "RUN", "--recipe", "magic"], "unknown recipe 'magic'"),
        (["export-model", "NONE.safetensors", "--out", "x.onnx"], "does not exist"),
        (["render", "NONE", "--out", "RUN", "--soundfont", "NONE.sf2"], "NONE.sf2 does not exist"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_bad_input_is_one_sentence_and_exit_2(command, sentence, model, stems, tmp_path, capsys):
    if command[0] == "render" and shutil.which("fluidsynth") is None:
        pytest.skip("FluidSynth is needed to get past the first check")
    if "cuda" in command and torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    places = {"STEMS": str(stems), "RUN": str(tmp_path / "run")}
    arguments = [places.get(a, str(tmp_path / a) if a.startswith("NONE") else a) for a in command]
    if command[0] == "evaluate":
        arguments.insert(1, str(model))
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("partwise-lab: ")
    assert "Traceback" not in error
