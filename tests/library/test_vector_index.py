"""Every method against brute force, through the same interface."""

from pathlib import Path

import lancedb
import numpy as np
import pyarrow as pa
import pytest

from partwise.library import index_upkeep, vector_index
from partwise.library.index_upkeep import index_name, refresh_index
from partwise.library.vector_index import (
    ExactIndex,
    LanceIndex,
    Method,
    open_index,
)
from partwise.parts import PARTS, Part, PartWeights

DIM = 32
THRESHOLDS = (0.5, 0.3, 0.5, 0.7, 0.4)
WEIGHTS = {
    "one part": PartWeights.one(Part.BASS),
    "two parts": PartWeights.parse("drums=2,guitar"),
    "uniform": PartWeights.uniform(),
    "random": None,
}


def make_rows(rows: int, seed: int = 0, clusters: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Vectors [rows, 5, DIM], clustered per part independently, and presence [rows, 5].

    Every part is absent from a quarter of the rows, and a few rows hold nothing at all.
    """
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(len(PARTS), clusters, DIM))
    chosen = rng.integers(clusters, size=(rows, len(PARTS)))
    vectors = centres[np.arange(len(PARTS)), chosen] + rng.normal(size=(rows, len(PARTS), DIM))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    presence = rng.random((rows, len(PARTS))) ** 0.2  # mostly high
    presence[:, :] = np.where(rng.random(presence.shape) < 0.25, presence * 0.3, presence)
    presence[::97] = 0
    presence = presence.astype(np.float32)
    vectors *= (presence >= np.asarray(THRESHOLDS, np.float32))[:, :, None]
    return vectors.astype(np.float32), presence


def make_table(vectors: np.ndarray, presence: np.ndarray, first: int = 0):
    rows = len(vectors)
    numbers = np.arange(first, first + rows)
    return pa.table(
        {
            "track_id": [f"track{n // 3}" for n in numbers],  # three segments a track
            "start_s": numbers % 3 * 5.0,
            "end_s": numbers % 3 * 5.0 + 10.0,
            "vector": pa.FixedSizeListArray.from_arrays(
                pa.array(vectors.reshape(-1)), len(PARTS) * vectors.shape[2]
            ),
            **{f"presence_{part}": presence[:, part.index] for part in PARTS},
        }
    )


class Rows:
    """A table of 4,000 rows with the IVF_RQ index, and what is in it."""

    def __init__(self, folder: Path, rows: int = 4000) -> None:
        self.vectors, self.presence = make_rows(rows)
        self.table = lancedb.connect(folder).create_table(
            "segments", make_table(self.vectors, self.presence)
        )
        assert refresh_index(self.table, min_rows=1)

    def key(self, row: int) -> tuple[str, float]:
        return f"track{row // 3}", row % 3 * 5.0

    def queries(self, count: int, weights: PartWeights | None, seed: int = 1):
        """Pairs of a query from the table, every part present, and float32 weights [5]."""
        rng = np.random.default_rng(seed)
        full = np.flatnonzero(self.vectors.any(axis=-1).all(axis=-1))
        for row in rng.choice(full, count, replace=False):
            drawn = rng.dirichlet(np.ones(len(PARTS))) if weights is None else weights.as_array()
            noisy = self.vectors[row] + rng.normal(size=(len(PARTS), DIM)) * 0.05
            noisy /= np.linalg.norm(noisy, axis=-1, keepdims=True)
            yield noisy.astype(np.float32), drawn.astype(np.float32)

    def scores(self, query: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The definition, in float64."""
        q, x, w = (a.astype(np.float64) for a in (query, self.vectors, weights))
        return np.einsum("pd,npd,p->n", q, x, w) / w.sum()

    def complete(self, weights: np.ndarray) -> np.ndarray:
        return np.all(np.any(self.vectors, axis=-1)[:, weights > 0], axis=1)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return Rows(tmp_path_factory.mktemp("lance"))


@pytest.fixture(scope="module", params=list(Method), ids=str)
def index(request: pytest.FixtureRequest, rows: Rows):
    return open_index(rows.table, THRESHOLDS, request.param)


@pytest.mark.parametrize("name", WEIGHTS)
def test_recall_is_at_least_98_percent_of_brute_force(index, rows, name):
    found = expected = 0
    for query, weights in rows.queries(50, WEIGHTS[name]):
        scores = np.where(rows.complete(weights), rows.scores(query, weights), -np.inf)
        best = np.argsort(-scores)[:10]
        result = index.nearest(query, weights, 10)
        keys = set(zip(result.track_ids, result.start_s, strict=True))
        found += len(keys & {rows.key(row) for row in best})
        expected += 10
        np.testing.assert_allclose(result.scores, np.sort(result.scores)[::-1])
        assert len(result) == 10 and not result.exhausted
    assert found / expected >= 0.98
    if index.method is not Method.IVF_RQ:
        assert found == expected


def test_scores_and_vectors_are_those_of_the_rows(index, rows):
    query, weights = next(rows.queries(1, PartWeights.parse("drums=2,bass=0.5")))
    result = index.nearest(query, weights, 20)
    scores = rows.scores(query, weights)
    for at, (track_id, start_s) in enumerate(zip(result.track_ids, result.start_s, strict=True)):
        row = int(track_id.removeprefix("track")) * 3 + round(start_s / 5)
        assert result.end_s[at] == start_s + 10
        assert result.scores[at] == pytest.approx(scores[row], abs=1e-5)
        np.testing.assert_array_equal(result.vectors[at], rows.vectors[row])
        np.testing.assert_array_equal(result.presence[at], rows.presence[row])


def test_rows_that_lack_a_wanted_part_are_the_other_half(index, rows):
    query, weights = next(rows.queries(1, PartWeights.parse("drums,piano")))
    complete = index.nearest(query, weights, 10_000)
    lacking = index.nearest(query, weights, 10_000, complete=False)
    assert complete.exhausted and lacking.exhausted
    assert complete.vectors[:, [0, 2]].any(axis=-1).all()
    assert not lacking.vectors[:, [0, 2]].any(axis=-1).all(axis=1).any()
    wanted = rows.complete(weights)
    assert (len(complete), len(lacking)) == (wanted.sum(), (~wanted).sum())
    keys = [*zip(complete.track_ids, complete.start_s, strict=True)]
    keys += zip(lacking.track_ids, lacking.start_s, strict=True)
    assert len(set(keys)) == len(rows.vectors)


@pytest.mark.parametrize("listed", [True, False], ids=["ids in the query", "ids too many to list"])
def test_only_allowed_tracks(index, rows, listed, monkeypatch):
    if not listed:
        monkeypatch.setattr(vector_index, "MAX_LISTED_IDS", 0)
    rng = np.random.default_rng(5)
    allowed = {f"track{n}" for n in rng.choice(len(rows.vectors) // 3, 60, replace=False)}
    query, weights = next(rows.queries(1, PartWeights.uniform()))
    mask = np.array([rows.key(row)[0] in allowed for row in range(len(rows.vectors))])
    mask &= rows.complete(weights)
    expected = np.argsort(-np.where(mask, rows.scores(query, weights), -np.inf))
    result = index.nearest(query, weights, 8, allowed=allowed)
    assert list(zip(result.track_ids, result.start_s, strict=True)) == [
        rows.key(row) for row in expected[:8]
    ]
    every = index.nearest(query, weights, 500, allowed=allowed)
    assert len(every) == mask.sum() and every.exhausted
    assert len(index.nearest(query, weights, 5, allowed=set())) == 0


def test_rows_added_after_the_index_was_built_are_found(tmp_path):
    rows = Rows(tmp_path, rows=1000)
    more, presence = make_rows(60, seed=9)
    rows.table.add(make_table(more, presence, first=3000))
    index = open_index(rows.table, THRESHOLDS, Method.IVF_RQ)
    stats = rows.table.index_stats(index_name(rows.table) or "")
    assert stats is not None and stats.num_unindexed_rows == 60
    every_part = np.flatnonzero(more.any(axis=-1).all(axis=-1))
    assert len(every_part) > 5
    for row in every_part:
        found = index.nearest(more[row], PartWeights.uniform().as_array(), 3)
        assert found.track_ids[0] == f"track{(3000 + row) // 3}"
        assert found.scores[0] == pytest.approx(1, abs=1e-5)


def test_refreshing_takes_in_added_rows_and_merges_many_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(index_upkeep, "MAX_INDEX_PIECES", 2)
    rows = Rows(tmp_path, rows=600)
    first = index_name(rows.table)
    assert first is not None

    def stats():
        found = rows.table.index_stats(index_name(rows.table) or "")
        assert found is not None
        return found

    few, presence = make_rows(6, seed=8)
    rows.table.add(make_table(few, presence, first=9000))
    assert not refresh_index(rows.table, min_rows=1), "1 % of rows outside is not worth the work"
    pieces = []
    for step in range(4):
        more, presence = make_rows(200, seed=step + 10)
        rows.table.add(make_table(more, presence, first=12_000 + 600 * step))
        assert refresh_index(rows.table, min_rows=1)
        assert stats().num_unindexed_rows == 0
        pieces.append(stats().num_indices)
        index = open_index(rows.table, THRESHOLDS, Method.IVF_RQ)
        row = int(np.flatnonzero(more.any(axis=-1).all(axis=-1))[0])
        found = index.nearest(more[row], PartWeights.uniform().as_array(), 1)
        assert found.track_ids == [f"track{(12_000 + 600 * step + row) // 3}"]
    assert pieces == [2, 3, 1, 2]


def test_small_tables_get_no_index(tmp_path):
    vectors, presence = make_rows(50)
    table = lancedb.connect(tmp_path).create_table("segments", make_table(vectors, presence))
    assert not refresh_index(table)
    assert index_name(table) is None
    assert open_index(table, THRESHOLDS).method is Method.EXACT


def test_the_method_follows_the_number_of_rows(rows, tmp_path, monkeypatch):
    monkeypatch.setattr(vector_index, "EXACT_MAX_ROWS", 3000)
    assert open_index(rows.table, THRESHOLDS).method is Method.IVF_RQ
    vectors, presence = make_rows(3001)
    plain = lancedb.connect(tmp_path).create_table("segments", make_table(vectors, presence))
    assert open_index(plain, THRESHOLDS).method is Method.FLAT


def test_exact_and_lance_agree_row_by_row(rows):
    exact = open_index(rows.table, THRESHOLDS, Method.EXACT)
    flat = open_index(rows.table, THRESHOLDS, Method.FLAT)
    assert isinstance(exact, ExactIndex) and isinstance(flat, LanceIndex)
    for query, weights in rows.queries(5, None):
        a, b = exact.nearest(query, weights, 25), flat.nearest(query, weights, 25)
        assert a.track_ids == b.track_ids
        np.testing.assert_array_equal(a.start_s, b.start_s)
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-6)


def test_an_empty_table_has_no_rows(tmp_path):
    vectors, presence = make_rows(1)
    table = lancedb.connect(tmp_path).create_table(
        "segments", schema=make_table(vectors, presence).schema
    )
    for method in (Method.EXACT, Method.FLAT):
        index = open_index(table, THRESHOLDS, method)
        result = index.nearest(vectors[0] + 1, PartWeights.uniform().as_array(), 5)
        assert len(result) == 0 and result.exhausted
