import json

import numpy as np
import pytest
import soundfile

torch = pytest.importorskip("torch")

from partwise import PARTS, Part, PartwiseError  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.data.stems import data_digest, find_pieces  # noqa: E402
from partwise_lab.model.encoder import LogMelFrontend  # noqa: E402
from partwise_lab.training import stem_bank  # noqa: E402
from partwise_lab.training.stem_bank import HeardStem, StemBank, hear_stem  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402

RATE_HZ = 22050


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"))
    return StemBank.build(folder, MelSettings(), jobs=1)


@pytest.fixture(scope="module")
def voices():
    time_s = np.arange(6 * RATE_HZ) / RATE_HZ
    tones = [0.1 * np.sin(2 * np.pi * hz * time_s) for hz in (200.0, 3000.0)]
    return StemBank.of_voices([tone.astype(np.float32) for tone in tones], MelSettings())


def test_bank_holds_every_stem(bank):
    assert {str(part): len(bank.stems[part]) for part in PARTS} == {
        "drums": 6,
        "bass": 6,
        "piano": 6,
        "guitar": 5,
        "other": 6,
    }
    for stem in bank.stems[Part.BASS]:
        assert stem.frames == 1 + int(8.0 * 22050) // 512
        rows = bank.windows(np.array([stem.first]), stem.frames)[0].numpy()
        assert rows.mean(axis=0).argmax() < 40  # it is a bass


def test_what_the_same_players_play_counts_as_one_piece(tmp_path):
    folder = write_stem_folder(tmp_path, pieces=4, seconds=3.0)
    for number in (1, 3):
        place = folder / f"piece{number:02}" / "metadata.json"
        place.write_text(json.dumps({"title": f"title{number}", "players": "band 7"}))
    bank = StemBank.build(folder, MelSettings(), jobs=1)
    assert bank.pieces == ["piece00", "band 7", "piece02"]
    assert [stem.piece for stem in bank.stems[Part.BASS]] == [0, 1, 2, 1]


def test_a_byte_a_cell_is_within_a_fifth_of_a_db(tmp_path):
    rng = np.random.default_rng(0)
    samples = (0.1 * rng.standard_normal(4 * RATE_HZ)).astype(np.float32)
    frontend = LogMelFrontend(MelSettings())
    stem = hear_stem(samples, frontend)
    log_mel = frontend(torch.from_numpy(samples)[None])[0].numpy()
    bank = StemBank.of_voices([samples], MelSettings())
    heard = bank.windows(np.array([0]), len(log_mel))[0].numpy()
    assert stem is not None and stem.cells.dtype == np.uint8
    np.testing.assert_allclose(heard, log_mel, atol=0.2 + 1e-3)


def test_bank_is_computed_once(bank, tmp_path):
    folder = write_stem_folder(tmp_path / "stems", pieces=3)
    first = StemBank.build(folder, MelSettings(), jobs=1)
    calls = []
    again = StemBank.build(folder, MelSettings(), jobs=1, progress=lambda *a: calls.append(a))
    assert calls == []
    assert again.digest == first.digest != bank.digest


def test_folder_without_stems_gets_a_sentence(tmp_path):
    with pytest.raises(PartwiseError, match="no piece with stems"):
        StemBank.build(tmp_path, MelSettings(), jobs=1)
    with pytest.raises(PartwiseError, match="does not exist"):
        StemBank.build(tmp_path / "none", MelSettings(), jobs=1)


def test_a_full_disk_is_one_sentence(tmp_path, monkeypatch):
    folder = write_stem_folder(tmp_path / "stems", pieces=2)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stem_bank, "_write", full)
    with pytest.raises(PartwiseError, match=r"cannot be kept in .*No space left on device"):
        StemBank.build(folder, MelSettings(), jobs=1)


def test_a_joined_bank_has_the_windows_of_both(bank, voices):
    both = StemBank.join([bank, voices])
    assert len(both.pieces) == len(bank.pieces) + 2
    assert both.digest not in (bank.digest, voices.digest)
    for part in PARTS:
        assert len(both.stems[part]) == len(bank.stems[part]) + len(voices.stems[part])
    sung, first = both.stems[Part.OTHER][-1], voices.stems[Part.OTHER][-1].first
    assert both.pieces[sung.piece] == "voice 1"
    old, new = bank.stems[Part.BASS][0].first, sung.first
    windows = both.windows(np.array([new, old]), 88)
    torch.testing.assert_close(windows[0], voices.windows(np.array([first]), 88)[0])
    torch.testing.assert_close(windows[1], bank.windows(np.array([old]), 88)[0])
    assert both.sounding(np.array([new]), 88)[0] == 1.0


def test_joining_one_changes_nothing(bank):
    assert StemBank.join([bank]) is bank


def test_silent_voices_are_left_out_or_refused():
    silence = np.zeros(RATE_HZ, dtype=np.float32)
    with pytest.raises(PartwiseError, match="no voice that sounds"):
        StemBank.of_voices([silence], MelSettings())


def test_bad_stems_are_left_out_and_told(tmp_path):
    folder = write_stem_folder(tmp_path / "stems", pieces=4)
    broken = folder / "piece00" / "stems" / "bass.flac"
    broken.write_bytes(broken.read_bytes()[:60])
    silent = folder / "piece01" / "stems" / "piano.flac"
    soundfile.write(silent, np.zeros(RATE_HZ), RATE_HZ)
    told = {}
    bank = StemBank.build(folder, MelSettings(), jobs=1, on_skip=told.__setitem__)
    assert [stem.piece for stem in bank.stems[Part.BASS]] == [1, 2, 3]
    assert [stem.piece for stem in bank.stems[Part.PIANO]] == [0, 2, 3]
    assert told["piece01/piano"] == "silent"
    assert any("bass" in stem for stem in told)
    again = {}
    StemBank.build(folder, MelSettings(), jobs=1, on_skip=again.__setitem__)
    assert again == told  # also when the bank is there already


def test_two_processes_that_make_it_at_once_do_not_harm_each_other(tmp_path):
    folder = write_stem_folder(tmp_path / "stems", pieces=3, seconds=2.0)
    banks = []

    def heard():
        banks.append(StemBank.build(folder, MelSettings(), jobs=1))  # the other one, quicker
        yield [(0, Part.DRUMS, stem)], []

    stem = HeardStem(np.zeros((4, 192), np.uint8), np.ones(4, np.uint8), 0.0, 0.0)
    names = ["piece00", "piece01", "piece02"]
    digest = data_digest(find_pieces(folder))
    made = StemBank.kept(folder, MelSettings(), digest, names, heard)
    assert made.stems == banks[0].stems
    assert len(list((folder / ".mel").iterdir())) == 1
