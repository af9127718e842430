"""Every recipe by its name, and the objective that each makes of a stem bank."""

from __future__ import annotations

from dataclasses import replace

from partwise.errors import PartwiseError
from partwise.training.factorial import FactorialObjective
from partwise.training.objective import Objective
from partwise.training.recipes import VARIANTS
from partwise.training.stem_bank import StemBank

SHIPPED = "masked-pooling"  # what the name `partwise` stands for


def recipes() -> dict[str, str]:
    """Name -> one line about it."""
    named = {"partwise": f"the one that ships: {SHIPPED}"}
    return named | {name: about for name, (about, _) in VARIANTS.items()}


def build_objective(name: str, bank: StemBank, *, seed: int, device: str) -> Objective:
    """The objective of a recipe. Raises PartwiseError for an unknown name."""
    known = SHIPPED if name == "partwise" else name
    if known not in VARIANTS:
        raise PartwiseError(f"unknown recipe {name!r}: choose from {', '.join(recipes())}")
    recipe = replace(VARIANTS[known][1], name=known, seed=seed)
    return FactorialObjective(bank, recipe, device)
