"""Every recipe by its name, and how each is run on a stem bank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from partwise.errors import PartwiseError
from partwise_lab.separation.separator import load_separator
from partwise_lab.synthesis.voice_bank import read_voice_bank
from partwise_lab.training import machine
from partwise_lab.training.comparisons import (
    IndividualObjective,
    SeparatorObjective,
    SeparatorRecipe,
    separated_bank,
)
from partwise_lab.training.factorial import FactorialObjective
from partwise_lab.training.loop import Clock, Progress, train
from partwise_lab.training.masks import NAME as MASKS
from partwise_lab.training.masks import MaskObjective, MaskRecipe
from partwise_lab.training.paper.recipe import PAPER_RECIPES, tempos_of, train_paper
from partwise_lab.training.preference import NAME as PREFERENCE
from partwise_lab.training.preference import PreferenceObjective, PreferenceRecipe
from partwise_lab.training.presence import NAME as PRESENCE
from partwise_lab.training.presence import PresenceObjective, PresenceRecipe
from partwise_lab.training.recipes import INDIVIDUAL, RECIPES, Objective, Recipe
from partwise_lab.training.stem_bank import StemBank

# What is taught on top of a trained network, most of which stays as it is.
_ON_TOP: dict[str, tuple[Any, Any]] = {
    PRESENCE: (PresenceObjective, PresenceRecipe),
    MASKS: (MaskObjective, MaskRecipe),
}


@dataclass(frozen=True)
class RunOptions:
    """What a run needs besides its recipe and its data.

    minutes : budget of training time, of the wall clock or of CPU time (`clock`).
    start_from : checkpoint that a new run takes its weights from.
    learning_rate : instead of the recipe's own, for instance lower when starting from a checkpoint.
    cool : finish a run of a recipe of constant rate (see `loop.train`).
    voices : voice bank of `partwise-lab voices`, for our own recipes.
    teachers : finished teachers to use, for the recipe `paper`.
    separator : whose stems the recipe `individual` learns from; None for the clean ones.
    answers : of listeners, for the recipe `preference`.
    """

    minutes: float
    seed: int = 0
    device: str = "cpu"
    threads: int | None = None
    clock: Clock = "wall"
    start_from: Path | None = None
    learning_rate: float | None = None
    cool: bool = False
    voices: Path | None = None
    teachers: Path | None = None
    separator: str | None = None
    answers: Path | None = None

    def choices(self) -> dict[str, Any]:
        """What is chosen instead of a recipe's own."""
        rate = {"learning_rate": self.learning_rate} if self.learning_rate else {}
        return {"seed": self.seed, **rate}

    def how(self, progress: Callable[[Progress], None] | None) -> dict[str, Any]:
        """Options of `loop.train`."""
        return {
            "minutes": self.minutes,
            "threads": self.threads,
            "clock": self.clock,
            "progress": progress,
        }


@dataclass(frozen=True)
class Tuned:
    """A finished run of the recipe `preference`.

    triplets : of each split, and how many straddle. before, after : share of votes on XAB triplets
        that the network agrees with, of training and of validation songs; None without any.
    """

    checkpoint: Path
    triplets: dict[str, int]
    before: dict[str, float | None]
    after: dict[str, float | None]


def recipes() -> dict[str, str]:
    """Name -> one line about it."""
    named = {name: about for name, (about, _) in RECIPES.items()}
    named |= {name: about for name, (about, _) in PAPER_RECIPES.items()}
    return named | {
        "individual": "five networks, one per part, on clean stems or on those of --separator",
        "separator": "a mask U-Net that makes stems of mixes, to compare with",
        PRESENCE: "a trained network's presence, taught anew on single stems and voices",
        MASKS: "a trained network's masks as fine as the spectrogram, to listen with",
        PREFERENCE: "a trained network's projections, tuned on answers of listeners",
    }


