import numpy as np
import pytest

torch = pytest.importorskip("torch")

from partwise import PARTS, Part, PartwiseError  # noqa: E402
from partwise_lab.training.paper.triplets import (  # noqa: E402
    ANCHOR,
    NEGATIVE,
    POSITIVE,
    SegmentGrid,
    TripletPlanner,
    group_by_tempo,
    mix_triplets,
    one_group,
)

GUITAR, PIANO = Part.GUITAR.index, Part.PIANO.index
HOP = 22
TEMPOS = [100.0] * 6 + [140.0] * 6


def planner_of(bank, groups=None):
    return TripletPlanner(SegmentGrid.of(bank, 1.0, 0.5), groups or one_group(12))


def test_the_plan_is_the_papers_table(bank):
    planner = planner_of(bank, group_by_tempo(TEMPOS))
    plan = planner.draw(300, np.random.default_rng(0))
    for i in range(300):
        c, c2 = int(plan.basic[i]), int(plan.additional[i])
        others = [p for p in range(5) if p != c]
        piece, place = plan.piece[:, i], plan.place[:, i]
        target, rival_target = piece[ANCHOR, c], piece[NEGATIVE, c]
        band, rival_band = piece[ANCHOR, others[0]], piece[POSITIVE, others[0]]
        # basic part: anchor and positive share T, adjacent segments; the negative has T'
        assert piece[POSITIVE, c] == target
        assert place[POSITIVE, c] == place[ANCHOR, c] + 1
        # the other four: A in the anchor, N in the positive, A's next segment in the negative
        assert (piece[ANCHOR, others] == band).all()
        assert (piece[POSITIVE, others] == rival_band).all()
        assert (piece[NEGATIVE, others] == band).all()
        assert (place[NEGATIVE, others] == place[ANCHOR, others] + 1).all()
        assert len(set(place[ANCHOR, others].tolist())) == 1  # played together
        # four songs of one tempo
        songs = {int(s) for s in (target, rival_target, band, rival_band)}
        assert len(songs) == 4
        assert len({TEMPOS[s] for s in songs}) == 1
        # the additional part: the roles of positive and negative swap
        assert c2 != c
        assert piece[NEGATIVE, c2] == piece[ANCHOR, c2] != piece[POSITIVE, c2]


def test_parts_are_drawn_evenly_although_few_pieces_have_them(bank_of):
    bank = bank_of(missing=[(piece, Part.PIANO) for piece in range(8)])
    plan = planner_of(bank).draw(3000, np.random.default_rng(0))
    for drawn in (plan.basic, plan.additional):
        assert np.bincount(drawn, minlength=5) / 3000 == pytest.approx(0.2, abs=0.03)
    assert (plan.piece[:, plan.basic == PIANO, PIANO] >= 8).all()


def test_basic_and_additional_parts_play_in_all_that_is_compared(bank_of):
    silent = [(piece, Part.GUITAR, 0, 60) for piece in range(6)]
    bank = bank_of(silent=silent, missing=[(7, Part.GUITAR)])
    planner = planner_of(bank)
    plan = planner.draw(1000, np.random.default_rng(0))
    each = np.arange(1000)
    for part in (plan.basic, plan.additional):
        for role in (ANCHOR, POSITIVE, NEGATIVE):
            piece, place = plan.piece[role, each, part], plan.place[role, each, part]
            assert planner.grid.active[piece, part, place].all()


def test_a_mix_holds_the_planned_stems_at_their_natural_levels(bank):
    planner = planner_of(bank)
    plan = planner.draw(20, np.random.default_rng(1))
    batch = mix_triplets(bank, planner.grid, plan)
    assert batch.log_mel.shape == (3, 20, 43, 60)
    assert not batch.absent.any()
    for role in range(3):
        for i in range(20):
            mix = batch.log_mel[role, i]
            bands = plan.piece[role, i] * 5 + np.arange(5)
            assert set((mix.mean(dim=0) > -60).nonzero()[:, 0].tolist()) == set(bands.tolist())
            for part, band in zip(PARTS, bands, strict=True):
                expected = -0.4 * (plan.place[role, i, part.index] * HOP + np.arange(43))
                assert mix[:, band].numpy() == pytest.approx(expected, abs=0.02)


def test_mel_powers_add_up(bank):
    planner = planner_of(bank)
    plan = planner.draw(1, np.random.default_rng(1))
    quiet = mix_triplets(bank, planner.grid, plan).log_mel[0, 0]
    power = sum(
        10.0 ** (planner.grid.windows(bank, number[None])[0].double() / 10.0)
        for number in planner.grid.number(plan.piece[0, 0], np.arange(5), plan.place[0, 0])
    )
    torch.testing.assert_close(10.0 * torch.log10(power).float(), quiet, atol=1e-3, rtol=0)


def test_what_a_song_lacks_is_absent_from_the_accompaniment(bank_of):
    lacking = [(piece, Part.GUITAR) for piece in range(4)]
    bank = bank_of(missing=lacking)
    planner = planner_of(bank)
    plan = planner.draw(200, np.random.default_rng(0))
    batch = mix_triplets(bank, planner.grid, plan)
    expected = torch.zeros(3, 200, 5, dtype=torch.bool)
    expected[:, :, GUITAR] = torch.from_numpy(plan.piece[:, :, GUITAR] < 4)
    assert torch.equal(batch.absent, expected)
    assert expected.any()
    assert ((batch.segment == -1) == expected.numpy()).all()
    role, i = expected[:, :, GUITAR].nonzero()[0].tolist()
    assert (batch.log_mel[role, i].mean(dim=0) > -60).sum() == 4


def test_same_seed_same_triplets(bank):
    planner = planner_of(bank)
    a, b, c = (planner.draw(50, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert (a.piece == b.piece).all() and (a.place == b.place).all()
    assert (a.piece != c.piece).any()


def test_a_part_that_nobody_plays_gets_a_sentence(bank_of):
    bank = bank_of(silent=[(piece, Part.OTHER, 0, 130) for piece in range(12)])
    with pytest.raises(PartwiseError, match="no piece with a tempo group has other playing"):
        planner_of(bank)


def test_songs_that_do_not_go_together_get_a_sentence(bank_of):
    # One piece per tempo group has a piano: a rival target is nowhere.
    bank = bank_of(missing=[(piece, Part.PIANO) for piece in range(12) if piece not in (0, 6)])
    planner = planner_of(bank, group_by_tempo(TEMPOS))
    with pytest.raises(PartwiseError, match="no triplets for piano: they need four songs"):
        planner.draw(64, np.random.default_rng(0))
