"""What the HTTP API answers, as the objects that ``Library`` gives."""

from __future__ import annotations

from typing import Any

import numpy as np

from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.reports import IndexSummary, Progress
from partwise.library.search.hits import Hit
from partwise.library.tables.ledger import LedgerRow, State
from partwise.parts import PARTS
from partwise.paths import path_to_text


def hits_of(answer: dict[str, Any]) -> list[Hit]:
    """What a search found."""
    names = {song["song_id"]: song["name"] for song in answer["query"]["songs"]}
    return [Hit.from_json(hit, names) for hit in answer["hits"]]


def progress_of(job: dict[str, Any]) -> Progress:
    """How far a run is."""
    names = ("files_done", "files_total", "audio_s", "elapsed_s", "left_s")
    return Progress(*(job[name] for name in names))


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
