from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("yaml")

from listeners import (  # noqa: E402
    DUMMY,
    answer,
    make_songs,
    write_answers,
    write_listening_test,
    write_tuning_test,
)
from partwise import PartwiseError  # noqa: E402
from partwise_lab.measure.abx.answers import Kind, read_answers, triplets  # noqa: E402
from partwise_lab.measure.abx.clips import find_clips, hear_clips  # noqa: E402
from partwise_lab.measure.abx.scoring import abx  # noqa: E402
from partwise_lab.measure.abx.split import PieceSplit, read_split  # noqa: E402
from partwise_lab.measure.heard import checkpoint_embedder  # noqa: E402
from partwise_lab.model.checkpoint import load_checkpoint  # noqa: E402
from partwise_lab.training.preference import (  # noqa: E402
    Opinions,
    PreferenceObjective,
    PreferenceRecipe,
    preference_loss,
)
from partwise_lab.training.registry import RunOptions, run_preference  # noqa: E402
from untrained import write_untrained  # noqa: E402


@pytest.fixture(scope="module")
def start(tmp_path_factory):
    return write_untrained(tmp_path_factory.mktemp("start") / "last.safetensors")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return write_tuning_test(tmp_path_factory.mktemp("tuning"))


@pytest.fixture(scope="module")
def tuned(tree, start, tmp_path_factory):
    data, answers = tree
    options = RunOptions(minutes=0.03, clock="core", threads=1, answers=answers, start_from=start)
    return run_preference([data], tmp_path_factory.mktemp("run"), options)


def held_out(checkpoint, tuned, tree):
    """The report on the songs kept for the test."""
    data, place = tree
    model, mel, _ = load_checkpoint(checkpoint)
    answers = read_answers(place)
    wanted = [clip for t in triplets(answers.answers) for clip in t.clips]
    split = read_split(tuned.checkpoint)
    return abx(
        answers,
        find_clips(data, place, wanted, mel.sample_rate_hz),
        checkpoint_embedder(model, mel),
        tuned_on=split,
        songs_of=split,
    )


def test_tuning_raises_agreement_on_songs_it_has_not_seen(tuned, start, tree):
    before, after = held_out(start, tuned, tree), held_out(tuned.checkpoint, tuned, tree)
    assert after["triplets"]["trained_songs"] == 0
    assert after["triplets"]["heard"] > 20
    votes = [report["mean"]["XAB"]["overall"]["votes"] for report in (before, after)]
    assert votes[0] < 0.6 < 0.75 < votes[1]
    # and another moment of the same song is still the nearest
    assert after["mean"]["XYC"]["overall"]["majority"] > 0.9
    assert tuned.after["train"] > tuned.before["train"] + 0.2


def test_all_but_the_projections_is_as_it_was_bit_for_bit(tuned, start):
    first, last = (load_checkpoint(p)[0].state_dict() for p in (start, tuned.checkpoint))
    assert first.keys() == last.keys()
    for name, tensor in first.items():
        same = torch.equal(tensor, last[name])
        assert same is not name.startswith("project."), name
    assert load_checkpoint(tuned.checkpoint)[2]["recipe"] == "preference"


def test_splits_share_no_song_and_are_kept(tuned, tree):
    split = read_split(tuned.checkpoint)
    questions = triplets(read_answers(tree[1]).answers, pooled=True)
    questions = [t for t in questions if t.kind is Kind.XAB]
    assert split.train | split.valid | split.test == set().union(*(t.pieces for t in questions))
    assert not split.train & split.test
    assert not (split.train | split.test) & split.valid
    assert tuned.triplets == split.count(questions)
    assert tuned.triplets["straddling"] > 0


@pytest.mark.parametrize("kind", ["part", "paper"])
def test_what_is_learnt_is_what_the_network_then_says(kind, tree, tmp_path):
    """The matrices, multiplied into the projections, give the vectors that the loss has seen."""
    data, answers = tree
    path = write_untrained(tmp_path / "last.safetensors", kind)
    objective = PreferenceObjective(data, answers, path, PreferenceRecipe())
    torch.nn.init.normal_(objective.turns.change, std=0.3)
    batch = objective.draw()
    expected = objective.difference(batch).detach()
    loss, terms = objective.loss(batch, 0.0)  # multiplies them in
    assert set(terms) == set(objective.columns)
    loss.backward()
    assert all(weight.grad is None for weight in objective.model.parameters())
    objective.vectors = rehear(objective, data, answers)
    torch.nn.init.zeros_(objective.turns.change)
    torch.testing.assert_close(objective.difference(batch), expected, atol=1e-4, rtol=1e-3)


