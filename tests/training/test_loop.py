import csv

import pytest

torch = pytest.importorskip("torch")

from partwise import PartwiseError  # noqa: E402
from partwise.audio.mel import MelSettings  # noqa: E402
from partwise.model.checkpoint import load_checkpoint  # noqa: E402
from partwise.model.encoder import EncoderSettings, PartEncoder  # noqa: E402
from partwise.training import loop  # noqa: E402
from partwise.training.pseudo_mix import MixSettings, PseudoMixer  # noqa: E402
from partwise.training.recipes import Recipe  # noqa: E402
from partwise.training.stem_bank import StemBank  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402

RECIPE = Recipe(
    encoder=EncoderSettings(dim=8, widths=(8, 8, 16), blocks=(1, 1, 1), pooled=8),
    mix=MixSettings(songs=4, views=3, seconds=2.0),
    warmup_steps=5,
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"))
    return StemBank.build(folder, MelSettings(), jobs=1)


def test_steps_on_one_batch_bring_every_loss_down(bank):
    torch.manual_seed(0)
    model = PartEncoder(RECIPE.encoder)
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    batch = PseudoMixer(bank, RECIPE.mix, seed=0).draw()
    history = [loop.train_step(model, optimiser, batch, RECIPE, "cpu") for _ in range(30)]
    for name in history[0]:
        assert history[-1][name] < 0.95 * history[0][name], name


def test_a_run_resumes_where_it_stopped(bank, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 2)
    steps = []
    path = loop.train(bank, RECIPE, tmp_path, minutes=0.05, progress=lambda p: steps.append(p.step))
    before = load_checkpoint(path)[2]
    assert before["steps"] >= 2
    loop.train(bank, RECIPE, tmp_path, minutes=0.1, progress=lambda p: steps.append(p.step))
    after = load_checkpoint(path)[2]
    assert after["steps"] > before["steps"]
    assert steps == sorted(set(steps))  # no step is done twice
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == steps
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_ctrl_c_keeps_what_was_learnt(bank, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)

    def stop(progress):
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(bank, RECIPE, tmp_path, minutes=5, progress=stop)
    assert load_checkpoint(tmp_path / "last.safetensors")[2]["steps"] == 3


def test_another_recipe_in_the_same_folder_is_refused(bank, tmp_path):
    loop.train(bank, RECIPE, tmp_path, minutes=0.01)
    other = Recipe(encoder=RECIPE.encoder, mix=RECIPE.mix, temperature=0.5)
    with pytest.raises(PartwiseError, match="another recipe"):
        loop.train(bank, other, tmp_path, minutes=0.02)


def test_a_loss_that_is_not_finite_stops_the_run(bank, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    monkeypatch.setattr(loop, "multi_positive_contrastive", lambda z, *_: z.sum() * float("nan"))
    with pytest.raises(PartwiseError, match="the loss became nan at step 1"):
        loop.train(bank, RECIPE, tmp_path, minutes=1)
