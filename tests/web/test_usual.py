"""What random pairs of a library score: by hand, and over HTTP."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from partwise.embedding.embeddings import PartEmbeddings
from partwise.library.search.typical import beyond
from partwise.library.search.usual import (
    LEAST_PAIRS,
    PASSAGE_SEGMENTS,
    usual_passages,
    usual_tracks,
)
from partwise.parts import PARTS, PartWeights
from served import client_of, make_app

DIM = 4


def made_up(count: int, absent: float = 0.3) -> np.ndarray:
    rng = np.random.default_rng(5)
    vectors = rng.normal(size=(count, len(PARTS), DIM)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors * (rng.random((count, len(PARTS), 1)) >= absent)


def test_all_pairs_of_few_tracks_score_as_a_search_does() -> None:
    vectors, typical = made_up(12), np.full((len(PARTS), DIM), 0.1, np.float32)
    weights = PartWeights.of({PARTS[0]: 2.0, PARTS[3]: 1.0})
    expected = [
        (2 * (q[0] @ x[0]) + q[3] @ x[3]) / 3
        for a, q in enumerate(beyond(v, typical) for v in vectors)
        for b, x in enumerate(vectors)
        if a != b and all(y[part].any() for y in (vectors[a], x) for part in (0, 3))
    ]
    found = usual_tracks(vectors, typical).scores(weights)
    assert len(found) == len(expected) > 20
    assert found == pytest.approx(np.sort(np.clip(expected, -1, 1)), abs=1e-5)


def test_shares_rise_with_the_scores_and_hold() -> None:
    usual = usual_tracks(made_up(400), np.zeros((len(PARTS), DIM), np.float32))
    weights = PartWeights.of({PARTS[1]: 1.0})
    count, shares, scores = usual.levels(weights)
    pairs = usual.scores(weights)
    assert count == len(pairs) > 10_000
    assert shares == sorted(shares) and scores == sorted(scores) and 0.5 in shares
    for share, score in zip(shares, scores, strict=True):
        assert np.mean(pairs < score) == pytest.approx(share, abs=0.002)


def test_of_few_pairs_nothing_is_said() -> None:
    usual = usual_tracks(made_up(6), np.zeros((len(PARTS), DIM), np.float32))
    count, shares, scores = usual.levels(PartWeights.of({PARTS[0]: 1.0}))
    assert 0 < count < LEAST_PAIRS and shares == [] and scores == []
    nothing = usual_tracks(made_up(0), np.zeros((len(PARTS), DIM), np.float32))
    assert nothing.levels(PartWeights.of({PARTS[0]: 1.0})) == (0, [], [])


def test_a_passage_is_compared_with_the_best_segment() -> None:
    one, other = made_up(1, absent=0.0), made_up(50, absent=0.5)
    tracks = {
        name: PartEmbeddings(
            vectors,
            np.ones(vectors.shape[:2], np.float32),
            np.arange(len(vectors), dtype=float),
            np.arange(len(vectors), dtype=float) + 1,
            float(len(vectors)),
            np.full(len(PARTS), 0.5, np.float32),
        )
        for name, vectors in (("a", one), ("b", other))
    }
    usual = usual_passages(tracks)
    segments = other[np.linspace(0, 49, PASSAGE_SEGMENTS).round().astype(int)]
    there = segments[segments[:, 2].any(axis=-1), 2]
    best = usual.scores(PartWeights.of({PARTS[2]: 1.0}))[-1]
    a_asks_b = np.max(there @ one[0, 2])
    assert best == pytest.approx(
        max(a_asks_b, float(np.max(usual.similarities[1, :, 2]))), abs=1e-6
    )
    assert usual.similarities[0, :, 2].max() == pytest.approx(a_asks_b, abs=1e-6)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    with client_of(make_app(tmp_path_factory.mktemp("usual"))) as client:
        yield client


def test_over_http(client) -> None:
    for passages in (False, True):
        answer = client.post("/api/v1/usual", json={"weights": {"drums": 1}, "passages": passages})
        assert answer.status_code == 200
        assert answer.json()["pairs"] > 0 and answer.json()["shares"] == []  # six songs
    refused = client.post("/api/v1/usual", json={"weights": {"drums": 0}})
    assert refused.status_code == 422 and refused.json()["error"]


def test_no_library_is_a_sentence(tmp_path: Path) -> None:
    from partwise.library.library import Library
    from partwise.web.app import create_app
    from partwise.web.server import Server

    with client_of(create_app(Server(Library(tmp_path / "none")))) as client:
        answer = client.post("/api/v1/usual", json={"weights": {"drums": 1}})
    assert answer.status_code == 422 and "index a folder" in answer.json()["error"]
