"""The clips that listeners compared: where they lie, and which of two a model finds nearer.

Inst-Sim-ABX comes without audio. Its sample_configs/*.json tell where each clip lies in a track of
Slakh2100: test set -> sample -> test -> part -> role -> ID (the track's number), seg, filename, sr
and index_s, index_e in samples at sr. The clip that answers name `set2/1/bass/X_2086-27.wav` is
there as set 2, sample 1, bass. Whoever has cut the clips has them as files of these very names.

What is heard of a track is its mix at that time, which is what partwise is for (it never gets a
stem), or the stem of the part, which is what the listeners heard.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from partwise.audio.decode import decode
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part
from partwise_lab.data.piece import cause_of
from partwise_lab.data.stems import Recording, find_pieces
from partwise_lab.measure.abx.answers import Clip, Triplet
from partwise_lab.measure.heard import Cut, EmbedSegments, hear, together
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.rivals.common import unit

Hears = Literal["mix", "stem"]
_SHORTEST = 0.5  # of a clip: a track that ends before its middle does not hold it
_BATCH = 16  # clips embedded at a time
_EQUAL = 1e-7  # similarities that differ by less say nothing


@dataclass(frozen=True)
class Stretch:
    """A stretch of a Slakh track. piece : the track's number, as text."""

    piece: str
    start_s: float
    end_s: float


class Clips(Protocol):
    """Where clips come from.

    hears : "mix", "stem" or "cut" (as the files are); told : what could not be used, (what, why).
    """

    hears: str

    @property
    def told(self) -> Sequence[tuple[str, str]]: ...

    def missing(self, clip: Clip) -> str | None:
        """Why the clip is not there, or None."""
        ...

    def same(self, clip: Clip) -> tuple:
        """Equal for clips that sound the same."""
        ...

    def read(self, clips: Sequence[Clip]) -> list[np.ndarray]:
        """Those clips of one piece, none of them missing: float32 [samples] each."""
        ...


