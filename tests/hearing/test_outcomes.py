"""Outcomes as Arrow columns and back."""

from __future__ import annotations

import numpy as np

from partwise.audio.tags import Tags
from partwise.embedding.embeddings import PartEmbeddings
from partwise.hearing.process import WorkersUnfit
from partwise.hearing.worker import LOOK_AGAIN, Outcome
from partwise.library.index.ray_workers import SCHEMA, outcomes_from_arrow, outcomes_to_arrow


def heard(segments: int) -> PartEmbeddings:
    rng = np.random.default_rng(segments)
    start_s = np.arange(segments) * 5.0
    return PartEmbeddings(
        rng.normal(size=(segments, 5, 3)).astype(np.float32),
        rng.random((segments, 5)).astype(np.float32),
        start_s,
        start_s + 10.0,
        segments * 5.0 + 0.123456789,
        rng.random(5).astype(np.float32),
        ("cut short", "odd"),
    )


def test_everything_comes_back_as_it_was() -> None:
    sent = [
        Outcome("/a.wav", 7, 1_600_000_000_000_000_001, "c0", embeddings=heard(3), seconds=0.25),
        Outcome(
            "file:///b%E9.wav", 8, 2, "c1", tags=Tags("ü", "a; b", None, 1999), embeddings=heard(1)
        ),
        Outcome("/known.wav", 9, 3, "c2"),
        Outcome("/gone.wav", 0, LOOK_AGAIN, None, "vanished before it was read", vanished=True),
    ]
    table = outcomes_to_arrow(sent, "left")
    assert table.schema == SCHEMA
    back = list(outcomes_from_arrow(table))
    assert [node for node, _ in back] == ["left"] * 4
    for (_, found), wanted in zip(back, sent, strict=True):
        assert isinstance(found, Outcome)
        for name in "path size mtime_ns content_hash failure vanished tags seconds".split():
            assert getattr(found, name) == getattr(wanted, name), name
        if wanted.embeddings is None:
            assert found.embeddings is None
            continue
        assert found.embeddings is not None
        assert found.embeddings.seconds == wanted.embeddings.seconds
        assert found.embeddings.notes == wanted.embeddings.notes
        for name in "embeddings presence start_s end_s presence_threshold".split():
            mine, theirs = getattr(found.embeddings, name), getattr(wanted.embeddings, name)
            assert mine.dtype == theirs.dtype, name
            np.testing.assert_array_equal(mine, theirs)


def test_a_worker_that_cannot_work_says_why() -> None:
    table = outcomes_to_arrow([Outcome("/a.wav", 1, 1, "c"), WorkersUnfit("no memory")], "left")
    (_, first), (node, second) = outcomes_from_arrow(table)
    assert isinstance(first, Outcome)
    assert isinstance(second, WorkersUnfit)
    assert (node, str(second)) == ("left", "no memory")
