"""Reading the tags of known files again, without hearing them.

A run takes a file for unchanged by its size and time, and some editors of tags keep both.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Collection
from dataclasses import replace

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.hearing.process import Workers, WorkersUnfit
from partwise.hearing.worker import Settings
from partwise.library.index.settle import Intake
from partwise.library.reports import Progress, Reporter, files_text
from partwise.library.tables.ledger import State
from partwise.paths import shown, text_to_path

_LOOK_S = 0.25
_LISTED = 5


def read_tags_again(
    intake: Intake,
    heard: Collection[str],
    settings: Settings,
    jobs: int,
    reporter: Reporter[Progress],
    stop: threading.Event,
) -> None:
    """Write what the tags of the files that were found say now, for each track those of one file.

    heard : paths (text) whose tags this run has read already.

    The summary tells how many tracks have other tags than before, and how many files are left
    because ``stop`` was set. Raises PartwiseError when no worker can start.
    """
    track_of = _tracks_to_read(intake, heard)
    if not track_of:
        return
    reporter.say(f"reading the tags of {files_text(len(track_of))} again")
    tags: dict[str, Tags] = {}
    unread: list[str] = []
    settings = replace(settings, tags_only=True)
    workers = Workers(settings, min(jobs, len(track_of)), "", lambda *_: False)
    try:
        workers.submit(*map(intake.found.__getitem__, track_of))
        while len(tags) + len(unread) < len(track_of) and not stop.is_set():
            try:
                outcome = workers.outcomes.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if isinstance(outcome, WorkersUnfit):
                raise PartwiseError(str(outcome)) from None
            if outcome.failure is None:
                tags[track_of[outcome.path]] = outcome.tags
            else:
                unread.append(f"{shown(text_to_path(outcome.path))}: {outcome.failure}")
    finally:
        workers.stop()
    if unread:
        first = "; ".join(unread[:_LISTED])
        reporter.say(f"the tags of {files_text(len(unread))} could not be read: {first}")
    intake.summary.tags_changed = intake.writer.set_tags(tags)
    intake.summary.left = len(track_of) - len(tags) - len(unread)
    intake.summary.interrupted = intake.summary.left > 0


def _tracks_to_read(intake: Intake, heard: Collection[str]) -> dict[str, str]:
    """The id of each track that was found, by the path (text) of one of its files."""
    paths: dict[str, str] = {}
    for path in intake.found:
        row = intake.ledger.get(path)
        if row is None or row.state is not State.INDEXED or path in heard:
            continue
        if row.content_hash is not None and row.content_hash in intake.known:
            paths.setdefault(row.content_hash, path)
    return {path: track_id for track_id, path in paths.items()}
