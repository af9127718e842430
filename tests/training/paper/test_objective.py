from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from partwise import PARTS, Part, PartwiseError  # noqa: E402
from partwise_lab.model.comparisons import PaperEncoderSettings  # noqa: E402
from partwise_lab.training.paper.recipe import (  # noqa: E402
    PAPER_RECIPES,
    PaperObjective,
    PaperRecipe,
    masked_triplet_loss,
)
from partwise_lab.training.paper.teachers import (  # noqa: E402  # noqa: E402
    StemTeachers,
    TeacherObjective,
    TeacherRecipe,
    TeacherSettings,
    TeacherTable,
    distance,
)
from partwise_lab.training.paper.triplets import SegmentGrid  # noqa: E402

TEMPOS = [100.0] * 12
TINY = {
    "encoder": PaperEncoderSettings(bands=60, dim=4, widths=(4, 8)),
    "teachers": TeacherRecipe(
        networks=TeacherSettings(bands=60, dim=4, widths=(4, 4)),
        triplets=6,
        seconds=1.0,
        hop_s=0.5,
    ),
    "triplets": 8,
    "seconds": 1.0,
    "hop_s": 0.5,
}
RECIPE = PaperRecipe(**TINY)


def tiny(name):
    return replace(PAPER_RECIPES[name][1], **TINY)


def teachers(bank):
    torch.manual_seed(0)
    networks = StemTeachers(RECIPE.teachers.networks).eval().requires_grad_(False)
    return TeacherTable(networks, bank, SegmentGrid.of(bank, RECIPE.seconds, RECIPE.hop_s))


def descend(objective, steps=25):
    """The losses of the first and the last step on one batch."""
    optimiser = torch.optim.Adam(objective.learner.parameters(), lr=1e-2)
    batch = objective.draw()
    history = []
    for _ in range(steps):
        loss, terms = objective.loss(batch, 0.5)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        history.append(
            {"loss": float(loss.detach())} | {k: float(v.detach()) for k, v in terms.items()}
        )
    return history[0], history[-1]


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("paper-basic", ("basic",)),
        ("paper-additional", ("basic", "additional")),
        ("paper", ("basic", "additional", "auxiliary", "near zero")),
    ],
)
def test_each_recipe_has_its_losses(bank, name, columns):
    objective = PaperObjective(bank, tiny(name), TEMPOS, teachers=teachers(bank))
    loss, terms = objective.loss(objective.draw(), 0.0)
    assert objective.columns == tuple(terms) == columns
    torch.testing.assert_close(loss, torch.stack(list(terms.values())).sum())
    assert objective.name == name


@pytest.mark.parametrize("name", ["paper-additional", "paper"])
def test_steps_on_one_batch_bring_the_losses_down(bank_of, name):
    bank = bank_of(missing=[(0, Part.GUITAR), (1, Part.PIANO)])
    before, after = descend(PaperObjective(bank, tiny(name), TEMPOS, teachers=teachers(bank)))
    assert after["loss"] < 0.7 * before["loss"]


def test_pre_training_is_distillation_alone(bank):
    objective = PaperObjective(bank, RECIPE, TEMPOS, stage="pre-training", teachers=teachers(bank))
    assert objective.columns == ("auxiliary",)
    assert objective.optimiser.learning_rate == RECIPE.pretraining_learning_rate
    before, after = descend(objective)
    assert after["auxiliary"] < 0.7 * before["auxiliary"]


def test_the_additional_loss_swaps_the_roles(bank):
    objective = PaperObjective(bank, tiny("paper-additional"), TEMPOS)
    batch, _ = objective.draw()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rows = objective.model(batch.log_mel.flatten(0, 1)).embeddings.float().unflatten(0, (3, 8))
    _, terms = objective.loss((batch, None), 0.0)
    swapped = masked_triplet_loss(rows[0], rows[2], rows[1], batch.additional, 0.2)
    torch.testing.assert_close(terms["additional"], swapped, atol=1e-3, rtol=1e-2)


def test_teachers_learn_to_tell_songs_apart(bank):
    # These stems are told apart from the start; a wide margin leaves something to learn.
    objective = TeacherObjective(bank, replace(RECIPE.teachers, margin=5.0))
    assert objective.columns == tuple(str(part) for part in PARTS)
    assert objective.segments == 3 * 5 * 6
    before, after = descend(objective)
    assert after["loss"] < 0.7 * before["loss"]
    stems = objective.draw()
    assert stems.shape == (3, 5, 6, 43, 60)
    with torch.no_grad():
        heard = objective.model(
            stems.transpose(0, 1).flatten(1, 2)
        )  # [parts, roles * triplets, dim]
    a, p, n = heard.unflatten(1, (3, 6)).unbind(1)
    assert (distance(a, p) < distance(a, n)).float().mean() > 0.8


def test_drawing_goes_on_where_it_stopped(bank):
    objective = PaperObjective(bank, tiny("paper-basic"), TEMPOS)
    first, second = objective.draw()[0], objective.draw()[0]
    objective.restart(0)
    torch.testing.assert_close(objective.draw()[0].log_mel, first.log_mel)
    objective.restart(1)
    assert not torch.equal(objective.draw()[0].log_mel, first.log_mel)
    assert not torch.equal(first.log_mel, second.log_mel)


def test_tempo_grouping_can_be_turned_off(bank):
    unknown: list[float | None] = [None] * 12
    with pytest.raises(PartwiseError, match="of 12 pieces 0 have a tempo_bpm"):
        PaperObjective(bank, tiny("paper-basic"), unknown)
    free = replace(tiny("paper-basic"), same_tempo=False)
    assert PaperObjective(bank, free, unknown).groups.left_out == 0
