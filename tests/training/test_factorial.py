import pytest

torch = pytest.importorskip("torch")

from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model.encoder import EncoderSettings  # noqa: E402
from partwise_lab.training.factorial import FactorialObjective  # noqa: E402
from partwise_lab.training.mix_plan import MixSettings  # noqa: E402
from partwise_lab.training.recipes import Recipe  # noqa: E402
from partwise_lab.training.stem_bank import StemBank  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402

SMALL = EncoderSettings(dim=8, widths=(16, 16, 16), blocks=1, pooled=8, pooled_fine=4)
MIX = MixSettings(songs=4, views=3, seconds=2.0)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"))
    return StemBank.build(folder, MelSettings(), jobs=1)


def test_steps_on_one_batch_bring_every_loss_down(bank):
    recipe = Recipe(encoder=SMALL, mix=MIX)
    objective = FactorialObjective(bank, recipe)
    optimiser = torch.optim.AdamW(objective.learner.parameters(), lr=5e-3)
    batch = objective.draw()
    history = []
    for _ in range(30):
        total, terms = objective.loss(batch, used=0.0)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
        history.append({name: float(term.detach()) for name, term in terms.items()})
    assert tuple(history[0]) == objective.columns
    for name in history[0]:
        assert history[-1][name] < 0.95 * history[0][name], name


def test_restarting_elsewhere_draws_other_batches(bank):
    objective = FactorialObjective(bank, Recipe(encoder=SMALL, mix=MIX))
    first = objective.draw()
    objective.restart(0)
    torch.testing.assert_close(objective.draw().log_mel, first.log_mel)
    objective.restart(7)
    assert not torch.equal(objective.draw().log_mel, first.log_mel)
