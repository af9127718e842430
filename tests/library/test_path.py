"""Paths between tracks: even, forward, without repeats, and honest about what is absent."""

from __future__ import annotations

from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from partwise.audio.tags import Tags
from partwise.errors import PartwiseError
from partwise.library.library import Library
from partwise.library.search.journey import rising, waypoints
from partwise.parts import PARTS, Part
from small_library import Piece, angle, make_library

# Files by the angle of their drums and of their bass; of different lengths, so no two are alike.
SOUNDS = {f"d{d:02}_b{b:02}.wav": (d, b) for d in range(0, 91, 10) for b in (0, 45, 90)}


@pytest.fixture
def library(tmp_path: Path) -> Library:
    pieces = [
        Piece(name, {Part.DRUMS: drums, Part.BASS: bass}, duration_s=20.0 + 5 * number)
        for number, (name, (drums, bass)) in enumerate(SOUNDS.items())
    ]
    pieces.append(Piece("only_piano.wav", {Part.PIANO: 0}, tags=Tags(title="Alone")))
    return make_library(tmp_path, pieces)


def ident(library: Library, name: str) -> str:
    found = library.find(library.path.parent / "music" / name)
    assert found is not None
    return found


def names(steps: list) -> list[str]:
    return [step.path.name for step in steps]


def test_a_path_moves_evenly_through_the_wanted_part(library: Library) -> None:
    start, end = ident(library, "d00_b00.wav"), ident(library, "d90_b00.wav")
    steps = library.journey(start, end, count=4, weights="drums")
    assert [SOUNDS[name][0] for name in names(steps)] == [0, 30, 60, 90]
    assert [step.progress for step in steps] == pytest.approx([0, 1 / 3, 2 / 3, 1], abs=1e-3)
    expected = np.cos(np.radians([0, 30, 60, 90]))
    assert [step.similarity for step in steps] == pytest.approx(expected, abs=1e-5)
    assert steps[0].step_similarity is None
    to_previous = [step.step_similarity for step in steps[1:]]
    assert to_previous == pytest.approx([np.cos(np.radians(30))] * 3, abs=1e-5)


def test_all_parts_move_in_step(library: Library) -> None:
    start, end = ident(library, "d00_b00.wav"), ident(library, "d90_b90.wav")
    steps = library.journey(start, end, count=3)
    assert steps[1].path.name in ("d40_b45.wav", "d50_b45.wav")


@pytest.mark.parametrize("weights", [None, "drums", "bass", "drums=3,bass"])
@pytest.mark.parametrize("count", [2, 5, 12, 27])
def test_progress_never_falls_and_nothing_comes_twice(
    library: Library, count: int, weights: str | None
) -> None:
    start, end = ident(library, "d00_b00.wav"), ident(library, "d90_b90.wav")
    steps = library.journey(start, end, count=count, weights=weights)
    assert (steps[0].track_id, steps[-1].track_id) == (start, end)
    assert len({step.track_id for step in steps}) == len(steps) == count
    assert all(before.progress <= after.progress for before, after in pairwise(steps))
    assert (steps[0].progress, steps[-1].progress) == (0.0, 1.0)


def test_a_path_is_shorter_where_tracks_are_few(library: Library) -> None:
    start, end = ident(library, "d00_b00.wav"), ident(library, "d90_b00.wav")
    steps = library.journey(start, end, count=100)
    assert len(steps) == len(SOUNDS)
    assert "only_piano.wav" not in names(steps)


def test_near_duplicates_of_ends_and_of_each_other_are_left_out(tmp_path: Path) -> None:
    sounds = {"a.wav": 0, "a2.wav": 1, "b.wav": 45, "b2.wav": 46, "c.wav": 90}
    pieces = [Piece(name, {Part.DRUMS: at}) for name, at in sounds.items()]
    library = make_library(tmp_path, pieces)
    steps = library.journey(ident(library, "a.wav"), ident(library, "c.wav"), count=5)
    assert names(steps) in (["a.wav", "b.wav", "c.wav"], ["a.wav", "b2.wav", "c.wav"])


