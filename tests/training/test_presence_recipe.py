import pytest

torch = pytest.importorskip("torch")

from partwise import PartwiseError  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from partwise_lab.model.comparisons import PaperEncoder, PaperEncoderSettings  # noqa: E402
from partwise_lab.training import loop  # noqa: E402
from partwise_lab.training.mix_plan import MixSettings  # noqa: E402
from partwise_lab.training.presence import PresenceObjective, PresenceRecipe  # noqa: E402
from partwise_lab.training.stem_bank import StemBank  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402
from untrained import write_untrained  # noqa: E402

RECIPE = PresenceRecipe(mix=MixSettings(songs=4, views=3, seconds=2.0, keep=(0.0, 1.0)))


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"))
    return StemBank.build(folder, MelSettings(), jobs=1)


def test_presence_is_learnt_and_all_else_is_as_it_was(bank, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 10)
    start = write_untrained(tmp_path / "start.safetensors")
    seen = []
    path = loop.train(
        PresenceObjective(bank, start, RECIPE),
        tmp_path / "run",
        minutes=0.1,
        clock="core",
        threads=1,
        progress=seen.append,
    )
    assert seen[-1].losses["presence"] < 0.8 * seen[0].losses["presence"]
    first, last = (load_checkpoint(p)[0].state_dict() for p in (start, path))
    changed = {name for name in first if not torch.equal(first[name], last[name])}
    assert changed == {"presence.weight", "presence.bias"}
    assert load_checkpoint(path)[2]["recipe_settings"]["start"]["recipe"] == "tiny"


def test_a_network_without_such_a_layer_is_refused(bank, tmp_path):
    path = tmp_path / "paper.safetensors"
    network = PaperEncoder(PaperEncoderSettings(dim=8, widths=(4, 8, 8)))
    save_checkpoint(path, network, MelSettings(), {"recipe": "paper"})
    with pytest.raises(PartwiseError, match="has no layer that tells presence"):
        PresenceObjective(bank, path, RECIPE)
