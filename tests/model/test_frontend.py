import numpy as np
import pytest

torch = pytest.importorskip("torch")

from partwise.embedding.logmel import LogMel, MelSettings  # noqa: E402
from partwise_lab.model.encoder import LogMelFrontend  # noqa: E402


@pytest.mark.parametrize("samples", [22050 * 3, 22050 + 17, 3000], ids=lambda n: f"{n} samples")
def test_torch_and_numpy_agree(samples):
    rng = np.random.default_rng(0)
    tone = np.sin(2 * np.pi * 330 * np.arange(samples) / 22050)
    signal = (0.1 * rng.standard_normal(samples) + 0.3 * tone).astype(np.float32)
    by_numpy = LogMel(MelSettings())(signal)
    by_torch = LogMelFrontend(MelSettings())(torch.from_numpy(signal)[None])[0].numpy()
    assert by_numpy.shape == (1 + samples // 512, 192)
    np.testing.assert_allclose(by_torch, by_numpy, atol=1e-3)  # dB; 1e-4 of the -80..0 dB range


def test_agreement_on_the_scale_the_network_sees():
    """DESIGN: the two executions agree to 1e-4; the network's input is dB / 40."""
    rng = np.random.default_rng(1)
    signal = (0.2 * rng.standard_normal(22050)).astype(np.float32)
    by_numpy = LogMel(MelSettings())(signal) / 40
    by_torch = LogMelFrontend(MelSettings())(torch.from_numpy(signal)[None])[0].numpy() / 40
    np.testing.assert_allclose(by_torch, by_numpy, atol=1e-4)


def test_mel_powers_of_stems_nearly_add_up():
    """What pseudo-mixing in the mel-power domain rests on."""
    rng = np.random.default_rng(2)
    a, b = (
        torch.from_numpy(0.1 * rng.standard_normal((1, 44100)).astype(np.float32)) for _ in "ab"
    )
    frontend = LogMelFrontend(MelSettings())
    summed = frontend.power(a) + frontend.power(b)
    mixed = frontend.power(a + b)
    difference_db = 10 * torch.log10(mixed.mean() / summed.mean())
    assert abs(float(difference_db)) < 0.2
