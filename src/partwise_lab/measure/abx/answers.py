"""Answers of listeners who said which of two clips is more like a third, part by part.

The shape is that of Inst-Sim-ABX (https://github.com/zume06/Inst-Sim-ABX-Dataset; Hashizume and
Toda, arXiv 2502.02138; for research only, cite the paper; it comes without audio), and what the
listening page exports. A CSV has a row for each answer:

    ex_name, subject_id               which experiment, who listened
    reference, sample_a, sample_b     clips, as `set2/1/bass/X_2086-27.wav`: set, sample, part,
                                      role, song and segment
    answer_timbre, answer_rhythm, answer_melody, answer_total     A+, A-, B+, B- or NA (N/A, empty)
                                      where the listener would not say, which `total` must not be

Roles tell the kind of question. XAB: three pieces. XYC: Y is another moment of X's own piece.
Dummies (`dummyX1.wav`, or a sample that is the reference itself) only tell who pays attention.
The same questions may be put in several experiments: a triplet is one question of one experiment,
unless they are pooled.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from partwise.errors import PartwiseError
from partwise.parts import Part

# Aspect -> its column; "overall" is what the listener said of the two clips as a whole.
ASPECTS = {
    "overall": "answer_total",
    "timbre": "answer_timbre",
    "rhythm": "answer_rhythm",
    "melody": "answer_melody",
}
_CLIPS = ("reference", "sample_a", "sample_b")
_COLUMNS = ("ex_name", "subject_id", *_CLIPS, *ASPECTS.values())
_UNSAID = ("", "NA", "N/A")
_CHOICES = ("A+", "A-", "B+", "B-")
_NAMES = {"residuals": Part.OTHER, "mix": None}
_CLIP = re.compile(
    r"(?:.*/)?(?P<part>[^/]+)/(?P<role>[A-Za-z]+)_(?P<song>.+)-(?P<segment>\d+)\.\w+"
)


class Kind(StrEnum):
    """What was asked: three pieces, or whether another moment of the same piece is nearer."""

    XAB = "XAB"
    XYC = "XYC"
    DUMMY = "dummy"


@dataclass(frozen=True)
class Clip:
    """What was heard: the file's path as the answers name it, and what that tells.

    part : None for the mix of all parts; piece : its number in Slakh2100, or a name.
    """

    path: str
    part: Part | None
    role: str
    piece: str
    segment: int


@dataclass(frozen=True)
class Vote:
    """One listener's choice. first : for the first of the two; sure : with a plus sign."""

    first: bool
    sure: bool


@dataclass(frozen=True)
class Answer:
    """One row: what a listener said of one question. votes : aspect -> the choice, where said."""

    experiment: str
    subject: str
    kind: Kind
    reference: Clip
    a: Clip
    b: Clip
    votes: Mapping[str, Vote]

    @property
    def part(self) -> Part | None:
        """The part that was heard alone; None for the mix."""
        return self.reference.part


@dataclass(frozen=True)
class Triplet:
    """One question and all that was said of it.

    first, second : A and B, or Y (of X's piece) and C, whichever was played first.
    votes : aspect -> the listeners' choices.
    """

    experiment: str
    kind: Kind
    reference: Clip
    first: Clip
    second: Clip
    votes: Mapping[str, tuple[Vote, ...]]

    @property
    def part(self) -> Part | None:
        """The part that it is about; None for the mix."""
        return self.reference.part

    @property
    def clips(self) -> tuple[Clip, Clip, Clip]:
        return self.reference, self.first, self.second

    @property
    def pieces(self) -> frozenset[str]:
        return frozenset(clip.piece for clip in self.clips)

    def counts(self, aspect: str, *, sure: bool = False) -> tuple[int, int]:
        """Votes for the first, and all of them; `sure`: only those with a plus sign."""
        said = [v.first for v in self.votes.get(aspect, ()) if v.sure or not sure]
        return sum(said), len(said)


@dataclass(frozen=True)
class Answers:
    """All that could be read.

    rows : how many rows the files have; malformed : reason -> how many were left out for it.
    places : the folder or file that was read.
    """

    place: Path
    answers: tuple[Answer, ...]
    rows: int
    malformed: Mapping[str, int]

    def of(self, kind: Kind) -> list[Answer]:
        return [answer for answer in self.answers if answer.kind is kind]

    @property
    def listeners(self) -> int:
        """How many took part; a subject's number counts within its experiment."""
        return len({(answer.experiment, answer.subject) for answer in self.answers})

    def dummies(self) -> tuple[int, int]:
        """Answers to dummies, and how many of them chose the clip that is the reference."""
        asked = [d for d in self.of(Kind.DUMMY) if "overall" in d.votes]
        return len(asked), sum(_chosen(d).path == d.reference.path for d in asked)


def _chosen(answer: Answer) -> Clip:
    return answer.a if answer.votes["overall"].first else answer.b


