import csv
import time
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from partwise import PartwiseError  # noqa: E402
from partwise.embedding.logmel import MelSettings  # noqa: E402
from partwise_lab.model.checkpoint import load_checkpoint  # noqa: E402
from partwise_lab.model.encoder import EncoderSettings  # noqa: E402
from partwise_lab.training import factorial, loop  # noqa: E402
from partwise_lab.training.factorial import FactorialObjective  # noqa: E402
from partwise_lab.training.mix_plan import MixSettings  # noqa: E402
from partwise_lab.training.recipes import Recipe  # noqa: E402
from partwise_lab.training.stem_bank import StemBank  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402

RECIPE = Recipe(
    encoder=EncoderSettings(dim=8, widths=(16, 16, 16), blocks=1, pooled=8, pooled_fine=4),
    mix=MixSettings(songs=4, views=3, seconds=2.0),
    warmup_steps=5,
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("stems"))
    return StemBank.build(folder, MelSettings(), jobs=1)


def test_a_run_resumes_where_it_stopped(bank, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 2)
    steps = []

    def run(minutes):
        objective = FactorialObjective(bank, RECIPE)
        note = lambda p: steps.append(p.step)  # noqa: E731
        return loop.train(objective, tmp_path, minutes=minutes, progress=note)

    path = loop.train(
        FactorialObjective(bank, RECIPE),
        tmp_path,
        minutes=0.05,
        progress=lambda p: steps.append(p.step),
    )
    before = load_checkpoint(path)[2]
    assert before["steps"] >= 2
    loop.train(
        FactorialObjective(bank, RECIPE),
        tmp_path,
        minutes=0.1,
        progress=lambda p: steps.append(p.step),
    )
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
        loop.train(FactorialObjective(bank, RECIPE), tmp_path, minutes=5, progress=stop)
    assert load_checkpoint(tmp_path / "last.safetensors")[2]["steps"] == 3


def test_another_recipe_in_the_same_folder_is_refused(bank, tmp_path):
    loop.train(FactorialObjective(bank, RECIPE), tmp_path, minutes=0.01)
    other = Recipe(encoder=RECIPE.encoder, mix=RECIPE.mix, temperature=0.5)
    with pytest.raises(PartwiseError, match="another recipe"):
        loop.train(FactorialObjective(bank, other), tmp_path, minutes=0.02)


def test_a_loss_that_is_not_finite_stops_the_run(bank, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    monkeypatch.setattr(
        factorial, "multi_positive_contrastive", lambda z, *_: z.sum() * float("nan")
    )
    with pytest.raises(PartwiseError, match="the loss became nan at step 1"):
        loop.train(FactorialObjective(bank, RECIPE), tmp_path, minutes=1)


def test_a_run_can_begin_with_the_weights_of_another(bank, tmp_path):
    first = loop.train(FactorialObjective(bank, RECIPE), tmp_path / "a", minutes=0.02)
    objective = FactorialObjective(bank, RECIPE)
    path = loop.train(objective, tmp_path / "b", minutes=0.0, start_from=first)
    expected, actual = (load_checkpoint(p)[0].state_dict() for p in (first, path))
    for name, tensor in expected.items():
        torch.testing.assert_close(actual[name], tensor)


def test_weights_of_another_network_are_refused(bank, tmp_path):
    first = loop.train(FactorialObjective(bank, RECIPE), tmp_path / "a", minutes=0.0)
    wider = replace(RECIPE, encoder=replace(RECIPE.encoder, dim=4))
    with pytest.raises(PartwiseError, match="another network"):
        loop.train(FactorialObjective(bank, wider), tmp_path / "b", minutes=0.1, start_from=first)


def test_a_full_disk_is_one_sentence(bank, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(loop, "save_checkpoint", full)
    with pytest.raises(PartwiseError, match=r"cannot be written: .*No space left"):
        loop.train(FactorialObjective(bank, RECIPE), tmp_path, minutes=0.0)


def test_the_core_clock_counts_only_work_of_this_process(bank, tmp_path):
    objective = FactorialObjective(bank, RECIPE)
    began = time.process_time()
    path = loop.train(objective, tmp_path, minutes=0.03, clock="core")
    spent = time.process_time() - began
    assert load_checkpoint(path)[2]["clock"] == "core"
    assert spent >= 0.03 * 60


def test_a_run_is_cooled_beside_itself(bank, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)

    def run(**how):
        return loop.train(FactorialObjective(bank, RECIPE), tmp_path, **how)

    with pytest.raises(PartwiseError, match="holds no run that could be cooled"):
        run(minutes=0.02, cool=True)
    path = run(minutes=0.1)
    before = load_checkpoint(path)[2]
    cooled = run(minutes=0.1, cool=True)
    assert cooled == tmp_path / "cooled" / "last.safetensors"
    after = load_checkpoint(cooled)[2]
    assert after["steps"] > before["steps"]
    assert after["minutes"] >= before["minutes"]
    assert load_checkpoint(path)[2] == before  # the run itself is as it was
    with (cooled.parent / "log.csv").open() as file:
        rates = [float(row["learning_rate"]) for row in csv.DictReader(file)]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.5 * RECIPE.learning_rate


def test_the_rate_stays_until_a_run_is_cooled(bank):
    constant = FactorialObjective(bank, RECIPE)
    falling = FactorialObjective(bank, replace(RECIPE, constant=False))
    assert loop._scale(constant, 100, 0.9, cool=False) == 1.0
    assert loop._scale(falling, 100, 0.9, cool=False) < 0.05
    assert loop._scale(constant, 0, 0.0, cool=False) == pytest.approx(1 / RECIPE.warmup_steps)
