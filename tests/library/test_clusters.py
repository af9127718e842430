"""Clusters of the tracks of a library, by one part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.map import kmeans
from partwise.library.search.clusters import usual_count
from partwise.library.search.searcher import Searcher
from partwise.parts import Part
from small_library import Piece, make_library

# Drums in three places, the bass in two that have nothing to do with them.
DRUMS = {"low": (0, 4, 8, 12, 16), "middle": (80, 84, 90), "high": (160, 161)}


def pieces() -> list[Piece]:
    found = []
    for kind, angles in DRUMS.items():
        for number, at in enumerate(angles):
            sounds = {Part.DRUMS: float(at), Part.BASS: 100.0 * (number % 2) + number}
            tags = Tags(f"{kind} {at}", kind)
            found.append(Piece(f"{kind}{at}.wav", sounds, tags=tags, duration_s=20.0 + 5 * at))
    found.append(Piece("no drums.wav", {Part.BASS: 0.0}, tags=Tags("no drums")))
    return found


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    return make_library(tmp_path_factory.mktemp("clusters"), pieces())


def titles(cluster) -> list[str]:
    return [member.track.title for member in cluster.members]


def test_tracks_that_sound_alike_are_together_the_typical_ones_first(library: Library) -> None:
    low, middle, high = library.clusters("drums", 3)
    assert titles(low)[0] == low.medoid.title == "low 8"
    assert [set(titles(low)[1:3]), set(titles(low)[3:])] == [
        {"low 4", "low 12"},
        {"low 0", "low 16"},
    ]
    assert set(titles(middle)) == {"middle 80", "middle 84", "middle 90"}
    assert middle.medoid.title == "middle 84"
    assert set(titles(high)) == {"high 160", "high 161"}
    assert [cluster.size for cluster in (low, middle, high)] == [5, 3, 2]
    assert middle.name.startswith("middle 84, ") and middle.part is Part.DRUMS


def test_typicality_is_the_mean_similarity_to_the_tracks_of_the_cluster(library: Library) -> None:
    for cluster in library.clusters(Part.DRUMS, 3):
        at = np.radians([float(title.split()[1]) for title in titles(cluster)])
        expected = np.cos(at[:, None] - at).mean(axis=1)
        found = [member.typicality for member in cluster.members]
        assert found == pytest.approx(expected, abs=1e-5)
        assert found == sorted(found, reverse=True)


def test_each_part_has_clusters_of_its_own(library: Library) -> None:
    first, second = library.clusters("bass", 2)
    assert first.size + second.size == len(pieces())
    assert "no drums" in titles(first)
    for cluster in (first, second):
        assert len({member.track.tags.artist for member in cluster.members}) > 1
    assert library.clusters("guitar") == []


def test_only_tracks_with_the_part_and_a_file(tmp_path: Path) -> None:
    library = make_library(tmp_path, pieces())
    drums = sum(map(len, DRUMS.values()))
    assert sum(cluster.size for cluster in library.clusters("drums")) == drums
    library.store.ledger_table.delete("path LIKE '%/low8.wav'")
    found = Library.open(library.path).clusters("drums", 3)
    assert sum(cluster.size for cluster in found) == drums - 1
    assert "low 8" not in titles(found[0])


def test_near_duplicates_are_members_and_name_the_cluster_once(tmp_path: Path) -> None:
    copies = [Piece(f"copy{number}.wav", {Part.DRUMS: 10.0 + number}) for number in range(3)]
    others = [
        Piece(f"other{number}.wav", {Part.DRUMS: 11.0}, duration_s=60.0 + 20 * number)
        for number in range(2)
    ]
    (cluster,) = make_library(tmp_path, copies + others).clusters("drums", 1)
    assert cluster.size == 5
    names = [track.title for track in cluster.typical]
    assert {"other0", "other1"} < set(names) and len(names) == 3


@pytest.mark.parametrize("exact", [True, False])
def test_the_same_whatever_the_order_of_rows_and_the_store(library: Library, exact: bool) -> None:
    from partwise.library.search.clusters import find_clusters

    searcher = Searcher(library.store, None if exact else 0)
    again = find_clusters(searcher, "drums", 3)
    assert list(map(titles, again)) == list(map(titles, library.clusters("drums", 3)))


def test_no_more_clusters_than_tracks_that_differ(tmp_path: Path) -> None:
    same = [
        Piece(f"{number}.wav", {Part.DRUMS: 90.0 * (number % 2)}, duration_s=20.0 + 9 * number)
        for number in range(6)
    ]
    library = make_library(tmp_path, same)
    assert [cluster.size for cluster in library.clusters("drums", 5)] == [3, 3]


def test_how_many_by_default(library: Library) -> None:
    assert len(library.clusters("drums")) == 3
    assert [usual_count(n) for n in (1, 2, 35, 100, 600, 10**6)] == [1, 1, 6, 10, 24, 24]


@pytest.mark.parametrize(
    ("part", "count", "sentence"),
    [
        ("vocals", None, "unknown part 'vocals'"),
        ("drums", 0, "1 to 200 clusters, not 0"),
        ("drums", 201, "1 to 200 clusters, not 201"),
    ],
)
def test_mistakes(library: Library, part: str, count: int | None, sentence: str) -> None:
    with pytest.raises(PartwiseError, match=sentence):
        library.clusters(part, count)


def test_an_empty_library_says_so(tmp_path: Path) -> None:
    with pytest.raises(PartwiseError, match="holds no tracks yet"):
        make_library(tmp_path, []).clusters("drums")


def _clouds(count: int, each: int, dim: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    labels = rng.permutation(np.repeat(np.arange(count), each))
    vectors = rng.normal(size=(count, dim))[labels] + 0.2 * rng.normal(size=(len(labels), dim))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), labels


def test_groups_that_are_there_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = _clouds(7, 40)
    found, centres = kmeans.group(vectors, 7)
    assert adjusted_rand_score(labels, found) == pytest.approx(1.0)
    for label in range(7):
        mean = vectors[found == label].mean(axis=0)
        np.testing.assert_allclose(centres[label], mean / np.linalg.norm(mean), atol=1e-5)
    np.testing.assert_array_equal(kmeans.group(vectors, 7)[0], found)
    monkeypatch.setattr(kmeans, "SAMPLE", 100)
    assert adjusted_rand_score(labels, kmeans.group(vectors, 7)[0]) == pytest.approx(1.0)


def test_every_direction_is_with_the_nearest_centre() -> None:
    vectors, _ = _clouds(5, 30)
    found, centres = kmeans.group(vectors, 12)
    assert len(centres) == 12
    np.testing.assert_array_equal(found, (vectors @ centres.T).argmax(axis=1))


def test_opposite_directions_do_not_break_it() -> None:
    vectors = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]], np.float32)
    for count in (1, 2, 4):
        found, centres = kmeans.group(vectors, count)
        assert len(set(found.tolist())) == len(centres) <= count
        assert np.isfinite(centres).all()
