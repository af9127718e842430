from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from partwise import PARTS, Part  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.training.mix_plan import MixSettings  # noqa: E402
from partwise_lab.training.pseudo_mix import PseudoMixer  # noqa: E402
from partwise_lab.training.stem_bank import StemBank  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402

SETTINGS = MixSettings(songs=4, views=3, seconds=2.0)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"))
    return StemBank.build(folder, MelSettings(), jobs=1)


def test_each_part_has_every_label_views_times(bank):
    batch = PseudoMixer(bank, SETTINGS, seed=1).draw()
    assert batch.log_mel.shape == (12, 88, 192)
    assert batch.shares.shape == (12, 5, 22, 24)
    for part in PARTS:
        _, counts = np.unique(batch.labels[:, part.index], return_counts=True)
        assert counts.tolist() == [3] * 4


def test_parts_are_shuffled_against_each_other(bank):
    labels = PseudoMixer(bank, replace(SETTINGS, songs=5), seed=1).draw().labels.numpy()
    pairs = {(int(a), int(b)) for a, b in labels[:, :2]}
    assert len(pairs) > 5  # were they aligned, there would be one pair per song


def test_same_seed_same_batch(bank):
    a, b, c = (PseudoMixer(bank, SETTINGS, seed=s).draw() for s in (7, 7, 8))
    torch.testing.assert_close(a.log_mel, b.log_mel)
    assert not torch.equal(a.log_mel, c.log_mel)


def test_absent_parts_are_silent_and_somebody_always_plays(bank):
    batch = PseudoMixer(bank, replace(SETTINGS, songs=5, views=10, keep=(0.0, 0.3)), 3).draw()
    assert batch.present.any(dim=1).all()
    assert not batch.present.all()
    assert torch.all(batch.shares.sum(dim=(2, 3))[~batch.present] < 22 * 24 * 0.2)
    assert torch.all(batch.shares.sum(dim=1) <= 1 + 1e-4)


def test_alone_means_all_of_the_power(bank):
    batch = PseudoMixer(bank, replace(SETTINGS, keep=(0.0, 0.0)), seed=4).draw()
    assert torch.all(batch.present.sum(dim=1) == 1)
    assert batch.shares[batch.present].mean() > 0.99


@pytest.fixture(scope="module")
def voices():
    time_s = np.arange(6 * 22050) / 22050
    tones = [0.1 * np.sin(2 * np.pi * hz * time_s) for hz in (700.0, 900.0)]
    return StemBank.of_voices([tone.astype(np.float32) for tone in tones], MelSettings())


def test_a_voice_is_heard_as_other_and_has_no_label(bank, voices):
    always = replace(SETTINGS, sung=1.0)
    batch = PseudoMixer(bank, always, seed=5, voices=voices).draw()
    without = PseudoMixer(bank, always, seed=5).draw()
    other = Part.OTHER.index
    assert batch.present[:, other].float().mean() > 0.9
    assert not batch.labelled[:, other].any()
    assert torch.equal(batch.labelled[:, :other], batch.present[:, :other])
    assert torch.equal(without.labelled, without.present)


def test_nobody_sings_over_the_others(bank, voices):
    never = replace(SETTINGS, sung=0.0)
    batch = PseudoMixer(bank, never, seed=5, voices=voices).draw()
    assert torch.equal(batch.labelled, batch.present)
