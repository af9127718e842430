import json
import re

import pytest

from made_up_reports import MODEL, leakage_report, presence_report, real_report, score
from partwise import load_encoder
from partwise_lab.cli import main
from partwise_lab.report.model_card import model_card, read_facts

RENDER = {
    "seconds": 40.0,
    "sample_rate_hz": 22050,
    "min_parts": 4,
    "seed": 0,
    "effects": 0.8,
    "soundfonts": ["FluidR3_GM.sf2"],
    "drumkits": ["GMRockKit"],
    "families": ["fluid", "gmrockkit"],
}


@pytest.fixture
def model(tmp_path, tiny_model):
    """A model whose description tells of its run, as `partwise-lab export-model` leaves it."""
    path = tmp_path / "model.onnx"
    path.write_bytes(tiny_model.read_bytes())
    about = json.loads(tiny_model.with_suffix(".json").read_text()) | {
        "recipe": "partwise",
        "recipe_settings": {"name": "partwise", "mix": {"keep": [0.4, 1.0]}, "augment": None},
        "data_digest": "abcabcabcabc",
        "pieces": 1688,
        "minutes": 77.5,
        "clock": "core",
        "device": "cpu",
        "steps": 3344,
        "segments": 321024,
        "parameters": 1351582,
        "presence_threshold": [0.72, 0.45, 0.53, 0.57, 0.61],
        "created": "2026-11-22",
    }
    path.with_suffix(".json").write_text(json.dumps(about))
    return path


def written(folder, **reports):
    paths = {}
    for name, raw in reports.items():
        paths[name] = folder / f"{name}.json"
        paths[name].write_text(json.dumps(raw))
    return paths


def rendered(folder, split, pieces, **changes):
    """A folder as `partwise-lab render` leaves it, without the audio."""
    folder.mkdir()
    (folder / "render.json").write_text(json.dumps(RENDER | {"split": split} | changes))
    contents = {"split": split, "digest": "d0d0d0", "pieces": pieces}
    (folder / "split.json").write_text(json.dumps(contents))
    return folder


def section(card, heading):
    return card.split(f"## {heading}\n")[1].split("\n## ")[0]


def test_a_card_without_reports_says_what_was_not_measured(model):
    card = model_card(read_facts(model))
    for heading in ("How well it tells parts apart", "Leakage between parts", "Presence"):
        assert "not measured" in section(card, heading).lower()
    for heading in ("On recorded music", "Speed", "Known failures"):
        assert section(card, heading).strip() == "Not measured."
    assert "not measured" in section(card, "Training data")
    assert "does **not** say" in section(card, 'What "similar" does not mean')


def test_windows_and_arithmetic_are_told(model):
    heading = "What it is"
    assert "segments of 10 s. File: ONNX, " in section(model_card(read_facts(model)), heading)
    described = json.loads(model.with_suffix(".json").read_text())
    described |= {"window_s": 5.0, "arithmetic": "int8"}
    model.with_suffix(".json").write_text(json.dumps(described))
    told = section(model_card(read_facts(model)), heading)
    assert "segments of 10 s, heard in windows of 5 s that they share." in told
    assert "File: ONNX, convolutions in 8 bits, " in told


def test_every_figure_comes_from_the_files(model, tmp_path):
    digest = load_encoder(model).digest
    paths = written(
        tmp_path,
        leakage=leakage_report(digest),
        presence=presence_report(digest),
        oracle=leakage_report(digest) | {"oracle": True, "protocol": "pseudo-knn"},
        real=real_report(digest),
        bench={"machine": "Some CPU", "model": digest, "speeds": {"mp3": {"network": 324.4}}},
    )
    evaluations = [paths[name] for name in ("leakage", "presence", "oracle")]
    facts = read_facts(model, evaluations, [paths["real"]], benchmarks=[paths["bench"]])
    card = model_card(facts)
    assert card == model_card(facts)

    assert card.startswith(f"# Model card: partwise, {digest}\n")
    parts = section(card, "How well it tells parts apart")
    row = "| bass | 80.0 % | 75.0 to 85.0 % | 10 % | 76.0 % | 40.0 % of 100 |"
    assert row in parts
    assert "| **mean** | **70.0 %** |  | 10 % | 66.0 % | 35.0 % |" in parts
    assert parts.count("| bass |") == 1  # clean stems are a sentence
    assert "strict mean 66.0 %" in parts
    assert "| piano | 10.0 % | 10.0 % | **70.0 %** | 36.0 % | 10.0 % |" in section(
        card, "Leakage between parts"
    )
    assert "| piano | 0.800 | 0.53 |" in section(card, "Presence")
    recipe, budget = section(card, "Recipe"), section(card, "Budget")
    assert "| `mix.keep` | 0.4, 1 |" in recipe and "| `augment` | none |" in recipe
    assert "77.5 min of one CPU core" in budget and "321,024" in budget
    real = section(card, "On recorded music")
    assert "| guitar | 60 % of 10 (55.0 to 65.0 %) | 35 % of 3 (30.0 to 40.0 %) |" in real
    assert "| piano | 70 % of 10 (65.0 to 75.0 %) | not measured |" in real
    assert "piano (pieces that have it: 1)" in real
    assert "| network | 324 |" in section(card, "Speed")
    assert "this model, mp3" in section(card, "Speed")


