"""Which pieces a model may be tuned on and which are kept to score it: a split by piece.

The answers are about 133 pieces, each in many triplets, so triplets drawn at random would put the
same pieces on both sides. Here a piece's split is its hash, and a triplet belongs to a split only
if all of its pieces do. The others straddle and are used by neither; with three pieces to a triplet
they are most of them, which is why the shares are not the usual 80, 10 and 10: those would leave
two triplets for the test. Of Inst-Sim-ABX's 1440 XAB questions 120 are of training pieces, 108 of
test pieces (and 276 XYC questions), and none happens to lie wholly among the 14 validation pieces:
settings are better chosen with other listeners than these.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from partwise.errors import PartwiseError
from partwise_lab.measure.abx.answers import Triplet

SHARES = {"train": range(45), "valid": range(45, 65), "test": range(65, 100)}
STRADDLING = "straddling"


@dataclass(frozen=True)
class PieceSplit:
    """The pieces of each split."""

    train: frozenset[str]
    valid: frozenset[str]
    test: frozenset[str]

    @classmethod
    def of(cls, pieces: Iterable[str]) -> PieceSplit:
        """Each piece by its hash, which depends on nothing but its name."""
        split: dict[str, set[str]] = {name: set() for name in SHARES}
        for piece in pieces:
            digest = hashlib.blake2b(f"song {piece}".encode(), digest_size=4).digest()
            slot = int.from_bytes(digest, "big") % 100
            split[next(name for name, slots in SHARES.items() if slot in slots)].add(piece)
        return cls(**{name: frozenset(members) for name, members in split.items()})

    def place(self, triplet: Triplet) -> str:
        """train, valid or test where all pieces of the triplet are of it, else `straddling`."""
        for name in SHARES:
            if triplet.pieces <= getattr(self, name):
                return name
        return STRADDLING

    def count(self, triplets: Iterable[Triplet]) -> dict[str, int]:
        """How many triplets each split has, and how many straddle."""
        found = Counter(self.place(triplet) for triplet in triplets)
        return {name: found[name] for name in (*SHARES, STRADDLING)}

    def as_json(self) -> dict[str, list[str]]:
        return {name: sorted(getattr(self, name)) for name in SHARES}


def split_in(description: Mapping[str, Any]) -> PieceSplit | None:
    """The pieces a model was tuned on, from the JSON beside it; None where it was on none."""
    songs = description.get("recipe_settings", {}).get("songs")
    return PieceSplit(**{name: frozenset(songs[name]) for name in SHARES}) if songs else None


def read_split(model: Path) -> PieceSplit:
    """The same for a file: a checkpoint, or a model exported from it, with its JSON beside it.

    Raises PartwiseError where the file cannot be read or names no songs.
    """
    path = model.with_suffix(".json")
    try:
        split = split_in(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PartwiseError(f"{path}, which should name songs, cannot be read: {error}") from None
    if split is None:
        raise PartwiseError(
            f"{path} names no songs: only models of `partwise-lab train --recipe preference` do"
        )
    return split
