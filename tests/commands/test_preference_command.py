"""`partwise-lab train --recipe preference`, from answers and audio to a checkpoint."""

from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("yaml")

from listeners import write_tuning_test
from partwise_lab.cli import main
from partwise_lab.model.checkpoint import load_checkpoint
from untrained import write_untrained


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuning")
    data, answers = write_tuning_test(folder)
    start = write_untrained(folder / "start.safetensors")
    options = ["--recipe", "preference", "--minutes", "0.01", "--threads", "1"]
    return [
        *["train", str(data), "--out", str(folder / "run"), *options],
        *["--answers", str(answers), "--start-from", str(start)],
    ]


def test_it_tells_what_it_learnt_from_and_where_that_lies(command, capsys):
    assert main(command) == 0
    printed = capsys.readouterr().out
    run = command[command.index("--out") + 1]
    assert f"tuned: {run}/last.safetensors" in printed
    about = load_checkpoint(Path(run) / "last.safetensors")[2]
    counts = about["recipe_settings"]["triplet_counts"]
    assert f"XAB triplets by song: {counts['train']} train" in printed
    assert "votes agreed with, train songs: " in printed
    assert about["recipe"] == "preference"


@pytest.mark.parametrize(
    ("without", "sentence"),
    [
        ("--answers", "needs a folder of listeners' answers"),
        ("--start-from", "needs the checkpoint"),
    ],
)
def test_what_is_missing_is_one_sentence(without, sentence, command, capsys):
    at = command.index(without)
    assert main(command[:at] + command[at + 2 :]) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.startswith("partwise-lab: ")


def test_no_answers_there_is_one_sentence(command, tmp_path, capsys):
    at = command.index("--answers")
    assert main([*command[: at + 1], str(tmp_path), *command[at + 2 :]]) == 2
    assert "no answers in" in capsys.readouterr().err
