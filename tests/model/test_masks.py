import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")

from partwise import load_encoder  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise.embedding.masks import PartMasks  # noqa: E402
from partwise_lab.cli import main as lab  # noqa: E402
from partwise_lab.model.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from partwise_lab.model.encoder import PartEncoder  # noqa: E402
from partwise_lab.model.masks import MaskNetwork  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402
from untrained import write_untrained  # noqa: E402


def trained(path) -> PartEncoder:
    network, _, _ = load_checkpoint(path)
    assert isinstance(network, PartEncoder)
    return network


@pytest.fixture
def encoder(tmp_path):
    """A checkpoint of an encoder, and that of masks on it."""
    path = write_untrained(tmp_path / "encoder.safetensors")
    network = MaskNetwork.on(trained(path)).eval()
    save_checkpoint(path.with_name("masks.safetensors"), network, MelSettings(), {})
    return path


def test_masks_are_as_fine_as_the_log_mel_and_do_not_depend_on_the_gain(encoder):
    network, _, _ = load_checkpoint(encoder.with_name("masks.safetensors"))
    for frames in (8, 16, 104):
        log_mel = torch.randn(2, frames, 192) * 10
        with torch.no_grad():
            logits = network(log_mel)
            assert logits.shape == (2, 5, frames, 192)
            torch.testing.assert_close(network(log_mel + 17.0), logits, atol=1e-3, rtol=0)


def test_the_trunk_is_known_again_in_16_bits_and_by_other_presence(encoder):
    network = trained(encoder)
    name = network.trunk_digest()
    with torch.no_grad():
        network.presence.weight += 1.0
    assert network.half().float().trunk_digest() == name
    with torch.no_grad():
        next(network.stem.parameters()).add_(0.1)
    assert network.trunk_digest() != name


@pytest.mark.parametrize("arithmetic", ["float", "int8"])
def test_exported_masks_belong_to_the_exported_encoder(encoder, tmp_path, arithmetic):
    masks, out = encoder.with_name("masks.safetensors"), tmp_path / "model"
    more = []
    if arithmetic == "int8":
        stems = write_stem_folder(tmp_path / "stems", pieces=2, seconds=12.0)
        more = ["--int8", "--calibrate", str(stems)]
    assert lab(["export-model", str(encoder), "--out", str(out / "partwise.onnx")]) == 0
    assert lab(["export-model", str(masks), "--out", str(out / "masks.onnx"), *more]) == 0
    heard = PartMasks(load_encoder(out))
    log_mel = torch.randn(101, 192) * 15 - 40
    found = torch.from_numpy(heard(log_mel.numpy()))
    assert found.shape == (5, 101, 192)
    padded = torch.cat([log_mel, log_mel[-1:].expand(3, -1)])
    with torch.no_grad():
        expected = torch.softmax(load_checkpoint(masks)[0](padded[None])[0], dim=0)[:, :101]
    difference = (found - expected).abs()
    if arithmetic == "float":
        assert float(difference.max()) < 1e-4
    else:  # noise lies outside the ranges of 8 bits: a cell may be far off
        assert float(difference.mean()) < 0.1