def test_a_file_that_is_gone_is_not_on_the_path(library: Library) -> None:
    start, end = ident(library, "d00_b00.wav"), ident(library, "d90_b00.wav")
    middle = library.path.parent / "music" / "d30_b00.wav"
    steps = library.journey(start, end, count=4, weights="drums=8,bass")
    assert middle.name in names(steps)
    middle.unlink()
    assert middle.name not in names(library.journey(start, end, count=4, weights="drums=8,bass"))


def test_ends_may_be_named_by_files_or_by_text(library: Library) -> None:
    start, end = ident(library, "d00_b00.wav"), ident(library, "d90_b00.wav")
    steps = library.journey(start, end, count=4, weights="drums")
    file = library.path.parent / "music" / "d00_b00.wav"
    assert library.journey(str(file), "B00 d90", count=4, weights="drums") == steps
    copy = library.path.parent / "elsewhere.wav"
    copy.write_bytes(file.read_bytes())
    assert library.journey(str(copy), "B00 d90", count=4, weights="drums") == steps
    with pytest.raises(PartwiseError, match=r"d00 could be any of 3 tracks: .*d00_b00.wav; "):
        library.journey("d00", end)
    with pytest.raises(PartwiseError, match="is a folder"):
        library.journey(str(file.parent), end)
    file.write_bytes(b"another song by now")
    with pytest.raises(PartwiseError, match=r"d00_b00.wav is not in the library"):
        library.journey(str(file), end)


def test_what_makes_no_path_gets_a_sentence(library: Library) -> None:
    start, end = ident(library, "d00_b00.wav"), ident(library, "d90_b00.wav")
    alone = ident(library, "only_piano.wav")
    with pytest.raises(PartwiseError, match="guitar cannot be heard in d00_b00"):
        library.journey(start, end, weights="guitar")
    with pytest.raises(PartwiseError, match="drums cannot be heard in Alone"):
        library.journey(start, alone, weights="drums")
    with pytest.raises(PartwiseError, match="no part can be heard in both d00_b00"):
        library.journey(start, alone)
    with pytest.raises(PartwiseError, match="would end where it starts"):
        library.journey(start, start)
    with pytest.raises(PartwiseError, match="2 to 100 tracks, not 1"):
        library.journey(start, end, count=1)
    with pytest.raises(PartwiseError, match="nothing is not in the library"):
        library.journey(start, "nothing")


def test_waypoints_are_equal_steps_on_the_sphere() -> None:
    first, last = np.zeros((2, len(PARTS), 8), np.float32)
    first[0], last[0] = angle(10), angle(100)
    first[1] = angle(0)  # the end lacks this part
    first[2], last[2] = angle(0), angle(180)  # opposite: no great circle is the shortest
    first[3] = last[3] = angle(20)
    points = waypoints(first, last, 10)
    assert points.shape == (10, len(PARTS), 8)
    for number, point in enumerate(points):
        np.testing.assert_allclose(point[0], angle(10 + 10 * number), atol=1e-6)
        np.testing.assert_allclose(point[3], angle(20), atol=1e-6)
    assert not points[:, 1].any()
    np.testing.assert_allclose(np.linalg.norm(points[:, 2], axis=-1), 1, atol=1e-6)
    np.testing.assert_allclose(points[[0, -1], 2], [angle(0), angle(180)], atol=1e-6)


def test_rising_columns_cost_the_least() -> None:
    rng = np.random.default_rng(5)
    for rows, n in [(1, 1), (2, 5), (4, 7), (5, 5)]:
        cost = rng.random((rows, n))
        columns = rising(cost)
        best = min(
            combinations(range(n), rows), key=lambda some: cost[np.arange(rows), list(some)].sum()
        )
        assert columns == list(best)


def test_rising_columns_of_too_few_are_all_of_them() -> None:
    assert rising(np.zeros((5, 2))) == [0, 1]
    assert rising(np.zeros((3, 0))) == []
