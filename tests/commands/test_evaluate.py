"""`evaluate` on folders of every kind; what it measures is tested in tests/evaluation."""

import json

import pytest

from html_page import Page
from listeners import make_songs, write_listening_test
from partwise_lab.cli import main
from stem_folder import write_stem_folder
from stem_trees import write_tone

KEYS = {"schema", "partwise", "protocol", "model", "model_recipe", "data", "data_digest", "pieces"}
KEYS |= {"stems", "seed", "options", "skipped", "seconds"}


@pytest.fixture
def songs(tmp_path):
    """Two songs, and a file that tells nothing by its name."""
    for number in range(2):
        write_tone(tmp_path / "songs" / f"s{number}" / "bass.wav", 60.0 + 20 * number, 11.0)
        write_tone(tmp_path / "songs" / f"s{number}" / "drums.wav", 3000.0, 11.0)
    write_tone(tmp_path / "songs" / "s0" / "take 3.wav", 700.0, 11.0)
    return tmp_path / "songs"


def run(capsys, *arguments):
    code = main(["evaluate", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_few_pieces_are_recognised_and_what_is_left_out_is_told(songs, tiny_model, capsys):
    arguments = [tiny_model, "--data", songs, "--mixes", 2]
    code, out, err = run(capsys, *arguments)
    assert code == 0
    assert "few-pieces" in out
    assert "piano    not measured" in out
    assert "1 left out or silent:" in err
    assert "take 3.wav: its name does not tell its part" in err


def test_the_report_is_whole(songs, tiny_model, tmp_path, capsys):
    saved = tmp_path / "report.json"
    arguments = [tiny_model, "--data", songs, "--mixes", 2, "--json", "--out", saved]
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    report = json.loads(out)
    assert report == json.loads(saved.read_text())
    assert set(report) >= KEYS
    assert report["schema"] == 2
    assert report["data"] == ["songs"]
    assert report["stems"]["bass"] == 2
    assert report["options"]["segment_s"] == 5.0
    assert report["skipped"][0]["name"] == "s0/take 3.wav"


def test_two_folders_and_a_manifest(songs, tiny_model, tmp_path, capsys):
    manifest = tmp_path / "parts.json"
    manifest.write_text('{"s0/take 3.wav": "guitar"}')
    write_tone(tmp_path / "more" / "s0" / "guitar.wav", 900.0, 11.0)
    arguments = ["--data", songs, "--data", tmp_path / "more", "--manifest", manifest, "--json"]
    code, out, _ = run(capsys, tiny_model, *arguments, "--protocol", "halves")
    assert code == 0
    report = json.loads(out)
    assert report["data"] == ["songs", "more"]
    assert {entry["part"]: entry["labels"] for entry in report["scores"]} == {
        "drums": 2,
        "bass": 2,
        "guitar": 2,
    }


def test_a_checkpoint_of_pytorch(tmp_path, capsys):
    pytest.importorskip("torch")
    from partwise.embedding.logmel import MelSettings
    from partwise_lab.model.checkpoint import save_checkpoint
    from partwise_lab.model.encoder import EncoderSettings, PartEncoder

    network = PartEncoder(EncoderSettings(dim=8, widths=(4, 4, 8), blocks=1, pooled=4))
    checkpoint = tmp_path / "last.safetensors"
    save_checkpoint(checkpoint, network, MelSettings(), {"recipe": "none", "data_digest": "00"})
    stems = write_stem_folder(tmp_path / "stems", pieces=4, seconds=11.0)
    arguments = [checkpoint, "--data", stems, "--labels", 3, "--draws", 2]
    code, out, _ = run(capsys, *arguments, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["protocol"] == "pseudo-knn"
    assert report["model_recipe"] == "none"
    assert len(report["model"]) == 16
    code, _, err = run(capsys, tmp_path / "none.safetensors", *arguments[1:])
    assert code == 2
    assert "none.json does not exist" in err
    assert err.count("\n") == 1
    description = checkpoint.with_suffix(".json")
    description.write_text(description.read_text().replace('"guitar"', '"flute"'))
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "has the parts" in err and "'flute'" in err and "'guitar'" in err


def test_no_folder_for_the_report(songs, tiny_model, tmp_path, capsys):
    out = tmp_path / "nowhere" / "report.json"
    code, _, err = run(capsys, tiny_model, "--data", songs, "--out", out)
    assert code == 2
    assert "does not exist" in err


def test_a_model_that_cannot_be_used_is_one_sentence(songs, tiny_model, tmp_path, capsys):
    other = tmp_path / "other.onnx"
    other.write_bytes(tiny_model.read_bytes())
    description = tiny_model.with_suffix(".json").read_text().replace('"guitar"', '"flute"')
    other.with_suffix(".json").write_text(description)
    (tmp_path / "weights.pt").write_text("")
    (tmp_path / "weights.bin").write_text("")
    for model, said in {
        other: "flute, other: this version has drums, bass, piano, guitar, other",
        tmp_path / "none.onnx": "cannot be read",
        tmp_path / "weights.pt": "cannot be read",
        tmp_path / "weights.bin": "name an exported one (.onnx) or a checkpoint (.safetensors)",
    }.items():
        code, _, err = run(capsys, model, "--data", songs)
        assert code == 2
        assert said in err and model.stem in err
        assert err.count("\n") == 1


def test_all_three_reports_in_a_folder(tmp_path, tiny_model, capsys):
    for package in ("jinja2", "matplotlib", "sklearn"):
        pytest.importorskip(package)
    stems = write_stem_folder(tmp_path / "stems", pieces=4, seconds=11.0)
    out = tmp_path / "made here"
    arguments = [tiny_model, "--data", stems, "--labels", 3, "--mixes", 2, "--draws", 2]
    arguments += ["--segment", 4]
    assert run(capsys, *arguments, "--protocol", "leakage", "--out", out)[0] == 0
    report = json.loads((out / "report.json").read_text())
    assert report["command"] == (
        f"partwise-lab evaluate {tiny_model} --data {stems} --protocol leakage --labels 3 "
        f"--mixes 2 --draws 2 --segment 4.0 --out '{out}'"
    )
    assert set(report["details"]["parts"]) == {"drums", "bass", "piano", "guitar", "other"}
    html = (out / "report.html").read_text()
    Page(html)  # well-formed
    assert report["model"] in html and report["data_digest"] in html
    errors = sum(len(behind["examples"]) for behind in report["details"]["parts"].values())
    assert html.count("<audio") == 3 * errors
    assert (out / "report.csv").read_text().count("\nleakage,") >= 15 + 25 + 3


def test_unmixed_songs(tmp_path, tiny_model, capsys):
    stems = write_stem_folder(tmp_path / "stems", pieces=3, seconds=11.0)
    out = tmp_path / "unmixed.csv"
    arguments = [tiny_model, "--data", stems, "--protocol", "unmixed", "--segment", 2]
    code, printed, _ = run(capsys, *arguments, "--out", out)
    assert code == 0
    assert "no measure of disentanglement" in printed
    assert out.read_text().count(",accuracy,unmixed,") == 6


def test_html_without_its_packages_is_one_sentence_before_any_work(
    songs, tiny_model, tmp_path, capsys, monkeypatch
):
    from partwise_lab.report import out as written

    monkeypatch.setattr(written, "find_spec", lambda name: None if name == "jinja2" else object())
    code, out, err = run(capsys, tiny_model, "--data", songs, "--out", tmp_path / "r.html")
    assert (code, out) == (2, "")
    assert "an HTML report needs Jinja2: pip install 'partwise-lab[bench]'" in err
    assert run(capsys, tiny_model, "--data", songs, "--out", tmp_path / "r.pdf")[0] == 2
    assert not list(tmp_path.glob("r.*"))


def test_what_each_subspace_holds(tmp_path, tiny_model, capsys):
    pytest.importorskip("librosa")
    folder = write_stem_folder(tmp_path / "stems", pieces=6, seconds=4.0)
    for protocol, key in (("same-part", "auc"), ("probes", "facts")):
        arguments = [tiny_model, "--data", folder, "--protocol", protocol, "--segment", 1]
        code, out, err = run(capsys, *arguments, "--json")
        assert code == 0, err
        report = json.loads(out)
        assert report["protocol"] == protocol
        assert report[key]
        assert report["options"]["segment_s"] == 1.0


def test_agreement_with_listeners(tmp_path, tiny_model, capsys):
    pytest.importorskip("yaml")
    songs = make_songs(6)
    trios = [(songs[i], songs[i + 1], songs[i + 2]) for i in range(4)]
    data, place = write_listening_test(tmp_path, songs, trios, mistakes=0.0)
    arguments = [tiny_model, "--data", data, "--protocol", "abx"]
    code, out, err = run(capsys, *arguments, "--answers", place, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["triplets"]["heard"] > 0
    assert report["hears"] == "mix"
    assert report["pieces"] == report["triplets"]["songs"]
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "--protocol abx needs --answers" in err
    code, _, err = run(capsys, tiny_model, "--data", data, "--answers", place)
    assert code == 2
    assert "for --protocol abx alone" in err


def test_networks_that_hear_stems_are_for_compare(tmp_path, capsys):
    pytest.importorskip("torch")
    from partwise.embedding.logmel import MelSettings
    from partwise_lab.model.checkpoint import save_checkpoint
    from partwise_lab.model.comparisons import MaskUNet, MaskUNetSettings

    path = tmp_path / "u.safetensors"
    network = MaskUNet(MaskUNetSettings(widths=(4, 8)))
    save_checkpoint(path, network, MelSettings(), {"recipe": "separator"})
    code, _, err = run(capsys, path, "--data", tmp_path)
    assert code == 2
    assert "does not hear mixes" in err and "partwise-lab compare" in err
