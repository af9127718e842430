import numpy as np
import pytest

pytest.importorskip("torch")

from partwise import PARTS, Part
from partwise.embedding.logmel import MelSettings
from partwise_lab.training.mix_plan import MixSettings, Planner
from partwise_lab.training.stem_bank import StemBank
from stem_folder import write_stem_folder

SETTINGS = MixSettings(songs=4, views=3)
FRAMES = 88


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"))
    return StemBank.build(folder, MelSettings(), jobs=1)


@pytest.fixture
def plan(bank):
    return Planner(bank, SETTINGS, FRAMES).draw(np.random.default_rng(0))


def test_windows_lie_within_their_stems(bank, plan):
    for part in PARTS:
        for stem, first in zip(plan.stem[:, part.index], plan.first[:, part.index], strict=True):
            assert 0 <= first <= bank.stems[part][stem].frames - FRAMES


def test_the_label_is_the_piece_of_the_stem(bank, plan):
    for part in PARTS:
        pieces = [bank.stems[part][i].piece for i in plan.stem[:, part.index]]
        assert pieces == plan.song[:, part.index].tolist()


def test_a_slot_is_one_song(plan):
    for i in range(len(PARTS)):
        pairs = set(zip(plan.slot[:, i].tolist(), plan.song[:, i].tolist(), strict=True))
        assert len(pairs) == SETTINGS.songs
        assert {slot for slot, _ in pairs} == set(range(SETTINGS.songs))


def test_gain_brings_stems_to_about_equal_level(bank):
    loud = Planner(bank, MixSettings(songs=4, views=3, gain_db=0.0), FRAMES)
    plan = loud.draw(np.random.default_rng(0))
    for stem, gain_db in zip(plan.stem[:, 0], plan.gain_db[:, 0], strict=True):
        assert bank.stems[Part.DRUMS][stem].level_db + gain_db == pytest.approx(0.0)


def test_keeping_all_keeps_all(bank):
    planner = Planner(bank, MixSettings(songs=4, views=3, keep=(1.0, 1.0)), FRAMES)
    assert planner.draw(np.random.default_rng(0)).keep.all()


@pytest.fixture
def among_their_own(bank):
    settings = MixSettings(songs=4, views=3, keep=(1.0, 1.0), gain_db=0.0, company=0.5)
    return Planner(bank, settings, FRAMES).draw(np.random.default_rng(2))


def test_some_songs_are_heard_once_among_the_parts_of_their_piece(among_their_own):
    plan, home = among_their_own, [0, 3]  # first views of two of the four songs
    for mix in home:
        assert len(set(plan.song[mix][plan.keep[mix]])) == 1
        assert len(set(plan.first[mix][plan.keep[mix]])) == 1  # from one moment
    away = np.setdiff1d(np.arange(12), home)
    assert plan.keep[away].all()
    assert all(len(set(songs)) > 1 for songs in plan.song[away])


def test_their_labels_are_those_of_their_other_views(among_their_own):
    plan = among_their_own
    for i in range(len(PARTS)):
        pairs = set(zip(plan.slot[:, i].tolist(), plan.song[:, i].tolist(), strict=True))
        assert len(pairs) == 4
        _, counts = np.unique(plan.slot[:, i], return_counts=True)
        assert counts.tolist() == [3] * 4


def test_a_part_that_the_piece_lacks_is_left_out_of_its_company(bank):
    settings = MixSettings(songs=6, views=2, keep=(1.0, 1.0), company=1.0)
    plan = Planner(bank, settings, FRAMES).draw(np.random.default_rng(0))
    home = np.arange(6) * 2
    without = [mix for mix in home if 5 in plan.song[mix][plan.keep[mix]]]  # has no guitar
    assert len(without) == 1
    assert not plan.keep[without[0], Part.GUITAR.index]


def test_a_piece_among_its_own_keeps_its_balance(bank, among_their_own):
    plan = among_their_own
    assert np.ptp(plan.gain_db[0]) == pytest.approx(0.0)
    assert np.ptp(plan.gain_db[1]) > 0.0
