import pytest

torch = pytest.importorskip("torch")

from partwise import PartwiseError  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model.checkpoint import load_checkpoint  # noqa: E402
from partwise_lab.model.encoder import PartEncoder  # noqa: E402
from partwise_lab.model.masks import MaskNetwork  # noqa: E402
from partwise_lab.training import loop  # noqa: E402
from partwise_lab.training.masks import MaskObjective, MaskRecipe  # noqa: E402
from partwise_lab.training.mix_plan import MixSettings  # noqa: E402
from partwise_lab.training.stem_bank import StemBank  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402
from untrained import write_untrained  # noqa: E402

RECIPE = MaskRecipe(mix=MixSettings(songs=2, views=2, seconds=2.0))


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"))
    return StemBank.build(folder, MelSettings(), jobs=1)


def test_masks_are_learnt_the_encoder_stays_and_a_run_can_be_gone_on_from(
    bank, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "LOG_EVERY", 5)
    start = write_untrained(tmp_path / "start.safetensors")
    seen = []

    def train(objective, name):
        how = {"minutes": 0.2, "clock": "core", "threads": 1, "progress": seen.append}
        return loop.train(objective, tmp_path / name, **how)

    path = train(MaskObjective(bank, start, RECIPE), "run")
    assert seen[-1].losses["masks"] < 0.7 * seen[0].losses["masks"]
    before, network = load_checkpoint(start)[0], load_checkpoint(path)[0]
    assert isinstance(before, PartEncoder)
    assert isinstance(network, MaskNetwork)
    for name, value in before.state_dict().items():
        assert torch.equal(value, network.encoder.state_dict()[name]), name
    assert network.encoder.trunk_digest() == before.trunk_digest()
    learnt = seen[-1].losses["masks"]
    seen.clear()
    train(MaskObjective(bank, path, RECIPE), "more")
    assert seen[0].losses["masks"] < 1.3 * learnt


def test_a_network_of_another_kind_is_refused(bank, tmp_path):
    path = write_untrained(tmp_path / "paper.safetensors", "paper")
    with pytest.raises(PartwiseError, match="no encoder that masks could be read from"):
        MaskObjective(bank, path, RECIPE)
