"""Triplets as a model hears them: each clip once, and which of two is nearer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.measure.abx.answers import Clip, Triplet
from partwise_lab.measure.abx.clips import Clips
from partwise_lab.measure.embed import EmbedSegments
from partwise_lab.measure.threads import in_order

_BATCH = 16  # clips embedded at a time
_EQUAL = 1e-7  # similarities that differ by less say nothing


@dataclass(frozen=True)
class Heard:
    """What a model made of clips.

    row : path -> row; clips that sound the same share one
    embeddings : float32 [rows, parts, dim] (or whatever the embedder gives, rows first)
    presence : float32 [rows, parts]
    """

    row: dict[str, int]
    embeddings: np.ndarray
    presence: np.ndarray

    def rows(self, triplets: Sequence[Triplet]) -> np.ndarray:
        """int [triplets, 3]: reference, first, second."""
        return np.array([[self.row[clip.path] for clip in t.clips] for t in triplets])


def hear(
    clips: Clips,
    triplets: Sequence[Triplet],
    embed: EmbedSegments,
    *,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Heard:
    """Embed the clips of triplets none of whose clips is missing, song by song."""
    songs: dict[str, dict[tuple, list[Clip]]] = {}
    for clip in dict.fromkeys(clip for triplet in triplets for clip in triplet.clips):
        songs.setdefault(clip.song, {}).setdefault(clips.same(clip), []).append(clip)
    groups = list(songs.values())

    def work(group: dict[tuple, list[Clip]]) -> list[tuple[np.ndarray, np.ndarray]]:
        samples = clips.read([alike[0] for alike in group.values()])
        return [embed(np.stack(batch)) for batch in _batches(samples)]

    row: dict[str, int] = {}
    found: list[tuple[np.ndarray, np.ndarray]] = []
    count = 0
    for done, (group, heard) in enumerate(
        zip(groups, in_order(work, groups, threads), strict=True), start=1
    ):
        found += heard
        for alike in group.values():
            row |= {clip.path: count for clip in alike}
            count += 1
        if progress:
            progress(done, len(groups))
    return Heard(
        row,
        np.concatenate([each[0] for each in found]),
        np.concatenate([each[1] for each in found]),
    )


def _batches(samples: Sequence[np.ndarray]) -> Iterator[Sequence[np.ndarray]]:
    """Neighbours of equal length, at most `_BATCH` at a time, in order."""
    begin = 0
    for end in range(1, len(samples) + 1):
        full = end - begin == _BATCH or end == len(samples)
        if full or len(samples[end]) != len(samples[begin]):
            yield samples[begin:end]
            begin = end


def complete(clips: Clips, triplets: Sequence[Triplet]) -> tuple[list[Triplet], dict[str, int]]:
    """The triplets whose clips are all there; and why clips are not, reason -> how many.

    Raises PartwiseError where no triplet is complete.
    """
    wanted = dict.fromkeys(clip for triplet in triplets for clip in triplet.clips)
    missing = {clip.path: why for clip in wanted if (why := clips.missing(clip))}
    there = [t for t in triplets if not any(clip.path in missing for clip in t.clips)]
    reasons: dict[str, int] = {}
    for why in missing.values():
        reasons[why] = reasons.get(why, 0) + 1
    if not there:
        why = max(reasons, key=lambda reason: reasons[reason], default="there are no triplets")
        raise PartwiseError(f"none of the {len(triplets)} triplets can be heard: {why}")
    return there, reasons


def says_first(
    heard: Heard,
    triplets: Sequence[Triplet],
    part: Part | None,
    presence_threshold: float | np.ndarray = 0.5,
) -> np.ndarray:
    """float [triplets]: 1 where the first is nearer to the reference, 0 the second, 0.5 neither.

    Nearer is the larger cosine in the part's subspace, whether or not the part is told present. For
    the mix (no part) it is the score of equal weights for the parts present in the reference, in
    which a part that the other clip lacks counts as 0; of a reference without any, all count.
    """
    x, first, second = heard.rows(triplets).T
    unit = _unit(heard.embeddings)
    if part:
        own = unit[:, part.index]
        difference = np.sum(own[x] * (own[first] - own[second]), axis=1)
    else:
        present = heard.presence >= presence_threshold  # [rows, parts]
        asked = present[x] | ~present[x].any(axis=1, keepdims=True)  # [triplets, parts]
        gated = np.where((present | ~present.any(axis=1, keepdims=True))[..., None], unit, 0.0)
        each = np.sum(unit[x] * (gated[first] - gated[second]), axis=2)
        difference = np.sum(each * asked, axis=1) / asked.sum(axis=1)
    return np.where(np.abs(difference) < _EQUAL, 0.5, difference > 0.0)


def _unit(embeddings: np.ndarray) -> np.ndarray:
    """[rows, parts, dim] of unit norm; zeros stay zeros."""
    if embeddings.ndim != 3 or embeddings.shape[1] != len(PARTS):
        raise ValueError(f"embeddings of the shape {embeddings.shape}")
    norm = np.linalg.norm(embeddings, axis=2, keepdims=True)
    return np.divide(embeddings, norm, out=np.zeros_like(embeddings), where=norm > 0)
