"""The protocols as reports: numbers in dictionaries that JSON can hold, for tables and docs.

A report of `partwise-lab evaluate` has (schema 2; earlier ones had no `schema`):

    schema, partwise, protocol, seed, seconds, command (as it was given)
    model          digest of the model file and its description; model_* tell where it comes from
    data           names of the folders; data_digest, pieces, stems (pieces with each part), skipped
    options        the protocol's settings
    scores         one entry for each part and reading (`paper`, `strict`, `all` labels of the
                   pool, in this order; `nearest` for halves, `unmixed`): part, reading, labels,
                   accuracy, low and high (95 % over pieces), chance, segments
    mean, mean_strict, mean_all    over the parts that were measured
    leakage        [parts][parts]: labels of the row read in the subspace of the column, or null
    average_precision, average_precision_interval, share_present     of presence, by part, or null
    not_measured   parts that the data holds too little of, and why
    windows        of few-pieces: part -> piece -> windows in which it sounds (with one window only,
                   the strict reading cannot be right)
    details        of pseudo-knn, leakage and unmixed, where asked for: segment_s, `whole` (whether
                   the mixes are pieces as they are) and `parts`, part -> see `part_details`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.stems import StemPiece
from partwise_lab.measure.details import part_details
from partwise_lab.measure.embed import EmbedSegments
from partwise_lab.measure.entries import entry, presence_entries, readings, with_means
from partwise_lab.measure.few_pieces import FewPieces, few_piece_presence, few_piece_segments
from partwise_lab.measure.halves import halves_segments
from partwise_lab.measure.presence import presence_samples
from partwise_lab.measure.pseudo_knn import (
    draw_pseudo_mixes,
    embed_pseudo_mixes,
    knn_score,
    parts_to_test,
)
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.measure.unmixed import findable, unmixed_score, unmixed_segments

SCHEMA = 2


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

    def named(self, sources: Mapping[Part, int]) -> dict[str, str]:
        """part -> name of the piece, of the sources of a mix."""
        return {str(part): self.pieces[index].name for part, index in sources.items()}


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
    details: bool = False,
) -> dict[str, Any]:
    """Pseudo-mix kNN, in the paper's reading, strictly, and at all labels of the pool.

    Parts of which the data holds no stem, or that never sound in the segments, are not measured.
    Raises PartwiseError where a part has some, but fewer pieces than labels.
    details : the maps and examples for a report, too.
    """
    there = parts_to_test(trial.pieces, labels, pool)
    entries: list[dict] = []
    behind: dict[str, Any] = {}
    missing: dict[str, str] = {}
    table: list[list[float | None]] = [[None] * len(PARTS) for _ in PARTS]
    total = mixes * sum(there.values())
    begun = 0
    for part, count in there.items():
        rng = np.random.default_rng([trial.seed, part.index])
        drawn = draw_pseudo_mixes(trial.pieces, part, count, mixes, rng)
        begun_before, begun = begun, begun + len(drawn)
        try:
            segments = embed_pseudo_mixes(
                drawn,
                trial.reader,
                trial.embed,
                segment_s=segment_s,
                oracle=oracle,
                threads=trial.threads,
                progress=lambda done, _, b=begun_before: trial.progress(b + done, total),
            )
        except PartwiseError as error:
            # One part that never sounds must not cost the others their numbers.
            missing[str(part)] = str(error)
            continue
        found = len(np.unique(segments.label))
        if found < labels:
            raise PartwiseError(
                f"{labels} labels were asked for, but {part} sounds for {segment_s:g} s in only "
                f"{found} of the pieces drawn: ask for --labels {max(2, found)} or fewer, or for "
                "a shorter --segment"
            )
        entries += readings(segments, part, labels, draws, trial.seed)
        entries.append(entry("all", knn_score(segments, part, found, seed=trial.seed)))
        for read in PARTS if leakage else ():
            score = knn_score(segments, part, labels, read=read, draws=draws, seed=trial.seed)
            table[part.index][read.index] = score.accuracy
        if details:
            heard = [{part: mix.sources[part]} if oracle else mix.sources for mix in drawn]
            behind[str(part)] = part_details(
                segments,
                part,
                labels,
                {mix.label: trial.pieces[mix.sources[part]].name for mix in drawn},
                [trial.named(sources) for sources in heard],
                segment_s=segment_s,
                seed=trial.seed,
            )
    if not entries:
        raise PartwiseError("; ".join(f"{part}: {why}" for part, why in missing.items()))
    report = with_means(entries)
    if missing:
        report["not_measured"] = missing
    if leakage:
        report["leakage"] = table
    if behind:
        report["details"] = {"segment_s": segment_s, "whole": False, "parts": behind}
    return report


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
    return presence_entries(samples, trial.seed)


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
        entries += readings(segments, part, count, draws, trial.seed)
        for read in PARTS:
            score = knn_score(segments, part, count, read=read, draws=draws, seed=trial.seed)
            table[part.index][read.index] = score.accuracy
    samples = few_piece_presence(small, trial.embed, seed=trial.seed, threads=trial.threads)
    return (
        with_means(entries)
        | {"leakage": table}
        | presence_entries(samples, trial.seed)
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
        entries.append(entry("nearest", score))
    if not entries:
        raise PartwiseError("no part sounds in both halves of enough pieces: nothing to tell apart")
    return with_means(entries) | {"not_measured": missing}


def unmixed(
    trial: Trial,
    *,
    labels: int | None = None,
    draws: int = 20,
    segment_s: float = 10.0,
    details: bool = False,
) -> dict[str, Any]:
    """Segments of the real mixes found among those of `labels` pieces, all by default.

    This does not measure disentanglement: any subspace can win from cues of the song.
    """
    found = unmixed_segments(
        trial.pieces,
        trial.reader,
        trial.embed,
        segment_s=segment_s,
        threads=trial.threads,
        progress=trial.progress,
    )
    entries: list[dict] = []
    behind: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for part in PARTS:
        segments = findable(found[part]) if part in found else None
        there = len(np.unique(segments.label)) if segments else 0
        if segments is None or there < max(2, labels or 0):
            missing[str(part)] = f"pieces in which it sounds in two segments or more: {there}"
            continue
        score = unmixed_score(segments, part, labels, draws=draws, seed=trial.seed)
        entries.append(entry("unmixed", score))
        if details:
            pieces = range(len(trial.pieces))
            whole = [dict.fromkeys(trial.pieces[i].stems, i) for i in pieces]
            behind[str(part)] = part_details(
                segments,
                part,
                labels or there,
                {index: trial.pieces[index].name for index in pieces},
                [trial.named(whole[index]) for index in found[part].label],
                segment_s=segment_s,
                seed=trial.seed,
            )
    if not entries:
        raise PartwiseError(
            f"no part sounds in two segments of {segment_s:g} s in {labels or 2} pieces: nothing "
            "to tell apart; choose a shorter --segment or fewer --labels"
        )
    report = with_means(entries) | {"not_measured": missing}
    if behind:
        report["details"] = {"segment_s": segment_s, "whole": True, "parts": behind}
    return report
