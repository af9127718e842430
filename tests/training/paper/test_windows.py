import numpy as np
import pytest

from partwise import PARTS, Part, PartwiseError
from partwise_lab.training.paper.teachers import StemTriplets
from partwise_lab.training.paper.triplets import SegmentGrid, choose

BASS, GUITAR = Part.BASS.index, Part.GUITAR.index


def test_segments_lie_on_a_grid(bank):
    grid = SegmentGrid.of(bank, 1.0, 0.5)
    assert (grid.frames, grid.hop) == (43, 22)
    assert grid.row.shape == (12, 5, 4)  # 130 frames hold 0-43, 22-65, 44-87, 66-109
    for stem in bank.stems[Part.GUITAR]:
        assert grid.row[stem.piece, GUITAR].tolist() == [stem.first + i * 22 for i in range(4)]
    assert grid.active.all()


def test_a_number_finds_its_segment(bank):
    grid = SegmentGrid.of(bank, 1.0, 0.5)
    number = grid.number(np.array([3]), BASS, np.array([2]))
    assert grid.row.reshape(-1)[number] == grid.row[3, BASS, 2]
    window = grid.windows(bank, number)
    assert window.shape == (1, 43, 60)
    assert window[0].mean(dim=0).argmax() == 3 * 5 + BASS


def test_a_missing_stem_has_no_segments(bank_of):
    grid = SegmentGrid.of(bank_of(missing=[(4, Part.BASS)]), 1.0, 0.5)
    assert (grid.row[4, BASS] == -1).all()
    assert not grid.active[4, BASS].any()
    assert not grid.heard[4, BASS].any()
    assert grid.active[3].all()


def test_a_pause_of_a_quarter_is_silence_but_still_heard(bank_of):
    # The first segment is frames 0-42, its quarters are 10 frames long.
    grid = SegmentGrid.of(bank_of(silent=[(2, Part.BASS, 10, 20), (3, Part.BASS, 11, 19)]), 1, 0.5)
    assert not grid.active[2, BASS, 0]
    assert grid.heard[2, BASS, 0]
    assert grid.active[3, BASS, 0]  # a shorter pause
    assert grid.active[2, BASS, 1:].all()


def test_silence_all_along_is_absence(bank_of):
    grid = SegmentGrid.of(bank_of(silent=[(2, Part.BASS, 0, 50)]), 1.0, 0.5)
    assert grid.heard[2, BASS].tolist() == [False, True, True, True]


def test_stems_shorter_than_two_segments_get_a_sentence(bank):
    with pytest.raises(PartwiseError, match=r"the longest stem is 3\.0 s"):
        SegmentGrid.of(bank, 3.0, 1.5)


def test_choose_takes_only_what_is_allowed_and_all_of_it():
    allowed = np.tile(np.array([False, True, False, True, True]), (300, 1))
    chosen = choose(allowed, np.random.default_rng(0))
    assert set(chosen.tolist()) == {1, 3, 4}


def test_stem_triplets_are_two_segments_of_a_song_and_one_of_another(bank_of):
    bank = bank_of(missing=[(1, Part.BASS)], silent=[(2, Part.BASS, 0, 12)])
    grid = SegmentGrid.of(bank, 1.0, 0.5)
    drawn = StemTriplets(grid).draw(200, np.random.default_rng(0))
    assert drawn.shape == (3, 5, 200)
    piece, part, place = np.unravel_index(drawn, grid.row.shape)
    assert (part == np.arange(len(PARTS))[:, None]).all()
    assert (piece[0] == piece[1]).all()
    assert (place[0] != place[1]).all()
    assert (piece[2] != piece[0]).all()
    assert grid.active[piece, part, place].all()
    assert set(piece[:, BASS].reshape(-1).tolist()) == set(range(12)) - {1}


def test_a_teacher_needs_two_songs(bank_of):
    bank = bank_of(missing=[(piece, Part.PIANO) for piece in range(11)])
    with pytest.raises(PartwiseError, match="a teacher for piano needs two pieces"):
        StemTriplets(SegmentGrid.of(bank, 1.0, 0.5))
