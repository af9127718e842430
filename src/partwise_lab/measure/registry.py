"""The protocols of `partwise-lab evaluate` by name: what each asks, what runs it, what it takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from partwise_lab.measure import protocols
from partwise_lab.measure.probes import probes
from partwise_lab.measure.same_part import same_part

LABELS = 10


@dataclass(frozen=True)
class Protocol:
    """One protocol; title and question are in words, for people.

    run : of a `Trial` and options; None where no stems are needed, but answers of listeners
    takes : options that it has besides `segment_s`, and what they are where nothing was asked for
    fixed : options that its name decides
    segment_s : length of a segment where none was asked for
    details : whether it can tell what a page draws
    """

    title: str
    question: str
    run: Callable[..., dict[str, Any]] | None = None
    takes: Mapping[str, int | None] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    segment_s: float = 10.0
    details: bool = False

    def options(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """What it uses of what was asked for."""
        used = {"segment_s": asked["segment_s"] or self.segment_s}
        for name, default in self.takes.items():
            used[name] = default if asked[name] is None else asked[name]
        return used | dict(self.fixed)


_PSEUDO_KNN: dict[str, int | None] = {
    "pool": None,
    "draws": None,
    "oracle": None,
    "labels": LABELS,
    "mixes": 4,
}

PROTOCOLS = {
    "pseudo-knn": Protocol(
        "Pseudo-mix kNN",
        "Stems of different pieces are put together; can the piece that one part comes from be "
        "found inside that part's subspace, whatever else sounds?",
        protocols.pseudo_knn,
        _PSEUDO_KNN,
        {"leakage": False},
        details=True,
    ),
    "leakage": Protocol(
        "Pseudo-mix kNN and leakage",
        "Stems of different pieces are put together; can the piece that one part comes from be "
        "found inside that part's subspace, and can it not be found inside the others?",
        protocols.pseudo_knn,
        _PSEUDO_KNN,
        {"leakage": True},
        details=True,
    ),
    "presence": Protocol(
        "Presence",
        "Does the network tell which parts are there, in mixes of random subsets of stems?",
        protocols.presence,
    ),
    "few-pieces": Protocol(
        "Pseudo-mixes of few pieces",
        "Windows of recorded stems are put together at random; which of a handful of pieces does "
        "a part come from? With so few pieces nothing is said about other music.",
        protocols.few_pieces,
        {"labels": None, "draws": None, "oracle": None, "mixes": 24},
        segment_s=5.0,
    ),
    "halves": Protocol(
        "Halves of songs",
        "Does half a song find its other half? This cannot tell whether a subspace hears its own "
        "part or the rest of the song.",
        protocols.halves,
        {"labels": None, "draws": None},
        segment_s=5.0,
    ),
    "unmixed": Protocol(
        "Unmixed songs",
        "Which piece does a segment of a real mix come from? This does not measure "
        "disentanglement: all parts of a piece sound together, so any subspace can win from cues "
        "of the song.",
        protocols.unmixed,
        {"labels": None, "draws": None},
        details=True,
    ),
    "same-part": Protocol(
        "Same part, other accompaniment",
        "The same stem under other music, and other stems under the same music: is what shares the "
        "part near in the part's own subspace, and what shares the rest in the others?",
        same_part,
    ),
    "probes": Protocol(
        "What each subspace holds",
        "The instrument, key, tempo, loudness and brightness of each part: in which subspaces can "
        "a linear model read them, of pieces that it has not seen?",
        probes,
        {"pool": None, "mixes": 1},
    ),
    "abx": Protocol(
        "Agreement with listeners",
        "Listeners said which of two clips is more like a third, part by part; does the model "
        "find alike what they find alike?",
    ),
}
