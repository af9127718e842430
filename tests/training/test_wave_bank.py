import shutil
from collections import namedtuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from partwise import PartwiseError  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise.parts import PARTS  # noqa: E402
from partwise_lab.data.stems import find_pieces  # noqa: E402
from partwise_lab.model.frontend import LogMelFrontend  # noqa: E402
from partwise_lab.training import wave_bank  # noqa: E402
from partwise_lab.training.stem_bank import StemBank  # noqa: E402
from partwise_lab.training.wave_bank import WaveBank, Waves, as_int16  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402

MEL = MelSettings()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_stem_folder(tmp_path_factory.mktemp("stems"), pieces=3, seconds=4.0)


@pytest.fixture(scope="module")
def bank(folder):
    return StemBank.build(folder, MEL, jobs=1)


def test_every_stem_lies_where_the_mel_bank_says(folder, bank):
    waves = WaveBank.build(folder, bank, jobs=1)
    pieces = find_pieces(folder)
    for part in PARTS:
        for stem, scale in zip(bank.stems[part], waves.scale[part], strict=True):
            original = pieces[stem.piece].read(part, MEL.sample_rate_hz)
            window = waves.windows(np.array([stem.first]), stem.frames)[0]
            assert window.dtype == torch.int16
            np.testing.assert_allclose(window[: len(original)] * scale, original, atol=2e-5)
            assert not window[len(original) :].any()


def test_a_window_has_the_mel_of_the_mel_bank(folder, bank):
    waves = WaveBank.build(folder, bank, jobs=1)
    stem = bank.stems[PARTS[2]][1]
    rows = np.array([stem.first + 40])
    samples = waves.windows(rows, 64).float() * float(waves.scale[PARTS[2]][1])
    mel = LogMelFrontend(MEL)(samples)[:, :64]
    expected = bank.windows(rows, 64)
    inner = slice(3, -3)  # the ends of a window hear nothing of their neighbours
    assert (mel - expected)[:, inner].abs().max() < 0.6  # float16 and int16


def test_what_is_built_is_only_opened_again(folder, bank, monkeypatch):
    WaveBank.build(folder, bank, jobs=1)
    monkeypatch.setattr(wave_bank, "_compute", None)
    WaveBank.build(folder, bank, jobs=1)


def test_an_interrupted_build_goes_on_where_it_stopped(folder, bank):
    whole = np.array(WaveBank.build(folder, bank, jobs=1)._samples)
    shutil.rmtree(folder / ".wave")

    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        WaveBank.build(folder, bank, jobs=1, progress=stop)
    (journal,) = (folder / ".wave").rglob("done.jsonl")
    with journal.open("a") as file:
        file.write("[2, [0.1, 0.")  # as a kill in the middle of a line leaves it
    seen = []
    again = WaveBank.build(folder, bank, jobs=1, progress=lambda done, total: seen.append(done))
    assert seen == [3]
    np.testing.assert_array_equal(again._samples, whole)


def test_a_full_disk_is_one_sentence(folder, bank, monkeypatch):
    shutil.rmtree(folder / ".wave", ignore_errors=True)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(wave_bank.shutil, "disk_usage", lambda path: usage(1, 1, 1000))
    with pytest.raises(PartwiseError, match=r"samples of .* cannot be kept: .* GiB are needed"):
        WaveBank.build(folder, bank, jobs=1)


def test_a_stem_that_changed_is_named(bank, tmp_path):
    other = write_stem_folder(tmp_path, pieces=3, seconds=3.0)
    with pytest.raises(PartwiseError, match="drums of piece00 has changed"):
        WaveBank.build(other, bank, jobs=1)


def test_int16_keeps_quiet_stems():
    quiet = (1e-4 * np.sin(np.arange(1000))).astype(np.float32)
    scale, whole = as_int16(quiet)
    np.testing.assert_allclose(whole * scale, quiet, atol=4e-9)
    assert as_int16(np.zeros(3, dtype=np.float32))[1].tolist() == [0, 0, 0]


def test_windows_from_a_device_are_those_from_the_file():
    waves = Waves(np.arange(10_000, dtype=np.int16), hop_length=100)
    rows = np.array([0, 7, 7, 90])
    here = waves.windows(rows, 10)
    waves._there = torch.from_numpy(waves._samples)  # as `to` leaves it on a GPU
    torch.testing.assert_close(waves.windows(rows, 10), here)
    assert here.tolist()[1][:3] == [700, 701, 702]
