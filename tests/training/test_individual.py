from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from partwise import PARTS, Part, PartwiseError
from partwise.embedding.logmel import MelSettings
from partwise_lab.model.checkpoint import load_checkpoint
from partwise_lab.model.comparisons import IndividualNetworks
from partwise_lab.model.encoder import EncoderSettings
from partwise_lab.training.comparisons import IndividualObjective
from partwise_lab.training.loop import train
from partwise_lab.training.mix_plan import MixSettings, Planner
from partwise_lab.training.recipes import INDIVIDUAL
from partwise_lab.training.stem_bank import StemBank
from stem_folder import write_stem_folder

SMALL = EncoderSettings(dim=8, widths=(16, 16, 16), blocks=1, pooled=8, pooled_fine=4)
RECIPE = replace(INDIVIDUAL, encoder=SMALL, mix=MixSettings(songs=4, views=3, seconds=2.0))


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    return StemBank.build(write_stem_folder(tmp_path_factory.mktemp("stems")), MelSettings())


def test_every_network_hears_the_stems_of_its_part_alone(bank):
    objective = IndividualObjective(bank, RECIPE)
    batch = objective.draw()
    assert batch.log_mel.shape[:2] == (5, 12)
    assert [len(set(labels.tolist())) for labels in batch.labels] == [4] * 5
    network = objective.model.eval()
    with torch.no_grad():
        heard = network(batch.log_mel)
        changed = batch.log_mel.clone()
        changed[Part.BASS.index] = changed[Part.PIANO.index]
        again = network(changed)
    assert heard.shape == (5, 12, 8)
    assert heard.norm(dim=2) == pytest.approx(torch.ones(5, 12), abs=1e-5)
    differs = [not torch.equal(a, b) for a, b in zip(heard, again, strict=True)]
    assert differs == [part is Part.BASS for part in PARTS]


def test_a_network_has_one_subspace():
    network = IndividualNetworks(SMALL)
    first = network.networks[0]
    assert first(torch.zeros(2, 40, 192)).embeddings.shape == (2, 1, 8)  # pyright: ignore


def test_it_learns_to_tell_stems_apart(bank, tmp_path):
    objective = IndividualObjective(bank, RECIPE)
    before = objective.loss(objective.draw(), 0.0)[0].item()
    seen = []
    path = train(objective, tmp_path, minutes=0.1, clock="core", threads=1, progress=seen.append)
    assert seen[-1].losses["loss"] < 0.8 * before
    network, mel, about = load_checkpoint(path)
    assert isinstance(network, IndividualNetworks)
    assert mel == bank.mel
    assert about["recipe_settings"]["hears"] == "oracle"


def test_views_come_from_all_stems_of_a_piece(bank):
    """As in a bank of separated stems, where a piece was heard in several mixes."""
    doubled = StemBank.join([bank, bank])
    twice = {
        part: [replace(stem, piece=stem.piece % len(bank.pieces)) for stem in doubled.stems[part]]
        for part in PARTS
    }
    doubled.stems = twice
    planner = Planner(doubled, MixSettings(songs=3, views=8), 88)
    chosen, _ = planner.windows(Part.DRUMS, np.random.default_rng(0))
    for song in chosen.reshape(3, 8):
        assert len({twice[Part.DRUMS][stem].piece for stem in song}) == 1
        assert len(set(song.tolist())) == 2


def test_stems_shorter_than_a_segment_get_a_sentence(bank):
    recipe = replace(RECIPE, mix=MixSettings(songs=4, views=3, seconds=30.0))
    with pytest.raises(PartwiseError, match=r"no stem of drums is longer than the 29\.9 s"):
        IndividualObjective(bank, recipe).draw()
