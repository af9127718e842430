import numpy as np
import pytest

pytest.importorskip("torch")

from partwise import PARTS, Part, PartwiseError
from partwise.embedding.logmel import MelSettings
from partwise_lab.training.comparisons import separated_bank
from partwise_lab.training.mix_plan import MixSettings
from partwise_lab.training.stem_bank import StemBank
from stem_folder import write_stem_folder

SETTINGS = MixSettings(keep=(1.0, 1.0))


class Halving:
    """Calls half of the mix the drums and a quarter the bass; counts what it is asked."""

    name, digest, sample_rate_hz = "halving", "halving", 22050

    def __init__(self):
        self.heard = []

    def separate(self, samples):
        self.heard.append(samples)
        return {Part.DRUMS: samples / 2, Part.BASS: samples / 4}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_stem_folder(tmp_path_factory.mktemp("stems"))


@pytest.fixture(scope="module")
def bank(folder):
    return StemBank.build(folder, MelSettings())


def test_separated_stems_keep_the_piece_they_come_from(folder, bank):
    separator = Halving()
    seen = []
    made = separated_bank(
        folder, bank, separator, SETTINGS, seconds=2.0, progress=lambda *at: seen.append(at)
    )
    assert seen[-1] == (12, 12)
    assert len(separator.heard) == 12
    assert {part for part in PARTS if made.stems[part]} == {Part.DRUMS, Part.BASS}
    assert len(made.stems[Part.DRUMS]) == 12
    assert made.pieces == bank.pieces
    assert made.digest != bank.digest
    # Half of a signal is 6 dB below it, a quarter 12.
    levels = [np.mean([s.level_db for s in made.stems[p]]) for p in (Part.DRUMS, Part.BASS)]
    assert levels[0] - levels[1] == pytest.approx(6.02, abs=0.1)
    rms = [float(np.sqrt(np.mean(np.square(samples)))) for samples in separator.heard]
    assert rms == pytest.approx([0.1] * 12, rel=1e-3)


def test_it_is_kept_and_made_anew_for_another_separator(folder, bank):
    first, second = Halving(), Halving()
    made = separated_bank(folder, bank, first, SETTINGS, seconds=2.0)
    again = separated_bank(folder, bank, second, SETTINGS, seconds=2.0)
    assert second.heard == []
    assert again.digest == made.digest
    second.digest = "another"
    other = separated_bank(folder, bank, second, SETTINGS, seconds=2.0)
    assert len(second.heard) == 12
    assert other.digest != made.digest


def test_a_separator_of_another_rate_is_refused(folder, bank):
    separator = Halving()
    separator.sample_rate_hz = 44100
    with pytest.raises(PartwiseError, match=r"halving works at 44100 Hz.*22050 Hz"):
        separated_bank(folder, bank, separator, SETTINGS)
