"""Agreement and human ceilings, beside numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from partwise.parts import Part
from partwise_lab.measure.abx.answers import Clip, Kind, Triplet, Vote
from partwise_lab.measure.abx.scoring import agreement, ceilings
from partwise_lab.measure.intervals import chance_p_value, exact_interval, share_over_pieces

stats = pytest.importorskip("scipy.stats")


def question(votes: str, song: int = 0, kind: Kind = Kind.XAB) -> Triplet:
    """votes : `A` and `B` with a plus sign, `a` and `b` without."""
    clips = [
        Clip(f"{role}{song}{votes}", Part.BASS, role, f"{song}", 0) for role in ("X", "A", "B")
    ]
    said = tuple(Vote(v in "Aa", v.isupper()) for v in votes)
    return Triplet("ex", kind, clips[0], clips[1], clips[2], {"overall": said})


FOUR = [question("AAab"), question("ab", 1), question("Bbb", 2), question("A", 3)]


def test_ceilings_by_hand():
    found = ceilings(FOUR, "overall")
    # AAab: each A has 2 of the other 3 with it, b has none; ab: each has the other against it;
    # Bbb: all agree; a single vote has no others.
    assert found["one_vs_rest"] == pytest.approx((3 + 0 + 3) / 9)
    assert found["perfect_majority"] == pytest.approx((3 + 1 + 3 + 1) / 10)
    assert found["perfect_sure"] == 1.0
    assert "chose_same_song" not in found
    # aab: each a has one with it and one against: half; b has two against.
    assert ceilings([question("aab")], "overall")["one_vs_rest"] == pytest.approx((0.5 + 0.5) / 3)
    same = ceilings([question("AAab", kind=Kind.XYC)], "overall")
    assert same["chose_same_song"] == pytest.approx(3 / 4)
    assert ceilings(FOUR, "timbre")["one_vs_rest"] is None


def test_agreement_by_hand():
    found = agreement(FOUR, np.array([1.0, 1.0, 1.0, 0.5]), "overall")
    assert found is not None
    assert found["votes"]["value"] == pytest.approx((3 + 1 + 0 + 0.5) / 10)
    assert found["sure_votes"]["value"] == pytest.approx((2 + 0 + 0.5) / 4)
    assert found["majority"]["value"] == pytest.approx((1 + 0 + 0.5) / 3)  # ab has no majority
    assert found["majority"]["n"] == 3
    assert found["consensus"]["value"] == pytest.approx(1 / 2)  # one vote is no consensus
    assert found["consensus"]["n"] == 2
    assert (found["triplets"], found["songs"]) == (4, 4)
    assert found["votes"]["interval"] == "exact binomial over triplets"
    assert found["votes"]["low"] < found["votes"]["value"] < found["votes"]["high"]
    assert agreement(FOUR, np.ones(4), "melody") is None


def test_nobody_sure_is_no_number():
    found = agreement([question("ab"), question("aa")], np.ones(2), "overall")
    assert found is not None
    assert found["sure_votes"] is None
    assert found["consensus"] is None


def test_songs_are_what_is_drawn():
    """A hundred triplets of one song say as little as one."""
    rng = np.random.default_rng(0)
    song = np.repeat(np.arange(20), 100)
    right = np.repeat(rng.random(20) < 0.5, 100).astype(float)
    low, high = share_over_pieces(right, np.ones(2000), song)
    assert high - low > 0.3
    shuffled = rng.permutation(right)
    narrow = share_over_pieces(shuffled, np.ones(2000), song)
    assert narrow[1] - narrow[0] < 0.1
    many = [question("AAA", song) for song in range(12)]
    found = agreement(many, np.ones(12), "overall")
    assert found is not None
    assert found["votes"]["interval"] == "bootstrap over songs"


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 5), (3, 7), (60, 100), (250, 476)])
def test_exact_binomial_agrees_with_its_definition(right, n):
    """Clopper and Pearson's edges are quantiles of beta distributions; the coin is symmetric."""
    low = stats.beta.ppf(0.025, right, n - right + 1) if right else 0.0
    high = stats.beta.ppf(0.975, right + 1, n - right) if right < n else 1.0
    assert exact_interval(right, n) == pytest.approx((low, high), abs=1e-6)
    tail = stats.binom.sf(max(right, n - right) - 1, n, 0.5)
    assert chance_p_value(right, n) == pytest.approx(min(1.0, 2 * tail), rel=1e-6)


def test_half_a_success_is_rounded_towards_chance():
    assert chance_p_value(5.5, 7) == chance_p_value(5, 7)
    assert chance_p_value(1.5, 7) == chance_p_value(2, 7)
    assert chance_p_value(3.5, 7) == 1.0


def test_a_share_needs_trials():
    for right, n in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="no share"):
            exact_interval(right, n)
