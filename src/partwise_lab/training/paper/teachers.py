"""Clean-stem teachers: one small network per part, and what they say of every stem segment."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.model.paper_encoder import UNetEncoder
from partwise_lab.training.paper.recipe import TeacherRecipe, TeacherSettings
from partwise_lab.training.paper.windows import SegmentGrid
from partwise_lab.training.precision import autocast
from partwise_lab.training.stem_bank import StemBank

_AT_ONCE = 256  # segments that a teacher hears in one go


class StemTeachers(nn.Module):
    """Five networks that know nothing of each other, one per part, for clean stems."""

    kind = "stem teachers"

    def __init__(self, settings: TeacherSettings) -> None:
        super().__init__()
        self.settings = settings
        self.networks = nn.ModuleList(_teacher(settings) for _ in PARTS)

    def forward(self, log_mel: Tensor) -> Tensor:
        """Stems of every part, [parts=5, n, frames, bands] in dB -> [parts=5, n, dim]."""
        heard = [network(x) for network, x in zip(self.networks, log_mel, strict=True)]
        return torch.stack(heard)


def _teacher(settings: TeacherSettings) -> nn.Module:
    trunk = UNetEncoder(settings.bands, settings.widths)
    return nn.Sequential(trunk, nn.Linear(trunk.features, settings.dim))


def load_teachers(folder: Path, recipe: TeacherRecipe, bank: StemBank) -> StemTeachers:
    """The teachers of a finished teacher run, frozen.

    Raises PartwiseError when there are none, or when they belong to other data or settings.
    """
    path = folder / "last.safetensors"
    try:
        about = json.loads(path.with_suffix(".json").read_text())
        kind = about.get("encoder_kind")
        if kind != StemTeachers.kind:
            raise PartwiseError(f"{path} holds a network of kind {kind!r}, not stem teachers")
        _refuse_other(path, "recipe settings", about["recipe_settings"], teacher_settings(recipe))
        _refuse_other(path, "data digest", about["data_digest"], bank.digest)
        _refuse_other(path, "mel settings", about["mel"], asdict(bank.mel))
        teachers = StemTeachers(recipe.networks)
        teachers.load_state_dict(load_file(path))
    except FileNotFoundError as error:
        raise PartwiseError(f"{error.filename or path} does not exist: no teachers there") from None
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PartwiseError(f"teachers {path} cannot be read: {cause}") from None
    return teachers.eval().requires_grad_(False)


def teacher_settings(recipe: TeacherRecipe) -> dict[str, Any]:
    """The recipe as JSON gives it back: lists for tuples."""
    return json.loads(json.dumps(asdict(recipe)))


def _refuse_other(path: Path, what: str, theirs: Any, ours: Any) -> None:
    if theirs == ours:
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        name = next(key for key in ours | theirs if theirs.get(key) != ours.get(key))
        what, theirs, ours = f"{what} ({name})", theirs.get(name), ours.get(name)
    raise PartwiseError(
        f"the teachers {path} have another {what}: {theirs}, this run has {ours}; leave them out "
        "to train new ones"
    )


class TeacherTable:
    """What the teachers say of each segment of each stem, worked out when first asked for.

    A segment occurs in many mixes, but the teachers hear it only once in a whole run.
    """

    def __init__(
        self, teachers: StemTeachers, bank: StemBank, grid: SegmentGrid, device: str = "cpu"
    ) -> None:
        # Channels last nearly halves the time that bf16 takes on CPUs.
        self.teachers = teachers.to(device, memory_format=torch.channels_last)  # pyright: ignore
        self.bank = bank
        self.grid = grid
        self.device = device
        self.known = np.zeros(grid.row.size + 1, dtype=bool)
        self.known[-1] = True
        # The last row stays zero: it is what number -1, an absent part, points to.
        dim = teachers.settings.dim
        self.values = torch.zeros(len(self.known), dim, dtype=torch.float16, device=device)

    @torch.no_grad()
    def look_up(self, number: np.ndarray) -> Tensor:
        """Embeddings of segments by number, -1 for absent: [...] -> float32 [..., dim]."""
        missing = np.unique(number[~self.known[number]])
        part_of = missing // self.grid.row.shape[2] % len(PARTS)
        for part in PARTS:
            of_part = missing[part_of == part.index]
            for begin in range(0, len(of_part), _AT_ONCE):
                some = of_part[begin : begin + _AT_ONCE]
                log_mel = self.grid.windows(self.bank, some, self.device)
                with autocast(self.device):
                    heard = self.teachers.networks[part.index](log_mel)
                self.values[torch.from_numpy(some).to(self.device)] = heard.to(torch.float16)
        self.known[missing] = True
        return self.values[torch.from_numpy(number).to(self.device)].float()