def check_options(name: str, options: RunOptions) -> None:
    """Raises PartwiseError for an unknown recipe or an option that it has no use for."""
    if name not in recipes():
        raise PartwiseError(f"unknown recipe {name!r}: choose from {', '.join(recipes())}")
    if options.cool and not (name in RECIPES and RECIPES[name][1].constant):
        raise PartwiseError(f"--cool: the rate of the recipe {name} falls over --minutes anyway")
    if options.voices and name not in RECIPES and name not in _ON_TOP:
        raise PartwiseError(f"--voices: the recipe {name} knows no voices")
    if options.teachers and name not in PAPER_RECIPES:
        raise PartwiseError(f"--teachers: the recipe {name} has none")
    if options.start_from and name in PAPER_RECIPES:
        raise PartwiseError(f"--start-from: the recipe {name} begins anew")
    if options.separator and name != "individual":
        raise PartwiseError(
            f"--separator: the recipe {name} hears mixes, only individual hears stems"
        )
    if options.answers and name != PREFERENCE:
        raise PartwiseError(f"--answers: only the recipe {PREFERENCE} learns from answers")
    if name == PREFERENCE and not options.answers:
        raise PartwiseError(f"--answers: the recipe {name} needs a folder of listeners' answers")
    if name in (PREFERENCE, *_ON_TOP) and not options.start_from:
        raise PartwiseError(f"--start-from: the recipe {name} needs the checkpoint that it tunes")


def run_recipe(
    name: str,
    data: Sequence[Path],
    bank: StemBank,
    out: Path,
    options: RunOptions,
    *,
    preparing: Callable[[int, int], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Path:
    """Train one recipe (not `preference`: `run_preference`); returns the checkpoint's path.

    data : the folders of stems that `bank` was made of.
    preparing(done, total) is called while stems are separated, if the recipe needs them.
    Raises PartwiseError as `check_options` and `loop.train` do.
    """
    check_options(name, options)
    chosen, how, device = options.choices(), options.how(progress), options.device
    if name in PAPER_RECIPES:
        recipe = replace(PAPER_RECIPES[name][1], **chosen)
        tempo_bpm, teachers = tempos_of(data, bank), options.teachers
        return train_paper(bank, recipe, tempo_bpm, out, teachers=teachers, device=device, **how)
    objective: Objective
    if name == "separator":
        objective = SeparatorObjective(bank, SeparatorRecipe(**chosen), device)
    elif name == "individual":
        objective = _individual(replace(INDIVIDUAL, **chosen), data, bank, options, preparing)
    elif name in _ON_TOP:
        assert options.start_from  # or check_options had refused
        objective_of, recipe_of = _ON_TOP[name]
        recipe, voices = recipe_of(**chosen), _voices(options, bank)
        objective = objective_of(bank, options.start_from, recipe, device, voices)
        return train(objective, out, **how)
    else:
        recipe = replace(RECIPES[name][1], **chosen)
        objective = FactorialObjective(bank, recipe, device, _voices(options, bank))
    return train(objective, out, start_from=options.start_from, cool=options.cool, **how)


def _voices(options: RunOptions, bank: StemBank) -> StemBank | None:
    if options.voices is None:
        return None
    clips = read_voice_bank(options.voices, bank.mel.sample_rate_hz)
    return StemBank.of_voices(clips, bank.mel)


def _individual(
    recipe: Recipe,
    data: Sequence[Path],
    bank: StemBank,
    options: RunOptions,
    preparing: Callable[[int, int], None] | None,
) -> IndividualObjective:
    if options.separator is None:
        return IndividualObjective(bank, recipe, options.device)
    if len(data) > 1:
        raise PartwiseError("--separator: the mixes of one folder are separated, not of several")
    separator = load_separator(options.separator, bank.mel.sample_rate_hz)
    stems = machine.first_alone(
        lambda: separated_bank(data[0], bank, separator, recipe.mix, progress=preparing)
    )
    return IndividualObjective(stems, recipe, options.device, separated=separator.digest)


def run_preference(
    data: Sequence[Path],
    out: Path,
    options: RunOptions,
    *,
    on_skip: Callable[[str, str], None] | None = None,
    preparing: Callable[[int, int], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Tuned:
    """Tune a checkpoint on answers of listeners to clips in `data`.

    on_skip(what, why) is told what cannot be used, preparing(done, total) how many songs are heard.
    Raises PartwiseError as `check_options`, `PreferenceObjective` and `loop.train` do.
    """
    check_options(PREFERENCE, options)
    if len(data) > 1:
        raise PartwiseError(f"the recipe {PREFERENCE} finds its clips in one folder, not several")
    if options.answers is None or options.start_from is None:
        raise ValueError("check_options lets neither be missing")
    if options.threads:
        torch.set_num_threads(options.threads)
    objective = PreferenceObjective(
        data[0],
        options.answers,
        options.start_from,
        PreferenceRecipe(**options.choices()),
        options.device,
        progress=preparing,
        on_skip=on_skip,
    )
    path = train(objective, out, **options.how(progress))
    return Tuned(path, objective.counts, objective.agreement_before, objective.agreement())
