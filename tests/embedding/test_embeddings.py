"""Tracks, ranges and scores, recomputed by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from partwise.embedding.embeddings import PartEmbeddings, score
from partwise.errors import PartwiseError
from partwise.parts import PARTS, Part, PartWeights


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    vectors = rng.normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def piece(segments: int = 8, dim: int = 4, seed: int = 0) -> PartEmbeddings:
    """Piano in the last two segments only, guitar nowhere, the others throughout."""
    rng = np.random.default_rng(seed)
    presence = rng.uniform(0.6, 1.0, (segments, len(PARTS))).astype(np.float32)
    presence[:-2, Part.PIANO.index] = 0.1
    presence[:, Part.GUITAR.index] = 0.2
    embeddings = unit(rng, segments, len(PARTS), dim)
    embeddings[presence < 0.5] = 0.0
    start_s = np.arange(segments) * 5.0
    return PartEmbeddings(embeddings, presence, start_s, start_s + 10.0, segments * 5.0 + 5.0)


def test_track_is_the_weighted_mean_direction():
    heard = piece()
    vector, presence = heard.track()
    assert vector.shape == (5, 4)
    assert vector.dtype == presence.dtype == np.float32
    for part in PARTS:
        highest = sorted(heard.presence[:, part.index])[-2:]  # a quarter of eight segments
        assert presence[part.index] == pytest.approx(np.mean(highest))
        expected = sum(
            heard.presence[s, part.index] * heard.embeddings[s, part.index] for s in range(8)
        )
        if part is Part.GUITAR:
            assert np.all(vector[part.index] == 0.0)
        else:
            np.testing.assert_allclose(
                vector[part.index], expected / np.linalg.norm(expected), rtol=1e-5
            )
    assert heard.parts_present() == (Part.DRUMS, Part.BASS, Part.PIANO, Part.OTHER)


@pytest.mark.parametrize("segments", [1, 2, 3])
def test_track_of_few_segments_takes_the_highest(segments: int):
    heard = piece(segments)
    np.testing.assert_allclose(heard.track()[1], heard.presence.max(axis=0))


def test_nothing_present():
    nothing = PartEmbeddings(
        np.zeros((2, 5, 4), np.float32),
        np.zeros((2, 5), np.float32),
        np.zeros(2),
        np.ones(2),
        1.0,
    )
    vector, presence = nothing.track()
    assert not vector.any()
    assert not presence.any()
    assert nothing.parts_present() == ()


def test_between_keeps_what_overlaps():
    heard = piece()
    part = heard.between(11.0, 19.0)
    assert part.start_s.tolist() == [5.0, 10.0, 15.0]
    np.testing.assert_array_equal(part.embeddings, heard.embeddings[1:4])
    np.testing.assert_array_equal(part.presence, heard.presence[1:4])
    assert part.seconds == heard.seconds
    assert heard.between(10.0, 15.0).start_s.tolist() == [5.0, 10.0]  # touching is not overlapping
    with pytest.raises(PartwiseError, match=r"nothing at 90-95 s: the recording is 45\.0 s long"):
        heard.between(90, 95)
    with pytest.raises(PartwiseError, match="20-10 s ends before it starts"):
        heard.between(20, 10)


def test_shapes_are_checked():
    with pytest.raises(PartwiseError, match="presence has the shape"):
        PartEmbeddings(np.zeros((2, 5, 4)), np.zeros((2, 4)), np.zeros(2), np.ones(2), 1.0)


@pytest.mark.parametrize("text", ["drums", "bass=3", "drums=2,bass", "piano=0.2,other=7"])
def test_score_by_hand(text: str):
    rng = np.random.default_rng(1)
    query, x = unit(rng, 5, 6), unit(rng, 20, 5, 6)
    x[3, Part.BASS.index] = 0.0
    weights = PartWeights.parse(text).as_array()
    scores = score(query, x, weights)
    assert scores.shape == (20,)
    for n in range(20):
        by_part = [float(query[p] @ x[n, p]) for p in range(5)]
        expected = sum(w * s for w, s in zip(weights, by_part, strict=True)) / weights.sum()
        assert scores[n] == pytest.approx(expected, abs=1e-6)


def test_a_piece_scores_1_against_itself():
    query = unit(np.random.default_rng(2), 5, 6)
    for weights in (PartWeights.uniform(), PartWeights.one(Part.OTHER)):
        assert score(query, query[None], weights.as_array()) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("weights", [[0, 0, 0, 0, 0], [1, -1, 1, 1, 1]])
def test_weights_that_mean_nothing(weights: list[float]):
    query = unit(np.random.default_rng(2), 5, 6)
    with pytest.raises(PartwiseError, match="part weights"):
        score(query, query[None], np.array(weights))


def test_they_are_saved_and_loaded(tmp_path):
    path = tmp_path / "piece.npz"
    heard = replace(piece(), notes=("the end is cut off",))
    heard.save(path)
    again = PartEmbeddings.load(path)
    for name in ("embeddings", "presence", "start_s", "end_s", "presence_threshold"):
        array = getattr(again, name)
        np.testing.assert_array_equal(array, getattr(heard, name))
        assert array.dtype == getattr(heard, name).dtype
    assert (again.seconds, again.notes) == (heard.seconds, heard.notes)


@pytest.mark.parametrize("content", [None, b"", b"nonsense", "other"])
def test_a_file_that_holds_none_is_named(tmp_path, content):
    path = tmp_path / "piece.npz"
    if content == "other":
        np.savez(path, embeddings=np.zeros(3))
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(PartwiseError, match=r"piece\.npz holds no part embeddings"):
        PartEmbeddings.load(path)
