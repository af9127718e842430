"""What a server answers in JSON, as the dataclasses of the library."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from partwise.audio.tags import Tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.reports import IndexSummary, Progress
from partwise.library.search.hits import Hit
from partwise.library.search.moments import Moment, QueryMoment
from partwise.library.tables.catalogue import Track
from partwise.library.tables.ledger import LedgerRow, State
from partwise.parts import PARTS, Part
from partwise.paths import path_to_text, shown, text_to_path


def hit_of(hit: dict[str, Any], names: dict[str, str]) -> Hit:
    """One hit. names : of the query's songs, by id."""
    paths = tuple(Path(text_to_path(path)) for path in hit["paths"])
    # A title that is only the file's name is none of the tags.
    title = hit["title"] if hit["title"] != shown(paths[0].stem) else None
    return Hit(
        rank=hit["rank"],
        track_id=hit["track_id"],
        path=paths[0],
        score=hit["score"],
        similarities=tuple(hit["similarities"][part] or 0.0 for part in PARTS),
        presence=tuple(hit["presence"][part] for part in PARTS),
        parts=tuple(Part(part) for part in hit["parts"]),
        moments=tuple(moment_of(moment, names) for moment in hit["moments"]),
        tags=Tags(title, hit["artist"], hit["album"], hit["year"]),
        duration_s=hit["duration_s"],
        paths=paths,
        alike=tuple(Path(path) for path in hit["alike"]),
    )


def track_of(track: dict[str, Any]) -> Track:
    """One track."""
    tags = Tags(track["title"], track["artist"], track["album"], track["year"])
    paths = tuple(map(text_to_path, track["paths"]))
    return Track(track["track_id"], paths, tags, track["duration_s"])


def moment_of(moment: dict[str, Any], names: dict[str, str]) -> Moment:
    """One moment; a song without a name stands there by its id."""
    sides = tuple(
        QueryMoment(
            str(names.get(side["song_id"], side["song_id"])),
            tuple(Part(part) for part in side["parts"]),
            side["start_s"],
            side["end_s"],
        )
        for side in moment["query"]
    )
    return Moment(moment["start_s"], moment["end_s"], moment["score"], sides)


def progress_of(job: dict[str, Any]) -> Progress:
    """How far a run is."""
    # Bytes are not told: files stand for them in the estimate of what is left.
    done, total = job["files_done"], job["files_total"]
    return Progress(done, total, done, total, job["audio_s"], job["elapsed_s"])


def summary_of(job: dict[str, Any]) -> IndexSummary:
    """What a run did; of its failures only path and reason are known."""
    rows = [
        LedgerRow(
            path_to_text(row["path"]), 0, -1, None, State.FAILED, row["reason"], None, "", 0.0
        )
        for row in job["failures"]
    ]
    return IndexSummary(**job["summary"], failures=rows)


def embeddings_of(answer: dict[str, Any]) -> PartEmbeddings:
    """What ``POST /embed`` gives."""
    segments = answer["segments"]

    def stacked(what: str) -> np.ndarray:
        rows = [[segment[what][part] for part in PARTS] for segment in segments]
        return np.asarray(rows, np.float32)

    return PartEmbeddings(
        embeddings=stacked("embedding"),
        presence=stacked("presence"),
        start_s=np.array([segment["start_s"] for segment in segments]),
        end_s=np.array([segment["end_s"] for segment in segments]),
        seconds=answer["duration_s"],
        presence_threshold=np.array(
            [answer["presence_threshold"][part] for part in PARTS], np.float32
        ),
    )
