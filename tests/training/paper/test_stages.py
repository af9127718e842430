import json
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from partwise import PartwiseError  # noqa: E402
from partwise_lab.model.checkpoint import load_checkpoint  # noqa: E402
from partwise_lab.model.comparisons import PaperEncoder, PaperEncoderSettings  # noqa: E402
from partwise_lab.training import loop  # noqa: E402
from partwise_lab.training.paper import recipe as recipes  # noqa: E402
from partwise_lab.training.paper.recipe import (  # noqa: E402
    PAPER_RECIPES,
    tempos_of,
    train_paper,
)
from partwise_lab.training.paper.teachers import TeacherRecipe, TeacherSettings  # noqa: E402
from stem_folder import write_stem_folder  # noqa: E402

TEMPOS = [100.0] * 12
TINY = {
    "encoder": PaperEncoderSettings(bands=60, dim=4, widths=(4, 4)),
    "teachers": TeacherRecipe(
        networks=TeacherSettings(bands=60, dim=4, widths=(2, 2)),
        triplets=3,
        seconds=1.0,
        hop_s=0.5,
    ),
    "triplets": 4,
    "seconds": 1.0,
    "hop_s": 0.5,
}
MINUTES = 0.008


def tiny(name):
    return replace(PAPER_RECIPES[name][1], **TINY)


@pytest.fixture(autouse=True)
def logs_every_step_and_draws_no_curves(monkeypatch):
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    monkeypatch.setattr(loop, "plot_curves", lambda out: None)


def test_three_stages_on_one_budget(bank, tmp_path):
    seen = []
    path = train_paper(bank, tiny("paper"), TEMPOS, tmp_path, minutes=MINUTES, progress=seen.append)
    model, mel, about = load_checkpoint(path)
    assert isinstance(model, PaperEncoder)
    assert (about["recipe"], mel) == ("paper", bank.mel)
    for folder in (tmp_path / "teachers", tmp_path / "pretrained"):
        assert json.loads((folder / "last.json").read_text())["steps"] > 0
    assert all(p.budget_minutes == MINUTES for p in seen)


def test_basic_needs_no_teachers(bank, tmp_path):
    train_paper(bank, tiny("paper-basic"), TEMPOS, tmp_path, minutes=MINUTES / 4)
    assert not (tmp_path / "teachers").exists()
    assert not (tmp_path / "pretrained").exists()


def test_main_training_begins_with_what_was_distilled(bank, tmp_path):
    resting = replace(tiny("paper"), learning_rate=0.0)
    path = train_paper(bank, resting, TEMPOS, tmp_path, minutes=5 * MINUTES)
    distilled = load_checkpoint(tmp_path / "pretrained" / "last.safetensors")[0].state_dict()
    weight = "project.weight"
    torch.testing.assert_close(load_checkpoint(path)[0].state_dict()[weight], distilled[weight])


def test_a_larger_budget_leaves_the_earlier_stages_alone(bank, tmp_path):
    path = train_paper(bank, tiny("paper"), TEMPOS, tmp_path, minutes=MINUTES)
    files = [tmp_path / f / "last.safetensors" for f in ("teachers", "pretrained")]
    before, steps = [f.read_bytes() for f in files], load_checkpoint(path)[2]["steps"]
    # However slow this machine is: more than what all stages have taken.
    used_s = torch.load(tmp_path / "state.pt", weights_only=True)["used_s"]
    earlier = sum(json.loads(f.with_suffix(".json").read_text())["minutes"] for f in files)
    train_paper(bank, tiny("paper"), TEMPOS, tmp_path, minutes=earlier + used_s / 60 + MINUTES / 4)
    assert [f.read_bytes() for f in files] == before
    assert load_checkpoint(path)[2]["steps"] > steps


def test_an_earlier_stage_that_is_gone_gets_a_sentence(bank, tmp_path):
    train_paper(bank, tiny("paper"), TEMPOS, tmp_path, minutes=MINUTES)
    (tmp_path / "pretrained" / "last.json").unlink()
    with pytest.raises(PartwiseError, match="an earlier stage of this run, cannot be read"):
        train_paper(bank, tiny("paper"), TEMPOS, tmp_path, minutes=MINUTES)


def test_teachers_from_elsewhere(bank, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    train_paper(bank, tiny("paper"), TEMPOS, first, minutes=MINUTES)
    given = first / "teachers"
    train_paper(bank, tiny("paper"), TEMPOS, second, minutes=MINUTES, teachers=given)
    assert not (second / "teachers").exists()
    other = replace(tiny("paper"), teachers=replace(TINY["teachers"], margin=0.4))
    with pytest.raises(PartwiseError, match="have another recipe settings"):
        train_paper(bank, other, TEMPOS, tmp_path / "x", minutes=MINUTES, teachers=given)
    with pytest.raises(PartwiseError, match="not stem teachers"):
        train_paper(bank, tiny("paper"), TEMPOS, tmp_path / "y", minutes=1, teachers=second)


def test_a_loss_that_is_not_finite_stops_the_run(bank, tmp_path, monkeypatch):
    monkeypatch.setattr(recipes, "masked_triplet_loss", lambda a, *_: a.sum() * float("nan"))
    with pytest.raises(PartwiseError, match="the loss became nan at step 1"):
        train_paper(bank, tiny("paper-basic"), TEMPOS, tmp_path, minutes=1)


def test_tempos_come_from_the_stems_folder_in_the_banks_order(bank, tmp_path):
    write_stem_folder(tmp_path, pieces=2, seconds=0.5)
    about = tmp_path / "piece01" / "metadata.json"
    about.write_text(json.dumps(json.loads(about.read_text()) | {"tempo_bpm": 97.5}))
    assert tempos_of([tmp_path], bank) == [None, 97.5] + [None] * 10