def test_failures_are_computed(model, tmp_path):
    digest = load_encoder(model).digest
    leakage = leakage_report(digest)
    leakage["scores"][1]["accuracy"] = 0.6  # drums, strict
    paths = written(
        tmp_path, leakage=leakage, presence=presence_report(digest), real=real_report(digest)
    )
    facts = read_facts(model, [paths["leakage"], paths["presence"]], [paths["real"]])
    found = re.findall("^- (.*)$", section(model_card(facts), "Known failures"), re.MULTILINE)
    assert [line.split(" (few")[0] for line in found] == [
        "drums: 30 points are lost when the same passage may not help, so it is partly known by "
        "its notes",
        "piano: only 70.0 % right among 10 pieces",
        "guitar: only 60.0 % right among 10 pieces",
        "other: only 50.0 % right among 10 pieces",
        "piano is also heard in the subspaces of guitar (36.0 %)",
        "piano: presence has an average precision of only 0.800",
        "recordings, guitar: 35 % among 3 pieces cannot be told from guessing",
    ]


def test_a_model_without_failures_says_so(model, tmp_path):
    digest = load_encoder(model).digest
    report = leakage_report(digest) | {"scores": [score("drums", "paper", 0.99)]}
    del report["leakage"]
    paths = written(tmp_path, good=report)
    card = model_card(read_facts(model, [paths["good"]]))
    assert section(card, "Known failures").strip().endswith("- None of these.")


def test_data_sources_and_licences_are_counted(model, tmp_path):
    index = tmp_path / "index.csv"
    index.write_text(
        "file,original_path,source,licence\n"
        "aa11.mid,one.mid,Freedoom,BSD-3-Clause\n"
        "bb22.mid,two.mid,the web,none stated\n"
    )
    train = rendered(tmp_path / "tr", "train", {"aa11": "one", "aa11-2": "one", "bb22": "two"})
    test = rendered(
        tmp_path / "te", "test", {"cc33": "two"}, families=["csound"], soundfonts=["mine.sf2"]
    )
    card = model_card(read_facts(model, data=[test / "render.json", train], indexes=[index]))
    data = section(card, "Training data")
    assert data.index("**train** (`tr`): 3 pieces of 2 titles, 40 s each") < data.index("**test**")
    assert "| FluidR3_GM.sf2 | fluid | MIT |" in data
    assert "| mine.sf2 | mine | not known here |" in data
    assert "| GMRockKit (Hydrogen drum kit) | gmrockkit | in its drumkit.xml |" in data
    assert "| Freedoom | BSD-3-Clause | 2 |" in data and "| the web | none stated | 1 |" in data
    assert "| not in the index | none stated | 1 |" in data
    assert "2 pieces from files that state a free licence, 1 from files" in data
    assert "share 1 titles and 0 font families" in data
    assert "33.3 % of the pieces" in section(card, "Licence")


def test_the_command_writes_the_card(model, tmp_path, capsys):
    paths = written(tmp_path, leakage=leakage_report(load_encoder(model).digest))
    out = tmp_path / "MODEL_CARD.md"
    command = ["card", "--model", str(model), "--evaluation", str(paths["leakage"])]
    assert main([*command, "--out", str(out)]) == 0
    assert out.read_text() == model_card(read_facts(model, [paths["leakage"]]))
    assert str(out) in capsys.readouterr().out


def test_bad_input_is_one_sentence(model, tmp_path, capsys):
    out = ["--out", str(tmp_path / "card.md")]
    paths = written(tmp_path, other=leakage_report(MODEL), empty={})
    here = ["card", "--model", str(model), *out]

    def said(*command):
        assert main([*command]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        return lines[0]

    text = said(*here, "--evaluation", str(paths["other"]))
    assert f"measures the model {MODEL}" in text and "other.json" in text
    assert "not a report" in said(*here, "--evaluation", str(paths["empty"]))
    assert "cannot be read as JSON" in said(*here, "--real", str(tmp_path / "none.json"))
    assert "render.json" in said(*here, "--data-card", str(tmp_path))
    assert "benchmarks/indexing.py" in said(*here, "--benchmark", str(paths["empty"]))
    assert "none.json" in said("card", "--model", str(tmp_path / "none.onnx"), *out)
    assert "does not exist" in said("card", "--out", str(tmp_path / "no" / "card.md"))
    assert not (tmp_path / "card.md").exists()
