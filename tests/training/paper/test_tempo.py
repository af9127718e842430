import numpy as np
import pytest

from partwise import PartwiseError
from partwise_lab.training.paper.triplets import group_by_tempo, one_group


def members(groups, piece):
    return set(groups.order[groups.first[piece] : groups.last[piece]].tolist())


def test_pieces_of_similar_tempo_share_a_group():
    groups = group_by_tempo([100, 120, 101, 104, 119, 109.9, 112, 115], 0.1)
    assert members(groups, 0) == {0, 2, 3, 5}
    assert members(groups, 1) == {1, 4, 6, 7}
    assert groups.left_out == 0


def test_fellows_come_from_the_own_group_and_all_of_them_do():
    groups = group_by_tempo([101, 102, 103, 104, 105, 150, 151, 152, 153])
    rng = np.random.default_rng(0)
    fellows = groups.draw_fellows(np.full(200, 2), rng)
    assert set(fellows.tolist()) == {0, 1, 2, 3, 4}
    assert set(groups.draw_fellows(np.full(200, 8), rng).tolist()) == {5, 6, 7, 8}


def test_small_groups_and_unknown_tempos_are_left_out():
    groups = group_by_tempo([100, 101, 102, 103, 200, 201, 202, None, float("nan"), 0.0])
    assert sorted(groups.order.tolist()) == [0, 1, 2, 3]
    assert groups.left_out == 6
    assert members(groups, 4) == members(groups, 7) == set()


@pytest.mark.parametrize("tempos", [[None] * 9, [60, 90, 130, 190], [100, 101, 102]])
def test_too_few_of_similar_tempo_get_a_sentence(tempos):
    with pytest.raises(PartwiseError, match="4 pieces of similar tempo"):
        group_by_tempo(tempos)


def test_any_tempo_is_one_group():
    assert members(one_group(5), 3) == {0, 1, 2, 3, 4}
    with pytest.raises(PartwiseError, match="triplets need 4 pieces: there are 3"):
        one_group(3)
