from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise.parts import Part  # noqa: E402
from partwise_lab.training.augment import AugmentSettings  # noqa: E402
from partwise_lab.training.augment.voices import Voices  # noqa: E402
from partwise_lab.training.plan import MixSettings  # noqa: E402
from partwise_lab.training.pseudo_mix import PseudoMixer  # noqa: E402
from partwise_lab.training.stem_bank import StemBank  # noqa: E402
from partwise_lab.training.wave_bank import WaveBank  # noqa: E402
from partwise_lab.training.wave_mix import WaveMixer  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402

MEL = MelSettings()
NONE = AugmentSettings.none()
SETTINGS = MixSettings(songs=3, views=4, seconds=1.5, eq_db=0.0, mix_eq_db=0.0)
OTHER = Part.OTHER.index


@pytest.fixture(scope="module")
def banks(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"), pieces=6, seconds=4.0)
    bank = StemBank.build(folder, MEL, jobs=1)
    return bank, WaveBank.build(folder, bank, jobs=1)


def mixing(banks, seed, settings=SETTINGS, **options):
    bank, waves = banks
    return WaveMixer(bank, waves, settings, seed, **options)


def voices(count=4, seconds=3.0):
    time_s = np.arange(int(seconds * MEL.sample_rate_hz)) / MEL.sample_rate_hz
    return Voices(
        [(0.1 * np.sin(2 * np.pi * 440 * (1 + k) * time_s)).astype("f4") for k in range(count)], MEL
    )


def test_without_augmentation_it_is_what_the_mel_power_mixer_makes(banks):
    by_power = PseudoMixer(banks[0], SETTINGS, seed=3)
    plan = by_power.planner.draw(by_power.rng)
    expected = by_power.mix(plan)
    batch = mixing(banks, seed=0, augment=NONE, share_every=1).mix(plan)
    assert batch.log_mel.shape == expected.log_mel.shape
    assert torch.equal(batch.labels, expected.labels)
    assert torch.equal(batch.present, expected.present)
    assert (batch.shares - expected.shares).abs().mean() < 0.01
    loud = expected.log_mel > expected.log_mel.amax(dim=(1, 2), keepdim=True) - 30.0
    assert (batch.log_mel - expected.log_mel)[loud].abs().mean() < 1.0


@pytest.mark.parametrize("cell", [4, 8])
def test_a_batch_has_the_shapes_of_the_contract(banks, cell):
    mixer = mixing(banks, seed=0, cell=cell, voices=voices())
    batch = mixer.draw()
    mixes, frames = 12, mixer.frames
    assert frames == 64 and mixer.window_frames > frames
    assert batch.log_mel.shape == (mixes, frames, 96)
    assert batch.labels.shape == batch.present.shape == (mixes, 5)
    assert batch.shares.shape == (mixes, 5, frames // cell, 96 // cell)
    assert torch.isfinite(batch.log_mel).all()
    assert (batch.log_mel.amax(dim=(1, 2)) > -40.0).all()  # nothing was lost on the way
    total = batch.shares.sum(dim=1)
    assert total.max() <= 1.0 + 1e-5 and total.mean() > 0.9
    assert batch.present.any(dim=1).all()


def test_the_same_seed_gives_the_same_batches_however_many_at_once(banks):
    first, again = (mixing(banks, seed=5, voices=voices()) for _ in range(2))
    for _ in range(2):
        torch.testing.assert_close(first.draw().log_mel, again.draw().log_mel)
    settings = replace(NONE, stem_eq_db=3.0, stem_tuning=1.0, stem_reverb=1.0, stem_saturation=1.0)
    one, all_ = (mixing(banks, seed=5, augment=settings, at_once=n).draw() for n in (1, 12))
    torch.testing.assert_close(one.shares, all_.shares, atol=1e-4, rtol=0)
    torch.testing.assert_close(one.log_mel, all_.log_mel, atol=0.05, rtol=0)


def test_shares_follow_the_tempo(banks):
    augment = replace(NONE, tempo=1.0, tempo_rate=(1.06, 1.06))
    mixer = mixing(banks, seed=0, augment=augment, share_every=1)
    # Stems that sound at other times: drums in the first half, bass in the second.
    length = mixer._stem_frames * MEL.hop_length
    stems = torch.randn(2, length, generator=torch.Generator().manual_seed(0))
    half = length // 2
    stems[0, half:], stems[1, :half] = 0.0, 0.0
    tempo = torch.tensor([1.06])
    power = mixer._part_power(stems, torch.tensor([0, 1]), tempo)[0]  # [parts, frames, bands]
    mixed = mixer._at_tempo(stems.sum(dim=0, keepdim=True), tempo)
    assert power.shape == (5, mixer.frames, 96)
    assert mixed.shape == (1, mixer.frames * MEL.hop_length)
    drums = power[0].sum(dim=1) > power[1].sum(dim=1)
    assert int(drums.sum()) == pytest.approx(half / MEL.hop_length / 1.06, abs=1)


def test_voices_sing_in_some_mixes_and_are_part_of_other(banks):
    singers = voices()
    mixer = mixing(banks, seed=1, voices=singers)
    assert mixer.songs == 6 + 4
    rng = np.random.default_rng(0)
    alone = joined = silent = 0
    for _ in range(40):
        plan = mixer.planner.draw(rng)
        singing = singers.draw(plan, mixer.augment, mixer.window_frames, rng)
        assert plan.keep[singing.mix, OTHER].all()
        slot = plan.slot[:, OTHER]
        for song in range(3):  # one singer a song, and the same role in all its windows
            assert len(set(singing.clip[slot[singing.mix] == song])) <= 1
            assert len(set(singing.label[slot == song])) == 1
        assert (singing.first >= singers.first[singing.clip]).all()
        ends = singers.first[singing.clip] + singers.frames[singing.clip]
        assert (singing.first + mixer.window_frames <= ends).all()
        labels = mixer._labels(plan.song, singing)[:, OTHER]
        assert ((labels >= 6) == (singing.label >= 0)).all()
        alone += int(singing.alone.sum())
        joined += len(singing.mix) - int(singing.alone.sum())
        silent += len(plan.keep) - len(singing.mix)
    assert 0 < alone < joined < silent


def test_a_voice_alone_is_heard_as_other_and_nothing_else(banks):
    settings = replace(SETTINGS, keep=(1.0, 1.0))
    augment = replace(NONE, voice_alone=1.0, voice_level_db=(60.0, 0.0))
    mixer = mixing(banks, seed=1, settings=settings, augment=augment, voices=voices(1))
    batch = mixer.draw()
    assert (batch.labels[:, OTHER] == 6).all()
    assert batch.present[:, OTHER].all()
    loudest = batch.log_mel.mean(dim=1).argmax(dim=1)  # 440 Hz
    assert len(loudest.unique()) == 1
    assert batch.shares[:, OTHER, :, int(loudest[0]) // 8].mean() > 0.5
    assert (batch.present.sum(dim=1) == 1).all()  # the others are far below


def test_voices_shorter_than_a_window_are_refused(banks):
    mixer = mixing(banks, seed=1, voices=voices(2, seconds=1.0))
    with pytest.raises(ValueError, match="no voice clip is longer"):
        mixer.draw()