def read_answers(place: Path) -> Answers:
    """Read a CSV file, or those of a folder (or of `csvs` in it).

    `NAME_XAB.csv` and `NAME_XYC.csv` repeat what `NAME.csv` has and are left out where it is there.
    Raises PartwiseError where there is no such file, it lacks columns or no row can be used.
    """
    answers: list[Answer] = []
    malformed: Counter[str] = Counter()
    seen: set[tuple[str, ...]] = set()
    rows = 0
    for path in _files(place):
        for row in _rows(path):
            rows += 1
            try:
                answer = _answer(row)
            except ValueError as error:
                malformed[str(error)] += 1
                continue
            asked = (answer.experiment, answer.subject, *(row[name] for name in _CLIPS))
            if answer.kind is not Kind.DUMMY and asked in seen:
                malformed["the listener has answered this question before"] += 1
                continue
            seen.add(asked)
            answers.append(answer)
    if not any(answer.kind is not Kind.DUMMY for answer in answers):
        why = f": {malformed.most_common(1)[0][0]}" if malformed else ""
        raise PartwiseError(f"none of the {rows} answers in {place} can be used{why}")
    return Answers(place, tuple(answers), rows, dict(malformed))


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    if not place.is_dir():
        raise PartwiseError(f"the answers {place} do not exist")
    found = sorted(place.glob("*.csv")) or sorted(place.glob("csvs/*.csv"))
    whole = {path.stem for path in found}
    files = [p for p in found if p.stem not in {f"{w}_{kind}" for w in whole for kind in Kind}]
    if not files:
        raise PartwiseError(
            f"no answers in {place}: there is no .csv file in it or its csvs folder"
        )
    return files


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise PartwiseError(f"{path} lacks the columns {', '.join(missing)}")
            return list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PartwiseError(f"{path} cannot be read as CSV: {error}") from None


def _answer(row: Mapping[str, str]) -> Answer:
    """Raises ValueError, saying what is wrong with the row."""
    paths = [row[name].strip() for name in _CLIPS]
    if not all(paths) or not row["subject_id"].strip():
        raise ValueError("a clip or the subject is not named")
    votes: dict[str, Vote] = {}
    for aspect, column in ASPECTS.items():
        said = row[column].strip().upper()
        if said in _UNSAID:
            continue
        if said not in _CHOICES:
            raise ValueError(f"{column} is not A+, A-, B+, B- or NA")
        votes[aspect] = Vote(said[0] == "A", said[1] == "+")
    if "overall" not in votes:
        raise ValueError(f"{ASPECTS['overall']} says nothing")
    named = (row["ex_name"].strip(), row["subject_id"].strip())
    if paths[0] in paths[1:] or "dummy" in Path(paths[0]).name.lower():
        x, a, b = (Clip(path, None, "dummy", "", 0) for path in paths)
        return Answer(*named, Kind.DUMMY, x, a, b, votes)
    x, a, b = (_clip(path) for path in paths)
    if not x.part == a.part == b.part:
        raise ValueError("its clips are of different parts")
    return Answer(*named, _kind(x, a, b), x, a, b, votes)


def _clip(path: str) -> Clip:
    found = _CLIP.fullmatch(path)
    if not found:
        raise ValueError("a clip is not named set/sample/part/ROLE_SONG-SEGMENT.wav")
    name = found["part"].lower()
    try:
        part = _NAMES[name] if name in _NAMES else Part(name)
    except ValueError:
        raise ValueError(f"a clip is of the unknown part {name!r}") from None
    return Clip(path, part, found["role"].upper(), found["song"], int(found["segment"]))


def _kind(x: Clip, a: Clip, b: Clip) -> Kind:
    roles = x.role, *sorted((a.role, b.role))
    if roles == ("X", "A", "B"):
        return Kind.XAB
    if roles == ("X", "C", "Y"):
        y, c = (a, b) if a.role == "Y" else (b, a)
        if y.piece != x.piece or c.piece == x.piece:
            raise ValueError("Y is not of X's song, or C is")
        return Kind.XYC
    raise ValueError("the roles of its clips are neither X, A, B nor X, Y, C")


def triplets(answers: Sequence[Answer], *, pooled: bool = False) -> list[Triplet]:
    """The questions, each with its votes, in the order of their first answers; no dummies.

    pooled : put the votes of all experiments on the same clips together.
    """
    questions: dict[tuple[str, ...], list[Answer]] = {}
    for answer in answers:
        if answer.kind is not Kind.DUMMY:
            experiment = "" if pooled else answer.experiment
            paths = sorted((answer.a.path, answer.b.path))
            questions.setdefault((experiment, answer.reference.path, *paths), []).append(answer)
    return [_triplet(key[0], asked) for key, asked in questions.items()]


def _triplet(experiment: str, asked: Sequence[Answer]) -> Triplet:
    of = asked[0]
    # Y before C, A before B.
    first, second = (of.a, of.b) if of.a.role in ("A", "Y") else (of.b, of.a)
    votes = {
        aspect: tuple(_votes(asked, aspect, first.path))
        for aspect in ASPECTS
        if any(aspect in answer.votes for answer in asked)
    }
    return Triplet(experiment, of.kind, of.reference, first, second, votes)


def _votes(asked: Sequence[Answer], aspect: str, first: str) -> Iterable[Vote]:
    for answer in asked:
        vote = answer.votes.get(aspect)
        if vote:
            yield Vote(vote.first == (answer.a.path == first), vote.sure)


def digest_of(used: Iterable[Triplet]) -> str:
    """12 hex digits that name the triplets and the votes on them."""
    digest = hashlib.blake2b(digest_size=6)
    for t in sorted(used, key=lambda t: [clip.path for clip in t.clips]):
        counts = {aspect: t.counts(aspect) for aspect in sorted(t.votes)}
        digest.update(f"{[clip.path for clip in t.clips]}{counts}\n".encode())
    return digest.hexdigest()
