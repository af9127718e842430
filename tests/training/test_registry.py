import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("torch")

from partwise import PartwiseError
from partwise.embedding.logmel import MelSettings
from partwise_lab.model.checkpoint import load_checkpoint
from partwise_lab.training.masks import NAME as MASKS
from partwise_lab.training.preference import NAME as PREFERENCE
from partwise_lab.training.presence import NAME as PRESENCE
from partwise_lab.training.registry import RunOptions, check_options, recipes, run_recipe
from partwise_lab.training.stem_bank import StemBank
from stem_folder import write_stem_folder
from untrained import write_untrained


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"), seconds=12.0)
    for record in folder.glob("*/metadata.json"):  # the paper mixes songs of similar tempo
        record.write_text(json.dumps(json.loads(record.read_text()) | {"tempo_bpm": 120.0}))
    return folder


@pytest.mark.parametrize("name", sorted(recipes().keys() - {PREFERENCE}))
def test_every_recipe_can_begin_a_run(name, data, tmp_path):
    bank = StemBank.build(data, MelSettings(), jobs=1)
    on_top = name in (PRESENCE, MASKS)
    start = write_untrained(tmp_path / "start.safetensors") if on_top else None
    options = RunOptions(minutes=0.0, seed=3, learning_rate=0.01, start_from=start)
    path = run_recipe(name, [data], bank, tmp_path / "run", options)
    model, _, about = load_checkpoint(path)
    assert about["recipe"] == name
    assert about["recipe_settings"]["seed"] == 3
    assert about["recipe_settings"]["learning_rate"] == 0.01
    assert not model.training


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("magic", {}, "unknown recipe 'magic': choose from partwise"),
        ("paper", {"voices": Path("v")}, "--voices: the recipe paper knows no voices"),
        ("partwise", {"teachers": Path("t")}, "--teachers: the recipe partwise has none"),
        ("paper", {"start_from": Path("c")}, "--start-from: the recipe paper begins anew"),
        ("paper", {"answers": Path("a")}, "--answers: only the recipe preference learns from"),
        (
            "preference",
            {"start_from": Path("c")},
            "--answers: the recipe preference needs a folder",
        ),
        ("preference", {"answers": Path("a")}, "--start-from: the recipe preference needs the"),
        ("presence", {}, "--start-from: the recipe presence needs the checkpoint that it tunes"),
        ("masks", {}, "--start-from: the recipe masks needs the checkpoint that it tunes"),
        ("preference", {"teachers": Path("t")}, "--teachers: the recipe preference has none"),
        ("paper", {"cool": True}, "--cool: the rate of the recipe paper falls over --minutes"),
        ("partwise", {"separator": "hpss"}, "--separator: the recipe partwise hears mixes"),
    ],
)
def test_options_that_a_recipe_has_no_use_for(name, options, sentence):
    with pytest.raises(PartwiseError, match=sentence):
        check_options(name, RunOptions(minutes=1.0, **options))


def test_individual_networks_learn_from_the_stems_of_a_separator(data, tmp_path):
    pytest.importorskip("librosa")
    bank = StemBank.build(data, MelSettings(), jobs=1)
    options = RunOptions(minutes=0.0, separator="hpss")
    seen = []
    path = run_recipe(
        "individual", [data], bank, tmp_path, options, preparing=lambda *at: seen.append(at)
    )
    about = load_checkpoint(path)[2]
    assert seen[-1] == (12, 12)  # two mixes for each of six pieces
    assert about["recipe_settings"]["hears"] == "hpss 250"
    assert about["data_digest"] != bank.digest
    with pytest.raises(PartwiseError, match="one folder"):
        run_recipe("individual", [data, data], bank, tmp_path, options)


def test_voices_sing_over_the_mixes_and_are_no_pieces(data, tmp_path):
    voices = tmp_path / "voices"
    voices.mkdir()
    time_s = np.arange(6 * 22050) / 22050
    soundfile.write(voices / "a.flac", 0.1 * np.sin(2 * np.pi * 300 * time_s), 22050)
    (voices / "voices.json").write_text(json.dumps({"clips": [{"file": "a.flac"}]}))
    bank = StemBank.build(data, MelSettings(), jobs=1)
    options = RunOptions(minutes=0.0, voices=voices)
    about = load_checkpoint(run_recipe("tiny", [data], bank, tmp_path / "run", options))[2]
    assert about["pieces"] == len(bank.pieces)
    assert about["data_digest"] == bank.digest
    assert len(about["recipe_settings"]["voices"]) == 12
