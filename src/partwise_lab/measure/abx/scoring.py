"""The protocol `abx`: does a model find alike what listeners find alike?

Its report, in dictionaries that JSON can hold:

    answers        rows, malformed (reason -> rows), listeners, dummies (asked, passed; left out)
    triplets       asked (XAB, XYC), heard, trained_on (tuned on these very answers), trained_songs
                   (holds a song that the model was tuned on), songs (of the references heard)
    hears          mix, stem or cut: what the model was given
    pooled         whether the votes of several experiments on the same clips are put together
    only_test_songs    whether only triplets of songs were scored that a tuned model has not seen
    missing        clips and triplets that could not be heard, and reasons (reason -> clips)
    undecided      triplets in which both clips are equally near
    agreement      one entry for each kind (XAB, XYC), part (or mix) and aspect (overall, timbre,
                   rhythm, melody), as far as there are votes: triplets, songs, chance, and
        votes, sure_votes, majority, consensus     value, low, high (95 %, by `interval`), n; of
                                                   triplets also p_value (exact binomial, two-sided)
        human      one_vs_rest, perfect_majority, perfect_sure; of XYC chose_same_song
    mean           kind -> aspect -> measure -> mean over the five parts (not the mix), if measured

What the measures and the human ceilings mean is told in `agreement`. p_value takes triplets for
independent, which those that several experiments asked are only when pooled. The model has one
opinion of a triplet, so the aspects tell which of them its subspace listens to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.measure.abx.agreement import MEASURES, agreement
from partwise_lab.measure.abx.answers import ASPECTS, Answers, Kind, Triplet, triplets
from partwise_lab.measure.abx.clips import Clips
from partwise_lab.measure.abx.hearing import complete, hear, says_first
from partwise_lab.measure.abx.songs import SongSplit
from partwise_lab.measure.embed import EmbedSegments

MIX = "mix"


def abx(
    answers: Answers,
    clips: Clips,
    embed: EmbedSegments,
    *,
    tuned_on: SongSplit | None = None,
    songs_of: SongSplit | None = None,
    pooled: bool = False,
    presence_threshold: float | np.ndarray = 0.5,
    seed: int = 0,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """The report (see the module's text) on one model.

    tuned_on : the split of the model itself, if it was tuned on answers (`songs.split_in`)
    songs_of : score only triplets of the test songs of this split, for instance to compare a tuned
        model with the one it began as
    Raises PartwiseError where no triplet can be heard, or none is left by `songs_of`.
    """
    every = triplets(answers.answers, pooled=pooled)
    asked = every
    if songs_of:
        asked = [t for t in every if songs_of.place(t) == "test"]
        if not asked:
            raise PartwiseError(
                f"no triplet of {answers.place} has only test songs of the model's split"
            )
    there, reasons = complete(clips, asked)
    heard = hear(clips, there, embed, threads=threads, progress=progress)
    entries: list[dict[str, Any]] = []
    undecided = 0
    for kind in (Kind.XAB, Kind.XYC):
        for part in (*PARTS, None):
            some = [t for t in there if t.kind is kind and t.part is part]
            if not some:
                continue
            choices = says_first(heard, some, part, presence_threshold)
            undecided += int((choices == 0.5).sum())
            entries += _entries(some, choices, kind, part, seed)
    dummies, passed = answers.dummies()
    return {
        "answers": {
            "rows": answers.rows,
            "malformed": dict(answers.malformed),
            "listeners": answers.listeners,
            "dummies": {"asked": dummies, "passed": passed},
        },
        "triplets": {
            "asked": {str(k): sum(t.kind is k for t in every) for k in (Kind.XAB, Kind.XYC)},
            "heard": len(there),
            **_trained(there, tuned_on),
            "songs": len({t.reference.song for t in there}),
        },
        "hears": clips.hears,
        "pooled": pooled,
        "only_test_songs": songs_of is not None,
        "missing": {
            "triplets": len(asked) - len(there),
            "clips": sum(reasons.values()),
            "reasons": reasons,
        },
        "undecided": undecided,
        "agreement": entries,
        "mean": _means(entries),
    }


def _entries(
    some: Sequence[Triplet], choices: np.ndarray, kind: Kind, part: Part | None, seed: int
) -> list[dict[str, Any]]:
    named = {"kind": str(kind), "part": str(part or MIX)}
    found = {aspect: agreement(some, choices, aspect, seed=seed) for aspect in ASPECTS}
    return [named | {"aspect": aspect} | each for aspect, each in found.items() if each]


def _trained(there: Sequence[Triplet], tuned_on: SongSplit | None) -> dict[str, int]:
    """How many of the triplets the model was tuned on, whole or by one of their songs."""
    if tuned_on is None:
        return {"trained_on": 0, "trained_songs": 0}
    return {
        "trained_on": sum(t.kind is Kind.XAB and t.songs <= tuned_on.train for t in there),
        "trained_songs": sum(bool(t.songs & tuned_on.train) for t in there),
    }


def _means(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    means: dict[str, Any] = {}
    for entry in entries:
        of_aspect = means.setdefault(entry["kind"], {}).setdefault(entry["aspect"], {})
        for measure in MEASURES:
            if entry["part"] != MIX and entry[measure]:
                of_aspect.setdefault(measure, []).append(entry[measure]["value"])
    return {
        kind: {
            aspect: {measure: float(np.mean(values)) for measure, values in of_aspect.items()}
            for aspect, of_aspect in aspects.items()
        }
        for kind, aspects in means.items()
    }
