from dataclasses import replace

import numpy as np
import pytest

from partwise import PARTS, Part
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.same_part import (
    BoardSegments,
    draw_boards,
    main_axes,
    nearer_by_part,
    same_part,
)
from partwise_lab.measure.stem_reader import StemReader
from stem_folder import RATE_HZ, write_stem_folder
from stem_trees import write_tone


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    return find_pieces(write_stem_folder(tmp_path_factory.mktemp("data"), pieces=10, seconds=2.0))


def test_boards_hold_strangers(pieces):
    boards = draw_boards(pieces, Part.BASS, 3, 4, 3, np.random.default_rng(0))
    assert [len(board.stems) for board in boards] == [4, 4, 2]
    assert len({stem for board in boards for stem in board.stems}) == 10
    for board in boards:
        assert len(board.accompaniments) == 3
        for sources in board.accompaniments:
            assert len(sources) == len(set(sources.values())) == 4
            assert not set(sources.values()) & set(board.stems)
        for part in set(PARTS) - {Part.BASS}:
            assert len({sources[part] for sources in board.accompaniments}) == 3


def test_no_accompaniment_may_hold_the_part_unnamed(pieces):
    some = [replace(p, unknown=frozenset({Part.BASS})) for p in pieces[:3]] + pieces[3:]
    for seed in range(5):
        for board in draw_boards(some, Part.BASS, 3, 3, 3, np.random.default_rng(seed)):
            used = {i for sources in board.accompaniments for i in sources.values()}
            assert not used & {0, 1, 2}


def test_kinds_are_of_one_board_at_other_moments():
    piece, accompaniment, moment = (a.ravel() for a in np.mgrid[:2, :2, :2])
    segments = BoardSegments(np.zeros((8, 5, 2)), piece, accompaniment, moment, np.zeros(8, int))
    kinds = segments.kinds()
    assert {name: pairs.sum() for name, pairs in kinds.items()} == {
        "same_part": 8,
        "same_rest": 8,
        "unrelated": 8,
    }
    two = replace(segments, board=piece)
    assert {name: pairs.sum() for name, pairs in two.kinds().items()} == {
        "same_part": 8,
        "same_rest": 0,
        "unrelated": 0,
    }


def test_nearer_by_part_counts_pairs_and_halves_ties():
    cosines = np.array([[1.0, 0.9, 0.1, 0.9, 0.5]] * 5)
    by_part, by_rest = np.zeros((2, 5, 5), dtype=bool)
    by_part[0, [1, 2]] = True
    by_rest[0, [3, 4]] = True
    auc = nearer_by_part(cosines, by_part, by_rest)
    # 0.9 against 0.9 is a tie and against 0.5 nearer; 0.1 is farther than both
    assert auc[0] == pytest.approx((0.5 + 1.0 + 0.0 + 0.0) / 4)
    assert np.isnan(auc[1:]).all()


def test_report_has_a_map_of_the_first_board(pieces):
    def embed(samples):
        spectrum = np.abs(np.fft.rfft(samples, n=1024, axis=1))[:, :40]
        return np.repeat(spectrum[:, None], 5, axis=1), np.ones((len(samples), 5))

    settings = {"boards": 1, "stems": 3, "accompaniments": 2, "segment_s": 0.9}
    trial = Trial(pieces, StemReader(pieces, RATE_HZ), embed)
    report = same_part(trial, **settings)
    assert report["not_measured"] == {}
    assert len(report["same_part"]) == 25
    found = report["maps"]["guitar"]
    assert len(found["points"]["drums"]) == len(found["part_label"]) == 12
    assert {str(i) for i in found["part_label"]} == set(found["part_pieces"])
    assert set(found["accompaniment_label"]) == {0, 1}
    assert same_part(replace(trial, threads=2), **settings) == report


def test_parts_without_pieces_are_not_measured(tmp_path):
    for number in range(4):
        write_tone(tmp_path / f"s{number}" / "bass.wav", 60.0 + 10 * number, 3.0, RATE_HZ)
        write_tone(tmp_path / f"s{number}" / "drums.wav", 3000.0, 3.0, RATE_HZ)
    some = find_pieces(tmp_path)

    def embed(samples):
        return np.random.default_rng(0).random((len(samples), 5, 3)), np.ones((len(samples), 5))

    report = same_part(Trial(some, StemReader(some, RATE_HZ), embed), segment_s=1.0)
    assert set(report["maps"]) == {"drums", "bass"}
    assert report["not_measured"]["guitar"].startswith("pieces that have it: 0; a board takes two")
    assert report["auc"][Part.GUITAR.index] == [None] * 5
    short = same_part(Trial(some, StemReader(some, RATE_HZ), embed), segment_s=2.5)
    assert "at no two moments of 2.5 s" in short["not_measured"]["bass"]


def test_main_axes_keep_the_distances_of_a_plane():
    rng = np.random.default_rng(0)
    plane = rng.standard_normal((12, 2)) @ np.linalg.qr(rng.standard_normal((7, 7)))[0][:2]
    flat = main_axes(plane)
    apart = np.linalg.norm(plane[:, None] - plane[None], axis=2)
    np.testing.assert_allclose(np.linalg.norm(flat[:, None] - flat[None], axis=2), apart, atol=1e-9)
