"""Clean-stem teachers: one small network per part, and what they say of every stem segment.

The 2022 method (arXiv 2211.07863): one network per part on that part's stems; segments of the same
song are alike, those of other songs are not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.model.checkpoint import describe
from partwise_lab.model.comparisons import UNetEncoder
from partwise_lab.training.machine import autocast
from partwise_lab.training.paper.triplets import SegmentGrid, choose
from partwise_lab.training.recipes import Objective, Optimiser, same_choices
from partwise_lab.training.stem_bank import StemBank

_AT_ONCE = 256  # segments that a teacher hears in one go


@dataclass(frozen=True)
class TeacherSettings:
    """Size of the clean-stem teachers: five small networks of the paper's shape.

    bands : of the log-mel.
    dim : length of one teacher's embedding, the same as that of a subspace.
    widths : channels of the five blocks.
    """

    bands: int = 192
    dim: int = 128
    widths: tuple[int, ...] = (8, 16, 32, 64, 128)


@dataclass(frozen=True)
class TeacherRecipe(Optimiser):
    """How the teachers are trained.

    triplets : per part and step.
    seconds, hop_s : length and distance of segments [s].
    margin : of the triplet loss.
    """

    networks: TeacherSettings = field(default_factory=TeacherSettings)
    triplets: int = 24
    seconds: float = 3.0
    hop_s: float = 1.5
    margin: float = 0.2
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warmup_steps: int = 50
    ema: float = 0.99


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


class StemTriplets:
    """Triplets of clean stems: two segments of one song's stem, and one of another song's."""

    def __init__(self, grid: SegmentGrid) -> None:
        self.grid = grid
        self._songs = [
            np.flatnonzero(grid.active[:, part.index].sum(axis=1) >= 2) for part in PARTS
        ]
        for part in PARTS:
            if len(self._songs[part.index]) < 2:
                raise PartwiseError(
                    f"a teacher for {part} needs two pieces in which it plays in two segments"
                )

    def draw(self, triplets: int, rng: np.random.Generator) -> np.ndarray:
        """Numbers of segments (`SegmentGrid.number`), int64 [roles=3, parts=5, triplets]."""
        drawn = np.empty((3, len(PARTS), triplets), dtype=np.int64)
        each = np.arange(triplets)
        for part in PARTS:
            i, songs = part.index, self._songs[part.index]
            first = rng.integers(len(songs), size=triplets)
            other = (first + rng.integers(1, len(songs), size=triplets)) % len(songs)
            same, another = songs[first], songs[other]
            may = self.grid.active[same, i]  # a copy: [triplets, places]
            anchor = choose(may, rng)
            may[each, anchor] = False
            places = [anchor, choose(may, rng), choose(self.grid.active[another, i], rng)]
            for role, (song, place) in enumerate(zip((same, same, another), places, strict=True)):
                drawn[role, i] = self.grid.number(song, part.index, place)
        return drawn


class TeacherObjective(Objective):
    """The first stage of the recipe `paper`: five clean-stem teachers, side by side."""

    columns = tuple(str(part) for part in PARTS)

    def __init__(self, bank: StemBank, recipe: TeacherRecipe, device: str = "cpu") -> None:
        super().__init__("paper-teachers", recipe, bank, device)
        self.recipe = recipe
        self.segments = 3 * len(PARTS) * recipe.triplets
        self.grid = SegmentGrid.of(bank, recipe.seconds, recipe.hop_s)
        self.triplets = StemTriplets(self.grid)
        torch.manual_seed(recipe.seed)
        self.model = self.learner = StemTeachers(recipe.networks)
        self.model.to(device, memory_format=torch.channels_last)  # pyright: ignore
        self.restart(0)

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        self.rng = np.random.default_rng([self.recipe.seed, step])

    def draw(self) -> Tensor:
        """Stems in dB, [roles=3, parts=5, triplets, frames, bands]."""
        number = self.triplets.draw(self.recipe.triplets, self.rng)
        log_mel = self.grid.windows(self.bank, number.reshape(-1), self.device)
        return log_mel.unflatten(0, number.shape)

    def loss(self, batch: Tensor, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean of the parts' triplet losses, and each of them."""
        roles, _, triplets = batch.shape[:3]
        stems = batch.transpose(0, 1).flatten(1, 2)  # [parts, roles * triplets, frames, bands]
        with autocast(self.device):
            heard = self.model(stems)
        a, p, n = heard.float().unflatten(1, (roles, triplets)).unbind(1)  # [parts, triplets, dim]
        hinge = torch.clamp(distance(a, p) - distance(a, n) + self.recipe.margin, min=0.0)
        by_part = hinge.mean(dim=1)
        return by_part.mean(), {str(part): by_part[part.index] for part in PARTS}


def distance(a: Tensor, b: Tensor) -> Tensor:
    """Euclidean distance over the last axis; has a gradient also at 0."""
    return length(a - b)


def length(x: Tensor) -> Tensor:
    """Euclidean norm over the last axis; has a gradient also at 0."""
    return torch.sqrt(torch.sum(x * x, dim=-1) + 1e-12)


def load_teachers(folder: Path, recipe: TeacherRecipe, bank: StemBank) -> StemTeachers:
    """The teachers of a finished teacher run, frozen.

    Raises PartwiseError when there are none, or when they belong to other data or settings.
    """
    path = folder / "last.safetensors"
    try:
        about = describe(path)
        kind = about.get("encoder_kind")
        if kind != StemTeachers.kind:
            raise PartwiseError(f"{path} holds a network of kind {kind!r}, not stem teachers")
        _refuse_other(path, "recipe settings", about["recipe_settings"], asdict(recipe))
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


def _refuse_other(path: Path, what: str, theirs: Any, ours: Any) -> None:
    if same_choices(theirs, ours):
        return
    if isinstance(theirs, dict) and isinstance(ours, dict):
        name = next(
            key for key in ours | theirs if not same_choices(theirs.get(key), ours.get(key))
        )
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
