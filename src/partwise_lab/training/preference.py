"""The recipe `preference`: a trained network, tuned on what listeners found alike.

After "PAFT", perceptual-alignment fine-tuning on the XAB answers of Inst-Sim-ABX (arXiv
2503.18486), as far as it can be guessed from its abstract, with one restraint: each subspace may
only be stretched and turned within itself. A part's vector z becomes (1 + M) z, with a matrix M of
its own that begins at zero, and the matrices are then multiplied into the network's last linear map
(`model.project`), the only weights that change. The answers are few (of 20 XAB questions a part
all three songs are in the training split), and this way they can say which of the heard
differences matter, but not teach a subspace to hear another part.

Loss: Bradley and Terry's model. With d = (cos(X, A) - cos(X, B)) / temperature in the part's
subspace, listeners choose A with probability sigmoid(d); its cross-entropy against the share of
votes for A counts as often as there are votes. Triplets of mixes are read with equal weights for
all parts. A pull towards M = 0 keeps what the answers do not speak of.

As nothing below changes, every clip is heard once, in evaluation mode (batch norm statistics stay
as they are), and its vectors are kept in memory; a step then costs milliseconds.

Songs, not triplets, are split (`measure.abx.split`); the names of all of them are kept in the
checkpoint's settings, so that scoring can keep to those of the test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from partwise.errors import PartwiseError
from partwise.parts import PARTS
from partwise_lab.measure.abx.answers import Kind, Triplet, digest_of, read_answers, triplets
from partwise_lab.measure.abx.clips import Clips, complete, find_clips, hear_clips
from partwise_lab.measure.abx.split import PieceSplit
from partwise_lab.measure.heard import checkpoint_embedder
from partwise_lab.model.checkpoint import load_checkpoint
from partwise_lab.training.recipes import Objective, Optimiser

NAME = "preference"


@dataclass(frozen=True)
class PreferenceRecipe(Optimiser):
    """Every choice of a tuning.

    aspect : whose answers count: overall, timbre, rhythm or melody.
    temperature : of the difference of two cosines. With simulated listeners, from 63 triplets of an
        untrained network: of the votes on unseen songs 39 % are agreed with before, 68 % after
        tuning at 0.1 and 87 % at 0.3 (pull 1); a pull of 10 or more costs a few points.
    pull : weight of the squared entries of M, summed over a subspace and divided by its dim.
    triplets : per step.
    """

    name: str = NAME
    aspect: str = "overall"
    temperature: float = 0.3
    pull: float = 1.0
    triplets: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.0  # the pull is towards the first weights, not towards zero
    warmup_steps: int = 20
    ema: float = 0.0  # none: the convex end of the cosine is calm, and what is told is what is kept


@dataclass(frozen=True)
class Opinions:
    """What listeners said of triplets, as tensors.

    clip : int64 [triplets, 3], rows of the features: reference, first, second
    part : int64 [triplets], the part's index; len(PARTS) for the mix
    share : float32 [triplets], of votes for the first; votes : float32 [triplets], how many
    """

    clip: Tensor
    part: Tensor
    share: Tensor
    votes: Tensor

    def __len__(self) -> int:
        return len(self.clip)

    def take(self, rows: Tensor) -> Opinions:
        """Only the chosen triplets; rows : int64 [n]."""
        return Opinions(self.clip[rows], self.part[rows], self.share[rows], self.votes[rows])

    @classmethod
    def of(cls, some: Sequence[Triplet], rows: np.ndarray, aspect: str, device: str) -> Opinions:
        """rows : int [triplets, 3]; triplets of which nobody said anything have no votes."""
        counts = np.array([t.counts(aspect) for t in some], dtype=np.float32).reshape(-1, 2)
        part = [t.part.index if t.part else len(PARTS) for t in some]
        share = counts[:, 0] / np.maximum(counts[:, 1], 1.0)
        return cls(
            torch.from_numpy(rows.reshape(-1, 3).astype(np.int64)).to(device),
            torch.tensor(part, dtype=torch.int64, device=device),
            torch.from_numpy(share).to(device),
            torch.from_numpy(counts[:, 1]).to(device),
        )


class Turns(nn.Module):
    """1 + M for every part, M = `change`, float [parts=5, dim, dim], zeros to begin with."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.change = nn.Parameter(torch.zeros(len(PARTS), dim, dim))

    def forward(self, vectors: Tensor) -> Tensor:
        """[clips, parts, dim], of any norm -> the same shape."""
        return vectors + torch.einsum("pij,cpj->cpi", self.change, vectors)

    def turn(self, rows: Tensor) -> Tensor:
        """[parts, dim, features] of a linear map -> those of the map followed by this one."""
        return rows + self.change @ rows