def rehear(objective, data, place):
    """[clips, parts, dim], as the objective's network hears its clips now."""
    questions = [
        t for t in triplets(read_answers(place).answers, pooled=True) if t.kind is Kind.XAB
    ]
    wanted = [clip for t in questions for clip in t.clips]
    split = PieceSplit.of(clip.piece for clip in wanted)
    clips = find_clips(data, place, wanted, objective.mel.sample_rate_hz)
    used = [t for name in ("train", "valid") for t in questions if split.place(t) == name]
    embed = checkpoint_embedder(objective.model, objective.mel)
    return torch.from_numpy(hear_clips(clips, used, embed).embeddings)


def test_loss_by_hand():
    difference, share = torch.tensor([0.0, 2.0, -1.0]), torch.tensor([0.5, 1.0, 0.25])
    votes = torch.tensor([2.0, 3.0, 0.0])
    expected = (2 * np.log(2.0) + 3 * np.log1p(np.exp(-2.0))) / 5
    assert float(preference_loss(difference, share, votes)) == pytest.approx(expected, rel=1e-5)
    assert float(preference_loss(difference, share, torch.zeros(3))) == 0.0


def test_mixes_are_read_with_equal_weights(tree, start):
    data, answers = tree
    objective = PreferenceObjective(data, answers, start, PreferenceRecipe())
    one = objective.opinions["train"].take(torch.arange(3))
    by_part = torch.stack(
        [objective.difference(replace(one, part=torch.full((3,), p))) for p in range(5)]
    )
    mixed = objective.difference(replace(one, part=torch.full((3,), 5)))
    torch.testing.assert_close(mixed, by_part.mean(dim=0))
    assert isinstance(one, Opinions)


def test_what_cannot_be_used_is_told(tree, start, tmp_path):
    data, answers = tree
    rows = tmp_path / "csvs"
    rows.mkdir()
    text = (answers / "csvs" / "answers.csv").read_text()
    (rows / "answers.csv").write_text(text + text.splitlines()[-1].replace("A", "C") + "\n")
    (tmp_path / "sample_configs").symlink_to(answers / "sample_configs")
    told = []
    PreferenceObjective(
        data, tmp_path, start, PreferenceRecipe(), on_skip=lambda *what: told.append(what)
    )
    assert told[0][0] == "1 answers"


X, A, B = (f"set0/0/piano/{role}_{1877 + i}-0.wav" for i, role in enumerate("XAB"))


def test_bad_input_is_one_sentence(tuned, tree, start, tmp_path):
    data, answers = tree
    with pytest.raises(PartwiseError, match="was itself tuned on answers"):
        PreferenceObjective(data, answers, tuned.checkpoint, PreferenceRecipe())
    only_xyc = write_answers(
        tmp_path / "xyc.csv",
        [DUMMY, answer((X, A.replace("A_", "C_"), X.replace("X_", "Y_")), "A+")],
    )
    with pytest.raises(PartwiseError, match="has no XAB answers"):
        PreferenceObjective(data, only_xyc, start, PreferenceRecipe())
    songs = make_songs(3, ("piano",))
    few_data, few_answers = write_listening_test(
        tmp_path / "few", songs, [(songs[0], songs[1], songs[2])]
    )
    with pytest.raises(PartwiseError, match=r"too few songs .* no triplet lies wholly in"):
        PreferenceObjective(few_data, few_answers, start, PreferenceRecipe())
    options = RunOptions(minutes=0.0, answers=answers, start_from=start)
    with pytest.raises(PartwiseError, match="one folder, not several"):
        run_preference([data, data], tmp_path / "run", options)
    with pytest.raises(PartwiseError, match="holds a run with another recipe"):
        run_preference([data], tuned.checkpoint.parent, replace(options, seed=5))
