import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from partwise import PARTS, PartwiseError
from partwise.embedding.logmel import MelSettings
from partwise_lab.model.checkpoint import save_checkpoint
from partwise_lab.model.comparisons import MaskUNet, MaskUNetSettings
from partwise_lab.model.encoder import EncoderSettings, LogMelFrontend, PartEncoder
from partwise_lab.separation.mask_unet import MaskUNetSeparator
from partwise_lab.separation.separator import load_separator

RATE_HZ = 22050
SMALL = MaskUNetSettings(widths=(4, 8, 8))


@pytest.fixture
def mix():
    return np.random.default_rng(0).normal(0, 0.1, 2 * RATE_HZ + 77).astype(np.float32)


def test_stems_add_up_to_the_mix(tmp_path, mix):
    torch.manual_seed(0)
    path = tmp_path / "u.safetensors"
    save_checkpoint(path, MaskUNet(SMALL), MelSettings(), {})
    separator = load_separator(str(path), RATE_HZ)
    stems = separator.separate(mix)
    assert set(stems) == set(PARTS)
    total = np.sum(list(stems.values()), axis=0)
    assert total == pytest.approx(mix, abs=1e-4)
    assert len({round(float(np.std(stem)), 6) for stem in stems.values()}) > 1


def test_a_mask_takes_its_bands_to_the_stem():
    """A network that gives the lower half of the bands to the bass and the rest to the piano."""

    class Halves(torch.nn.Module):
        def forward(self, log_mel):
            logits = torch.full((1, 5, *log_mel.shape[1:]), -30.0)
            logits[:, 1, :, :48], logits[:, 2, :, 48:] = 30.0, 30.0
            return logits

    time_s = np.arange(RATE_HZ) / RATE_HZ
    low, high = (0.1 * np.sin(2 * np.pi * hz * time_s).astype(np.float32) for hz in (60, 6000))
    separator = MaskUNetSeparator(Halves(), LogMelFrontend(MelSettings()), "")  # pyright: ignore
    stems = separator.separate(low + high)
    inner = slice(2048, -2048)
    assert stems[PARTS[1]][inner] == pytest.approx(low[inner], abs=5e-3)
    assert stems[PARTS[2]][inner] == pytest.approx(high[inner], abs=5e-3)


def test_other_checkpoints_and_rates_are_refused(tmp_path):
    path = tmp_path / "e.safetensors"
    settings = EncoderSettings(dim=4, widths=(4, 4, 4), blocks=1, pooled=4)
    save_checkpoint(path, PartEncoder(settings), MelSettings(), {})
    with pytest.raises(PartwiseError, match="holds no separator"):
        load_separator(str(path), RATE_HZ)
    save_checkpoint(path, MaskUNet(SMALL), MelSettings(), {})
    with pytest.raises(PartwiseError, match="22050 Hz, here 44100 Hz"):
        load_separator(str(path), 44100)
    with pytest.raises(PartwiseError, match="does not exist"):
        load_separator(str(tmp_path / "none.safetensors"), RATE_HZ)