def preference_loss(difference: Tensor, share: Tensor, votes: Tensor) -> Tensor:
    """Bradley and Terry's cross-entropy per vote.

    difference : [triplets], similarity of the first minus that of the second, by the temperature
    share : [triplets], of votes for the first; votes : [triplets], how many
    returns : scalar; 0 without votes
    """
    each = F.binary_cross_entropy_with_logits(difference, share, reduction="none")
    return (each * votes).sum() / votes.sum().clamp(min=1.0)


class PreferenceObjective(Objective):
    """The recipe on the answers to those triplets whose clips can be heard.

    data : folder of the clips or of the songs they were cut from; answers : of listeners.
    start : the checkpoint that is tuned.
    on_skip : told of clips that are missing and answers that are malformed, and why.
    Raises PartwiseError where the answers or the clips cannot be used, the songs are too few to be
    split, or the checkpoint was itself tuned on answers.
    """

    columns = ("preference", "agreement", "pull")

    def __init__(
        self,
        data: Path,
        answers: Path,
        start: Path,
        recipe: PreferenceRecipe,
        device: str = "cpu",
        *,
        progress: Callable[[int, int], None] | None = None,
        on_skip: Callable[[str, str], None] | None = None,
    ) -> None:
        self.model, self.mel, about = load_checkpoint(start)
        if about.get("recipe") == NAME:
            raise PartwiseError(
                f"--start-from {start} was itself tuned on answers, perhaps on songs that are now "
                "kept for the test: start from the checkpoint that it began with"
            )
        self.name, self.recipe, self.optimiser, self.device = NAME, recipe, recipe, device
        clips, there = _answered(data, answers, self.mel.sample_rate_hz, on_skip)
        self.model.to(device).eval().requires_grad_(False)
        self.project: nn.Module = self.model.project  # pyright: ignore
        self.dim: int = self.model.settings.dim  # pyright: ignore
        split = PieceSplit.of(piece for t in there for piece in t.pieces)
        placed = {name: [t for t in there if split.place(t) == name] for name in ("train", "valid")}
        self.counts = split.count(there)
        empty = " and ".join(name for name in ("train", "test") if not self.counts[name])
        if empty:
            raise PartwiseError(
                "the answers are about too few songs to be split by song: of "
                f"{len(split.train)} train, {len(split.valid)} valid and {len(split.test)} test "
                f"songs, no triplet lies wholly in {empty}; answers about more songs are needed"
            )
        used = [*placed["train"], *placed["valid"]]
        heard = hear_clips(
            clips, used, checkpoint_embedder(self.model, self.mel, device), progress=progress
        )
        self.vectors = torch.from_numpy(heard.embeddings).to(device)  # [clips, parts, dim]
        self.opinions = {
            name: Opinions.of(
                some, heard.rows(some) if some else np.zeros((0, 3)), recipe.aspect, device
            )
            for name, some in placed.items()
        }
        self.first = {name: w.detach().clone() for name, w in self.project.named_parameters()}
        self.turns = Turns(self.dim).to(device)
        self.learner = nn.ModuleDict({"turns": self.turns})
        self.settings = {
            **asdict(recipe),
            "start": {key: about.get(key) for key in ("recipe", "data_digest", "steps")},
            "start_weights": hashlib.sha256(start.read_bytes()).hexdigest()[:16],
            "hears": clips.hears,
            "songs": split.as_json(),
            "triplet_counts": self.counts,
        }
        self.data_digest, self.pieces = digest_of(used), len(split.train)
        self.segments = recipe.triplets
        self.agreement_before = self.agreement()
        self.restart(0)

    def restart(self, step: int) -> None:
        """Draw on from `step`."""
        self.rng = np.random.default_rng([self.recipe.seed, step])

    def draw(self) -> Opinions:
        """Triplets of the training songs, drawn with replacement."""
        rows = self.rng.integers(len(self.opinions["train"]), size=self.recipe.triplets)
        return self.opinions["train"].take(torch.from_numpy(rows).to(self.device))

    def loss(self, batch: Opinions, used: float) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the losses, and each of them."""
        self._merge()
        difference = self.difference(batch)
        terms = {
            "preference": preference_loss(
                difference / self.recipe.temperature, batch.share, batch.votes
            ),
            "agreement": _agreement(difference, batch),
            "pull": self.turns.change.square().sum(dim=(1, 2)).mean() / self.dim,
        }
        return terms["preference"] + self.recipe.pull * terms["pull"], terms

    def difference(self, of: Opinions) -> Tensor:
        """cos(X, first) - cos(X, second) in the part's subspace, [triplets]; mixes: the mean."""
        clips, row = torch.unique(of.clip, return_inverse=True)
        unit = F.normalize(self.turns(self.vectors[clips]), dim=2, eps=1e-6)
        x, first, second = unit[row].unbind(1)  # [triplets, parts, dim] each
        each = (x * (first - second)).sum(dim=2)  # [triplets, parts]
        both = torch.cat([each, each.mean(dim=1, keepdim=True)], dim=1)
        return both.gather(1, of.part[:, None])[:, 0]

    @torch.no_grad()
    def _merge(self) -> None:
        """Multiply the matrices, as they are, into the projections the network began with."""
        for name, weight in self.project.named_parameters():
            # weights [parts * dim, features(, 1)], biases [parts * dim]
            rows = self.first[name].reshape(len(PARTS), self.dim, -1)
            weight.copy_(self.turns.turn(rows).reshape(weight.shape))

    @torch.no_grad()
    def agreement(self) -> dict[str, float | None]:
        """Share of votes that the network agrees with now, on training and validation songs."""
        return {
            name: float(_agreement(self.difference(of), of)) if of.votes.any() else None
            for name, of in self.opinions.items()
        }


def _answered(
    data: Path, answers: Path, sample_rate_hz: int, on_skip: Callable[[str, str], None] | None
) -> tuple[Clips, list[Triplet]]:
    """The clips of XAB answers, and the triplets none of whose clips is missing."""
    read = read_answers(answers)
    asked = [t for t in triplets(read.answers, pooled=True) if t.kind is Kind.XAB]
    if not asked:
        raise PartwiseError(f"{answers} has no XAB answers, which the recipe {NAME} learns from")
    clips = find_clips(data, answers, [c for t in asked for c in t.clips], sample_rate_hz)
    there, reasons = complete(clips, asked)
    for what, why in (
        *((f"{count} answers", why) for why, count in read.malformed.items()),
        *((f"{count} clips", why) for why, count in reasons.items()),
        *clips.told,
    ):
        if on_skip:
            on_skip(what, why)
    return clips, there


def _agreement(difference: Tensor, of: Opinions) -> Tensor:
    """Share of the votes that go to the nearer clip; a tie is half a vote."""
    first = (torch.sign(difference.detach()) + 1.0) / 2.0
    right = first * of.share + (1.0 - first) * (1.0 - of.share)
    return (right * of.votes).sum() / of.votes.sum().clamp(min=1.0)
