import sys
from dataclasses import replace

import numpy as np
import pytest

from partwise import PARTS, Part, PartwiseError
from partwise.embedding.logmel import MelSettings
from partwise_lab.measure.contenders import contender
from tiny_model import write_tiny_model

RATE_HZ = 22050


@pytest.fixture
def sounds():
    return np.random.default_rng(0).normal(0, 0.1, (3, 4 * RATE_HZ)).astype(np.float32)


def test_a_model_hears_the_mix_and_gives_the_parts_subspace(tmp_path, sounds):
    path = write_tiny_model(tmp_path)
    row = contender(f"small={path}", RATE_HZ)
    assert (row.name, row.hears) == ("small", "mix")
    assert row.hearer.bytes_per_segment == 5 * 16 * 4
    assert not row.hearer.part_at_a_time
    bass, piano = (row.hearer.hear(sounds, part) for part in (Part.BASS, Part.PIANO))
    assert bass.shape == (3, 16)
    assert not np.array_equal(bass, piano)
    assert row.hearer.distances(bass).shape == (3, 3)
    assert contender(f"{path}@oracle", RATE_HZ).hears == "oracle"
    assert contender("shipped", RATE_HZ).name == "shipped"


def test_a_rival_is_given_its_own_rate_and_keeps_a_vector_for_each_sound(sounds):
    pytest.importorskip("librosa")
    mix, stems = (contender(spec, RATE_HZ) for spec in ("mfcc", "mfcc@oracle"))
    assert (mix.hears, stems.hears) == ("mix", "oracle")
    assert stems.hearer.bytes_per_segment == 5 * mix.hearer.bytes_per_segment
    assert (mix.hearer.part_at_a_time, stems.hearer.part_at_a_time) == (False, True)
    heard = mix.hearer.hear(sounds, Part.BASS)
    assert np.array_equal(heard, mix.hearer.hear(sounds, Part.DRUMS))
    assert mix.hearer.distances(heard).shape == (3, 3)


def test_individual_networks_hear_stems(tmp_path, sounds):
    pytest.importorskip("torch")
    from partwise_lab.model.checkpoint import save_checkpoint
    from partwise_lab.model.comparisons import IndividualNetworks
    from partwise_lab.model.encoder import EncoderSettings

    settings = EncoderSettings(dim=4, widths=(4, 4, 4), blocks=1, pooled=4)
    path = tmp_path / "clean" / "last.safetensors"
    about = {"recipe": "individual", "recipe_settings": {"hears": "oracle"}, "steps": 3}
    save_checkpoint(path, IndividualNetworks(settings), MelSettings(), about)
    row = contender(str(path), RATE_HZ)
    assert (row.name, row.hears) == ("clean", "oracle")
    assert row.hearer.part_at_a_time
    assert row.hearer.bytes_per_segment == 5 * 4 * 4
    assert row.hearer.about["steps"] == 3 and row.hearer.about["trained_on"] == "oracle"
    heard = [row.hearer.hear(sounds, part) for part in PARTS]
    assert heard[0].shape == (3, 4)
    assert not np.array_equal(heard[0], heard[1])
    with pytest.raises(PartwiseError, match="hear stems; give @oracle or a separator"):
        contender(f"{path}@mix", RATE_HZ)


def test_what_does_not_fit_gets_a_sentence(tmp_path):
    with pytest.raises(PartwiseError, match=r"nothing that hears is called 'nobody'.*musly"):
        contender("nobody@mix", RATE_HZ)
    with pytest.raises(PartwiseError, match="names nothing that hears"):
        contender("row=@hpss", RATE_HZ)
    with pytest.raises(PartwiseError, match=r"none\.onnx"):
        contender(str(tmp_path / "none.onnx"), RATE_HZ)
    path = write_tiny_model(tmp_path, settings=replace(MelSettings(), sample_rate_hz=32000))
    with pytest.raises(PartwiseError, match="hears 32000 Hz, the others 22050 Hz"):
        contender(str(path), RATE_HZ)


def test_a_separator_is_no_row(tmp_path):
    pytest.importorskip("torch")
    from partwise_lab.model.checkpoint import save_checkpoint
    from partwise_lab.model.comparisons import MaskUNet, MaskUNetSettings

    path = tmp_path / "u.safetensors"
    save_checkpoint(path, MaskUNet(MaskUNetSettings(widths=(4, 8))), MelSettings(), {})
    with pytest.raises(PartwiseError, match="separates and does not embed"):
        contender(str(path), RATE_HZ)


def test_a_missing_rival_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(PartwiseError, match="librosa"):
        contender("mfcc", RATE_HZ)