def read_cuts(place: Path) -> dict[str, Stretch]:
    """Path of a clip, as the answers name it -> where it lies; from place/sample_configs/*.json.

    place : the folder of the answers, or a CSV file in it or in its csvs folder.

    Raises PartwiseError where there are none, one cannot be read or two of them disagree.
    """
    folders = [place] if place.is_dir() else [place.parent, place.parent.parent]
    files = [path for at in folders for path in sorted(at.glob("sample_configs/*.json"))]
    if not files:
        raise PartwiseError(
            f"{place} has no sample_configs/*.json, which tell where the clips lie in Slakh2100"
        )
    cuts: dict[str, Stretch] = {}
    for path in files:
        try:
            found = dict(_cuts(json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as e:
            raise PartwiseError(f"{path} does not tell where clips lie: {cause_of(e)}") from None
        for name in found.keys() & cuts.keys():
            if found[name] != cuts[name]:
                raise PartwiseError(f"{path} and another file disagree on where {name} lies")
        cuts |= found
    return cuts


def _cuts(sets: Mapping[str, Any]) -> Iterable[tuple[str, Stretch]]:
    for set_number, samples in sets.items():
        for sample, tests in samples.items():
            for parts in tests.values():
                for part, roles in parts.items():
                    for clip in roles.values():
                        rate_hz = clip["sr"]
                        name = f"set{set_number}/{sample}/{part}/{clip['filename']}"
                        start_s, end_s = clip["index_s"] / rate_hz, clip["index_e"] / rate_hz
                        if not 0.0 <= start_s < end_s:
                            raise ValueError(f"{name} ends before it starts")
                        yield name, Stretch(str(clip["ID"]), start_s, end_s)


def find_clips(
    data: Path, place: Path, wanted: Sequence[Clip], sample_rate_hz: int, hears: Hears = "mix"
) -> Clips:
    """The clips in `data`: a folder of clips already cut, or of Slakh2100 in any of its layouts.

    place : the answers' folder, which tells where clips lie in Slakh2100.
    Raises PartwiseError where none of the clips `wanted` is there.
    """
    clips: Clips = CutClips(data, sample_rate_hz)
    if all(clips.missing(clip) for clip in wanted):
        clips = SlakhClips(data, read_cuts(place), sample_rate_hz, hears)
    reasons = [clips.missing(clip) for clip in wanted]
    if all(reasons):
        raise PartwiseError(f"{data} has none of the {len(reasons)} clips: {reasons[0]}")
    return clips


class CutClips:
    """Clips as files, named below the folder as the answers name them."""

    hears = "cut"
    told: Sequence[tuple[str, str]] = ()

    def __init__(self, folder: Path, sample_rate_hz: int) -> None:
        self.folder, self.sample_rate_hz = folder, sample_rate_hz

    def missing(self, clip: Clip) -> str | None:
        there = (self.folder / clip.path).is_file()
        return None if there else f"there is no file {clip.path}"

    def same(self, clip: Clip) -> tuple:
        return (clip.path,)

    def read(self, clips: Sequence[Clip]) -> list[np.ndarray]:
        return [decode(self.folder / c.path, self.sample_rate_hz).samples for c in clips]


class SlakhClips:
    """Clips cut out of the tracks of Slakh2100."""

    def __init__(
        self, folder: Path, cuts: Mapping[str, Stretch], sample_rate_hz: int, hears: Hears
    ) -> None:
        told: list[tuple[str, str]] = []
        pieces = find_pieces(folder, on_skip=lambda what, why: told.append((what, why)))
        self.folder = folder
        self.hears: str = hears
        self.told = told
        self.cuts = cuts
        self.reader = StemReader(pieces, sample_rate_hz)
        # Track01877 is piece 1877, in whichever split it lies.
        self.index = {_number(piece.name): i for i, piece in enumerate(pieces)}

    def missing(self, clip: Clip) -> str | None:
        cut = self.cuts.get(clip.path)
        if cut is None:
            return f"sample_configs does not tell where {clip.path} lies"
        index = self.index.get(cut.piece)
        if index is None:
            return f"Track{cut.piece.zfill(5)} is not there"
        piece = self.reader.pieces[index]
        if self.hears == "stem" and clip.part and clip.part not in piece.stems:
            return f"{piece.name} has no {clip.part}"
        if piece.seconds < cut.start_s + _SHORTEST * (cut.end_s - cut.start_s):
            return f"{piece.name} ends at {piece.seconds:.1f} s, before the clip does"
        return None

    def same(self, clip: Clip) -> tuple:
        return (self.cuts[clip.path], clip.part if self.hears == "stem" else None)

    def read(self, clips: Sequence[Clip]) -> list[np.ndarray]:
        heard: dict[tuple[int, Part | None], np.ndarray] = {}
        found = []
        for clip in clips:
            cut, part = self.same(clip)
            index = self.index[cut.piece]
            if (index, part) not in heard:
                whole = self.reader.stem(index, part) if part else self._mix(index)
                heard[index, part] = whole
            rate_hz = self.reader.sample_rate_hz
            start = round(cut.start_s * rate_hz)
            length = round((cut.end_s - cut.start_s) * rate_hz)
            samples = heard[index, part][start : start + length]
            found.append(np.pad(samples, (0, length - len(samples))))
        return found

    def _mix(self, index: int) -> np.ndarray:
        """The track's own mix, which is read ten times faster than its stems, or their sum."""
        for suffix in (".flac", ".wav"):
            path = self.folder / self.reader.pieces[index].name / f"mix{suffix}"
            if path.is_file():
                return Recording(path).read(self.reader.sample_rate_hz)
        return self.reader.whole(index)


def _number(name: str) -> str:
    """`test/Track01877` -> `1877`; a name without a number stays as it is."""
    last = name.rsplit("/", 1)[-1]
    digits = last.removeprefix("Track")
    return str(int(digits)) if digits.isdecimal() else last


@dataclass(frozen=True)
class HeardClips:
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


def hear_clips(
    clips: Clips,
    triplets: Sequence[Triplet],
    embed: EmbedSegments,
    *,
    threads: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> HeardClips:
    """Embed the clips of triplets none of whose clips is missing, piece by piece."""
    pieces: dict[str, dict[tuple, list[Clip]]] = {}
    for clip in dict.fromkeys(clip for triplet in triplets for clip in triplet.clips):
        pieces.setdefault(clip.piece, {}).setdefault(clips.same(clip), []).append(clip)
    groups = [list(alike.values()) for alike in pieces.values()]

    def cut(group: list[list[Clip]]) -> Iterator[Cut[np.ndarray]]:
        for batch in _batches(clips.read([alike[0] for alike in group])):
            yield Cut(np.stack(batch), ())

    found = hear(
        groups,
        cut,
        embed,
        threads=threads,
        progress=progress and (lambda done: progress(done, len(groups))),
    )
    heard = together(found)
    assert heard is not None
    every = [alike for group in groups for alike in group]
    row = {clip.path: number for number, alike in enumerate(every) for clip in alike}
    return HeardClips(row, heard.embeddings, heard.presence)


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
    heard: HeardClips,
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
    if heard.embeddings.ndim != 3 or heard.embeddings.shape[1] != len(PARTS):
        raise ValueError(f"embeddings of the shape {heard.embeddings.shape}")
    units = unit(heard.embeddings)
    if part:
        own = units[:, part.index]
        difference = np.sum(own[x] * (own[first] - own[second]), axis=1)
    else:
        present = heard.presence >= presence_threshold  # [rows, parts]
        asked = present[x] | ~present[x].any(axis=1, keepdims=True)  # [triplets, parts]
        gated = np.where((present | ~present.any(axis=1, keepdims=True))[..., None], units, 0.0)
        each = np.sum(units[x] * (gated[first] - gated[second]), axis=2)
        difference = np.sum(each * asked, axis=1) / asked.sum(axis=1)
    return np.where(np.abs(difference) < _EQUAL, 0.5, difference > 0.0)
