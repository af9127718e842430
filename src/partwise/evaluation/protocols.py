"""The protocols as reports: numbers in dictionaries that JSON can hold, for tables and docs.

A report of `partwise evaluate` has (schema 2; earlier ones had no `schema`):

    schema, partwise, protocol, seed, seconds
    model          digest of the model file and its description; model_* tell where it comes from
    data           names of the folders; data_digest, pieces, stems (pieces with each part), skipped
    options        the protocol's settings
    scores         one entry for each part and reading (`paper`, `strict`, `all` labels of the
                   pool, in this order; `nearest` for halves): part, reading, labels, accuracy, low
                   and high (95 % over pieces), chance, segments
    mean, mean_strict, mean_all    over the parts that were measured
    leakage        [parts][parts]: labels of the row read in the subspace of the column, or null
    average_precision, average_precision_interval, share_present     of presence, by part, or null
    not_measured   parts that the data holds too little of, and why
    windows        of few-pieces: part -> piece -> windows in which it sounds (with one window only,
                   the strict reading cannot be right)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from partwise.datasets.stems import StemPiece
from partwise.errors import PartwiseError
from partwise.evaluation.embed import EmbedSegments
from partwise.evaluation.few_pieces import FewPieces, few_piece_presence, few_piece_segments
from partwise.evaluation.halves import halves_segments
from partwise.evaluation.presence import PresenceSamples, average_precision, presence_samples
from partwise.evaluation.pseudo_knn import (
    KnnScore,
    Segments,
    draw_pseudo_mixes,
    embed_pseudo_mixes,
    knn_score,
)
from partwise.evaluation.stem_reader import StemReader
from partwise.parts import PARTS, Part

SCHEMA = 2
MEANS = {"paper": "mean", "nearest": "mean", "strict": "mean_strict", "all": "mean_all"}


@dataclass(frozen=True)
class Trial:
    """An encoder, and the pieces that it is tried on.

    threads : mixes worked on at a time; no number depends on it.
    progress : called with the work done and all of it.
    """

    pieces: Sequence[StemPiece]
    reader: StemReader
    embed: EmbedSegments
    seed: int = 0
    threads: int = 1
    progress: Callable[[int, int], None] = lambda done, total: None

    def having(self, part: Part) -> int:
        """How many pieces have a stem of the part."""
        return sum(part in piece.stems for piece in self.pieces)


def pseudo_knn(
    trial: Trial,
    *,
    labels: int = 10,
    pool: int = 100,
    mixes: int = 4,
    draws: int = 20,
    segment_s: float = 10.0,
    oracle: bool = False,
    leakage: bool = False,
) -> dict[str, Any]:
    """Pseudo-mix kNN, in the paper's reading, strictly, and at all labels of the pool.

    Parts of which the data holds no stem are not measured. Raises PartwiseError where a part has
    some, but fewer pieces than labels.
    """
    there = {part: count for part in PARTS if (count := trial.having(part))}
    for part, count in there.items():
        if min(count, pool) < labels:
            raise PartwiseError(
                f"{labels} labels were asked for, but the data has {count} pieces with {part} "
                f"and --pool is {pool}"
            )
    entries: list[dict] = []
    table: list[list[float | None]] = [[None] * len(PARTS) for _ in PARTS]
    total = mixes * sum(min(pool, count) for count in there.values())
    begun = 0
    for part, count in there.items():
        rng = np.random.default_rng([trial.seed, part.index])
        drawn = draw_pseudo_mixes(trial.pieces, part, min(pool, count), mixes, rng)
        segments = embed_pseudo_mixes(
            drawn,
            trial.reader,
            trial.embed,
            segment_s=segment_s,
            oracle=oracle,
            threads=trial.threads,
            progress=lambda done, _, b=begun: trial.progress(b + done, total),
        )
        begun += len(drawn)
        entries += _readings(segments, part, labels, draws, trial.seed)
        found = len(np.unique(segments.label))
        entries.append(_entry("all", knn_score(segments, part, found, seed=trial.seed)))
        for read in PARTS if leakage else ():
            score = knn_score(segments, part, labels, read=read, draws=draws, seed=trial.seed)
            table[part.index][read.index] = score.accuracy
    report = _with_means(entries)
    return report | {"leakage": table} if leakage else report


def presence(trial: Trial, *, segment_s: float = 10.0) -> dict[str, Any]:
    """Average precision of presence on random subsets of stems."""
    samples = presence_samples(
        trial.pieces,
        trial.reader.sample_rate_hz,
        trial.embed,
        segment_s=segment_s,
        seed=trial.seed,
        reader=trial.reader,
        threads=trial.threads,
    )
    return _presence_entries(samples, trial.seed)


def few_pieces(
    trial: Trial,
    *,
    labels: int | None = None,
    mixes: int = 24,
    draws: int = 20,
    segment_s: float = 5.0,
    oracle: bool = False,
) -> dict[str, Any]:
    """Pseudo-mix kNN, leakage and presence where a part has a handful of pieces.

    labels : all pieces that have the part by default; fewer to compare with a smaller set.
    """
    small = FewPieces(trial.pieces, trial.reader, segment_s)
    measured = [part for part in PARTS if len(small.windows[part]) >= max(2, labels or 0)]
    if not measured:
        raise PartwiseError(
            f"no part has {labels or 2} pieces in which it sounds for {segment_s:g} s: "
            "nothing to tell apart"
        )
    entries: list[dict] = []
    table: list[list[float | None]] = [[None] * len(PARTS) for _ in PARTS]
    total = mixes * sum(len(small.windows[part]) for part in measured)
    begun = 0
    for part in measured:
        segments = few_piece_segments(
            small,
            part,
            trial.embed,
            mixes=mixes,
            oracle=oracle,
            seed=trial.seed,
            threads=trial.threads,
            progress=lambda done, b=begun: trial.progress(b + done, total),
        )
        begun += len(segments.label)
        count = labels or len(small.windows[part])
        entries += _readings(segments, part, count, draws, trial.seed)
        for read in PARTS:
            score = knn_score(segments, part, count, read=read, draws=draws, seed=trial.seed)
            table[part.index][read.index] = score.accuracy
    samples = few_piece_presence(small, trial.embed, seed=trial.seed, threads=trial.threads)
    return (
        _with_means(entries)
        | {"leakage": table}
        | _presence_entries(samples, trial.seed)
        | {
            "not_measured": {
                str(part): f"pieces that have it: {len(small.windows[part])}"
                for part in PARTS
                if part not in measured
            },
            "windows": {
                str(part): {
                    trial.pieces[index].name: len(starts)
                    for index, starts in small.windows[part].items()
                }
                for part in measured
            },
        }
    )


def halves(
    trial: Trial, *, labels: int | None = None, draws: int = 20, segment_s: float = 5.0
) -> dict[str, Any]:
    """Half a song found by its other half, in each subspace; of `labels` songs, 10 or all."""
    found = halves_segments(
        trial.pieces,
        trial.reader,
        trial.embed,
        segment_s=segment_s,
        threads=trial.threads,
        progress=trial.progress,
    )
    entries: list[dict] = []
    missing: dict[str, str] = {}
    for part in PARTS:
        there = len(np.unique(found[part].label)) if part in found else 0
        if there < max(2, labels or 0):
            missing[str(part)] = f"pieces that have it in both halves: {there}"
            continue
        score = knn_score(
            found[part],
            part,
            labels or min(10, there),
            draws=draws,
            neighbours=1,
            seed=trial.seed,
        )
        entries.append(_entry("nearest", score))
    if not entries:
        raise PartwiseError("no part sounds in both halves of enough pieces: nothing to tell apart")
    return _with_means(entries) | {"not_measured": missing}


def _readings(segments: Segments, part: Part, labels: int, draws: int, seed: int) -> list[dict]:
    return [
        _entry(reading, knn_score(segments, part, labels, strict=strict, draws=draws, seed=seed))
        for reading, strict in (("paper", False), ("strict", True))
    ]


def _entry(reading: str, score: KnnScore) -> dict:
    return asdict(score) | {"part": str(score.part), "reading": reading}


def _with_means(entries: list[dict]) -> dict[str, Any]:
    accuracy = {
        reading: [entry["accuracy"] for entry in entries if entry["reading"] == reading]
        for reading in MEANS
    }
    return {"scores": entries} | {
        MEANS[reading]: float(np.mean(values)) for reading, values in accuracy.items() if values
    }


def _presence_entries(samples: PresenceSamples, seed: int) -> dict[str, Any]:
    """Average precision by part with 95 % over segments; null where a part is never there."""
    rng = np.random.default_rng(seed)
    values, intervals, shares = {}, {}, {}
    for part in PARTS:
        told, truth = samples.of(part)
        name = str(part)
        shares[name] = float(truth.mean()) if len(truth) else None
        if not truth.any() or truth.all():
            values[name] = intervals[name] = None
            continue
        values[name] = average_precision(told, truth)
        drawn = rng.integers(len(told), size=(500, len(told)))
        again = [average_precision(told[rows], truth[rows]) for rows in drawn if truth[rows].any()]
        intervals[name] = [float(edge) for edge in np.percentile(again, [2.5, 97.5])]
    return {
        "average_precision": values,
        "average_precision_interval": intervals,
        "share_present": shares,
    }
