"""Put the demo library to a library, and ask it for one part at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from partwise.demo.groups import Groups
from partwise.demo.scoring import DEPTH
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part, PartWeights

if TYPE_CHECKING:
    from partwise.library.library import Library
    from partwise.library.reports import IndexSummary, Progress, Reporter

# Tags that only the demo's files have: a library given by the user may hold other music too.
ONLY_DEMO = "artist = 'partwise demo band' AND album = 'Who plays with whom'"


@dataclass(frozen=True)
class Answer:
    """The demo piece ``file`` as an answer, with its score in -1..1."""

    file: str
    score: float


# part -> file of the query -> the best answers, or None when the part was not heard in the query
Answers = dict[Part, dict[str, list[Answer] | None]]


def hear(
    library: Library,
    groups: Groups,
    *,
    jobs: int | None = None,
    reporter: Reporter[Progress] | None = None,
) -> IndexSummary:
    """Index the demo's audio. Raises PartwiseError when a piece could not be heard."""
    summary = library.index([groups.folder], jobs=jobs, reporter=reporter)
    if summary.failures:
        row = summary.failures[0]
        raise PartwiseError(f"{row.shown_path} could not be heard: {row.reason}")
    return summary


def ask_all(library: Library, groups: Groups) -> Answers:
    """Ask with every piece for every part alone, near-duplicates and all.

    Only demo pieces are among the answers.
    """
    file_of = {library.find(groups.path(piece)): piece.file for piece in groups.pieces}
    if None in file_of or len(file_of) != len(groups.pieces):
        raise PartwiseError(f"the library at {library.path} does not hold every demo piece")
    answers: Answers = {part: {} for part in PARTS}
    for piece in groups.pieces:
        query = library.query(groups.path(piece))
        for part in PARTS:
            if part not in query.parts:
                answers[part][piece.file] = None
                continue
            hits = library.search(
                query,
                weights=PartWeights.one(part),
                top=DEPTH,
                include_duplicates=True,
                where=ONLY_DEMO,
            )
            answers[part][piece.file] = [Answer(file_of[h.track_id], h.score) for h in hits]
    return answers
