"""Listening tests to test with: a library of short synthetic songs, and answers made up by hand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from partwise.audio.tags import Tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.library import Library
from partwise.library.tables.ledger import LedgerRow, State, now
from partwise.library.tables.manifest import ModelInfo
from partwise.library.tables.writer import NewTrack, Writer, open_or_create
from partwise.parts import PARTS, Part
from partwise.paths import hash_content
from partwise_lab.survey.listeners import Said, join, keep_answer, questions
from partwise_lab.survey.testfile import TestFile
from small_library import DIGEST, DIM, angle

RATE_HZ = 8000
SEGMENT_S, HOP_S, SEGMENTS = 5.0, 2.5, 3


def make_songs_library(folder: Path, songs: int = 8, parts: Sequence[Part] = PARTS[:2]) -> Library:
    """Songs whose parts have vectors at random angles, as WAV files that can be heard."""
    rng = np.random.default_rng(0)
    model = ModelInfo(DIGEST, DIM, (0.5,) * len(PARTS), SEGMENT_S, HOP_S)
    home, music = folder / "library", folder / "music"
    home.mkdir(parents=True)
    music.mkdir()
    writer = Writer(open_or_create(home, model), model)
    tracks, rows = [], []
    for number in range(songs):
        path = music / f"Secret Song {number}.wav"
        seconds = SEGMENT_S + HOP_S * (SEGMENTS - 1)
        samples = 0.02 * (number + 1) * rng.standard_normal(round(seconds * RATE_HZ))
        soundfile.write(path, samples.astype(np.float32), RATE_HZ)
        vectors = np.zeros((SEGMENTS, len(PARTS), DIM), np.float32)
        presence = np.full((SEGMENTS, len(PARTS)), 0.1, np.float32)
        for part in parts:
            for segment in range(SEGMENTS):
                vectors[segment, part.index] = angle(float(rng.uniform(0, 180)))
                presence[segment, part.index] = 0.95
        start_s = HOP_S * np.arange(SEGMENTS)
        heard = PartEmbeddings(vectors, presence, start_s, start_s + SEGMENT_S, seconds)
        track_id = hash_content(path)
        tags = Tags(f"Secret Title {number}", f"Secret Artist {number}")
        status = path.stat()
        rows.append(
            LedgerRow(
                str(path),
                status.st_size,
                status.st_mtime_ns,
                track_id,
                State.INDEXED,
                None,
                0.1,
                model.digest,
                now(),
            )
        )
        tracks.append(NewTrack(track_id, heard, tags))
    writer.add(tracks, rows)
    return Library.open(home)


def answer_as(test: TestFile, said: dict[int, str]) -> str:
    """A listener who says this of these trials, A and B as in the test; returns who it was."""
    listener, _ = join(test)
    for question in questions(test, listener):
        if question.trial in said:
            choice = said[question.trial]
            if question.swapped:
                choice = {"A": "B", "B": "A"}[choice[0]] + choice[1]
            keep_answer(test, listener, question, Said({"total": choice}, 4000, (1, 2, 3)))
    return listener.listener


def set_scores(test: TestFile, margins: Sequence[float]) -> TestFile:
    """The same test, whose model has these margins."""
    connection = sqlite3.connect(test.path)
    for number, margin in enumerate(margins):
        connection.execute(
            "UPDATE trials SET score_a = ?, score_b = 0 WHERE trial = ?", (margin, number)
        )
    connection.commit()
    connection.close()
    return TestFile(test.path)


def everything_secret(library: Library) -> list[str]:
    """What no listener may see: names, tags and ids of all songs."""
    tracks = library.tracks()
    names = [Path(path).name for track in tracks.track_ids for path in library.paths_of(track)]
    return [*tracks.track_ids, *names, "Secret", json.dumps(library.store.digest)[1:-1]]
