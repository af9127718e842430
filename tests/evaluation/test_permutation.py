"""What every protocol must show: a perfect encoder is always right, one that draws its embeddings
is at chance within the interval, and one that knows a little is surely above it.

The pieces are tones (`stem_folder`): each part has a register of its own and each piece a pitch in
it, so an encoder can know the truth from the samples alone. A further protocol is a row of
`PROTOCOLS` and, where its report has numbers of its own, a few lines in `findings`.

Where the segments of the own mix, or of the own passage, may not vote, a segment's label has fewer
voters than the others: an encoder that draws then ends below 1 / n. There (`BELOW`) chance is the
most that may be found, and as sharp a test from below is that of the labels dealt out anew.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from partwise import PARTS, Part
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure import protocols
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.knn import Segments, knn_score
from partwise_lab.measure.linear_probe import dealt_anew
from partwise_lab.measure.probes import FACTS, HeardStems, PieceFacts, probe_report
from partwise_lab.measure.same_part import same_part
from partwise_lab.measure.stem_reader import StemReader
from stem_folder import write_stem_folder

PIECES, DIM, READ_HZ = 12, 16, 12000
# The registers of `stem_folder`, which do not overlap [Hz].
REGISTERS = ((2900, 5900), (55, 120), (290, 580), (690, 1400), (1480, 2880))
ENCODERS = {"perfect": (1.0, 1e-3), "chance": (0.0, 1.0), "slight": (0.5, 0.8)}
BELOW = {"paper", "strict", "all"}
PROTOCOLS = {
    "pseudo-knn": lambda t: protocols.pseudo_knn(
        t, labels=6, mixes=3, draws=8, segment_s=1.0, leakage=True
    ),
    "presence": lambda t: protocols.presence(t, segment_s=1.0),
    "few-pieces": lambda t: protocols.few_pieces(t, mixes=8, segment_s=1.0),
    "halves": lambda t: protocols.halves(t, segment_s=3.0),
    "same-part": lambda t: same_part(t, stems=4, accompaniments=3, segment_s=1.0),
}


@dataclass(frozen=True)
class Finding:
    """One number of a report with its 95 % interval, and what would be found by chance."""

    reading: str
    score: float
    low: float
    high: float
    chance: float


def findings(report):
    """All numbers of a report that are to be right for a perfect encoder."""
    for e in report.get("scores", ()):
        yield Finding(e["reading"], e["accuracy"], e["low"], e["high"], e["chance"])
    for part, value in report.get("average_precision", {}).items():
        low, high = report["average_precision_interval"][part]
        yield Finding("presence", value, low, high, report["share_present"][part])
    for e in report.get("same_part", ()):
        if e["part"] == e["subspace"]:
            yield Finding("nearer by part", e["auc"], e["low"], e["high"], 0.5)


def above_chance(found):
    """How many standard errors all parts of one reading are above chance together."""
    errors = [(f.high - f.low) / 3.92 for f in found]
    gain = sum(f.score - f.chance for f in found)
    return gain / max(np.sqrt(np.sum(np.square(errors))), 1e-9)


def by_reading(report):
    found: dict[str, list[Finding]] = {}
    for finding in findings(report):
        found.setdefault(finding.reading, []).append(finding)
    assert found
    return found


def check(encoder, report):
    for reading, found in by_reading(report).items():
        z = above_chance(found)
        if encoder == "perfect":
            assert all(f.score == 1.0 for f in found), reading
        elif encoder == "slight":
            assert z > 4.0, (reading, z)
            assert all(f.score < 0.98 for f in found), reading
        else:
            inside = [f.low <= f.chance and (reading in BELOW or f.chance <= f.high) for f in found]
            assert np.mean(inside) >= 0.75, (reading, found)
            assert z < 2.5, (reading, z)
            if reading in BELOW:
                assert sum(f.score for f in found) > 0.3 * sum(f.chance for f in found)
            else:
                assert z > -2.5, (reading, z)


def encoder_of(known, noise):
    """An 'encoder': the piece of each part as it is, in its subspace, times `known`, and noise."""
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((PIECES, DIM))

    def embed(samples):
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.shape[1]), axis=1))
        hz = np.fft.rfftfreq(samples.shape[1], 1.0 / READ_HZ)
        vectors = noise * rng.standard_normal((len(samples), len(PARTS), DIM))
        presence = 0.1 * noise * rng.random((len(samples), len(PARTS)))
        loudest = spectrum.max(axis=1)
        for part, (low, high) in enumerate(REGISTERS):
            here = np.flatnonzero((hz > low) & (hz < high))
            peak = here[spectrum[:, here].argmax(axis=1)]
            # The pitch of piece n is the lowest times 1 + 0.9 n / PIECES (see stem_folder).
            lowest = {0: 3000.0, 1: 60.0, 2: 300.0, 3: 700.0, 4: 1500.0}[part]
            piece = np.rint((hz[peak] / lowest - 1.0) * PIECES / 0.9).astype(int)
            vectors[:, part] += known * centres[piece.clip(0, PIECES - 1)]
            there = spectrum[np.arange(len(samples)), peak] > 0.1 * loudest
            presence[:, part] += 0.05 * known * there
        return vectors.astype(np.float32), presence

    return embed


@pytest.fixture(scope="module")
def report_of(tmp_path_factory):
    folder = write_stem_folder(tmp_path_factory.mktemp("tones"), pieces=PIECES, seconds=6.0)
    pieces = find_pieces(folder)
    reader = StemReader(pieces, READ_HZ)

    @cache
    def report(protocol, encoder):
        trial = Trial(pieces, reader, encoder_of(*ENCODERS[encoder]))
        return PROTOCOLS[protocol](trial)

    return report


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_protocol(report_of, protocol, encoder):
    check(encoder, report_of(protocol, encoder))


@pytest.mark.parametrize("protocol", ["pseudo-knn", "few-pieces"])
def test_leakage(report_of, protocol):
    """Nothing of a part is in the other subspaces, and the table would show it if it were."""
    own = np.eye(len(PARTS), dtype=bool)
    tables = {name: np.array(report_of(protocol, name)["leakage"]) for name in ENCODERS}
    chance = report_of(protocol, "perfect")["scores"][0]["chance"]
    assert (tables["perfect"][own] == 1.0).all()
    assert 0.3 * chance < tables["perfect"][~own].mean() < chance + 0.04
    assert 0.3 * chance < tables["chance"].mean() < chance + 0.02
    assert tables["slight"][own].mean() > chance + 0.1


def test_other_subspaces_are_nearer_by_the_rest(report_of):
    """In the same-part check a perfect encoder has 1 on the diagonal and 0 off it."""
    table = np.array(report_of("same-part", "perfect")["auc"])
    np.testing.assert_array_equal(table, np.eye(len(PARTS)))


def perfect_segments(labels, seed, mixes=40):
    """One segment of each of many mixes, so that hardly any voter is missing; 8 passages."""
    rng = np.random.default_rng(seed)
    label, mix = (axis.ravel() for axis in np.mgrid[:labels, :mixes])
    vectors = rng.standard_normal((labels, len(PARTS), DIM))[label]
    noise = 0.01 * rng.standard_normal(vectors.shape)
    return Segments(vectors + noise, label, np.arange(len(label)), mix % 8)


@pytest.mark.parametrize("neighbours", [1, 5])
@pytest.mark.parametrize(("labels", "asked"), [(12, 8), (8, 8)])
def test_labels_dealt_out_anew_are_at_chance(labels, asked, neighbours):
    """Chance lies in the 95 % interval as often as it should, from below and from above."""
    inside, gain = [], []
    for seed in range(20):
        data = perfect_segments(labels, seed)
        score = knn_score(data, Part.BASS, asked, draws=2, neighbours=neighbours)
        assert score.accuracy == 1.0
        rng = np.random.default_rng(seed)
        shuffled = replace(data, label=rng.permutation(data.label))
        score = knn_score(shuffled, Part.BASS, asked, draws=2, neighbours=neighbours, seed=seed)
        inside.append(score.low <= score.chance <= score.high)
        gain.append(score.accuracy - score.chance)
    assert np.mean(inside) >= 0.8
    assert abs(np.mean(gain)) < 0.01


def test_what_may_not_vote_lowers_chance():
    """The strict reading of drawn embeddings: no higher than 1 / n, and not by an error of ours."""
    rng = np.random.default_rng(0)
    label, mix, moment = (axis.ravel() for axis in np.mgrid[:10, :4, :3])
    vectors = rng.standard_normal((len(label), len(PARTS), DIM))
    data = Segments(vectors, label, 4 * label + mix, moment)
    for strict, voters in ((False, 9 / 117), (True, 6 / 114)):
        found = [
            knn_score(
                replace(data, embeddings=rng.standard_normal(vectors.shape)),
                Part.BASS,
                10,
                strict=strict,
                neighbours=1,
            ).accuracy
            for _ in range(60)
        ]
        assert np.mean(found) == pytest.approx(voters, abs=0.012)


def heard_facts(encoder, pieces=40, each=4, seed=2):
    """Segments in whose subspaces the facts of the own part are written plainly, or not at all.

    Only the bass sounds, which is enough.
    """
    known, noise = ENCODERS[encoder]
    rng = np.random.default_rng(seed)
    source = np.stack([rng.permutation(np.arange(pieces * each) % pieces) for _ in PARTS], axis=1)
    loudness_db, brightness = rng.standard_normal((2, *source.shape))
    instrument = np.arange(pieces) % 4
    scale = rng.permutation(pieces) % 5
    tempo_bpm = rng.uniform(60.0, 180.0, pieces)
    told = PieceFacts(
        [dict.fromkeys(PARTS, f"sound {number}") for number in instrument],
        scale.tolist(),
        tempo_bpm.tolist(),
    )
    fifths = 2 * np.pi * (7 * scale % 12) / 12
    octave = 2 * np.pi * np.log2(tempo_bpm)
    columns = [np.eye(4)[instrument][source], np.eye(5)[scale][source]]
    columns += [f(turns)[source][..., None] for f in (np.cos, np.sin) for turns in (fifths, octave)]
    columns += [loudness_db[..., None], brightness[..., None]]
    truths = 2.0 * np.concatenate(columns, axis=-1)
    vectors = known * truths + noise * rng.standard_normal(truths.shape)
    source[:, [part.index for part in PARTS if part is not Part.BASS]] = -1
    return HeardStems(vectors.astype(np.float32), source, loudness_db, brightness), told


@pytest.fixture(scope="module")
def probed():
    shuffles = {"perfect": 4, "chance": 14, "slight": 6}
    return {n: probe_report(*heard_facts(n), shuffles=shuffles[n]) for n in ENCODERS}


def own_and_others(report):
    for e in report["probes"]:
        yield e, e["part"] == e["subspace"]


def test_probes_of_a_perfect_encoder(probed):
    for e, own in own_and_others(probed["perfect"]):
        if own:
            assert e["score"] > (0.99 if e["classes"] else 0.85), e
            assert e["low"] > e["chance_high"]
        else:
            assert e["score"] < e["chance"] + 0.25, e
    assert {fact for part, fact in map(str.split, probed["perfect"]["not_measured"])} == set(FACTS)


def test_probes_of_a_drawn_encoder_are_at_chance(probed):
    inside = [
        e["chance_low"] <= e["score"] <= e["chance_high"] or e["low"] <= e["chance"] <= e["high"]
        for e in probed["chance"]["probes"]
    ]
    assert len(inside) == 30
    assert np.mean(inside) >= 0.8
    said = probed["chance"]["words"][0]
    assert "clearly" not in said and "hardly" in said


def test_probes_of_an_encoder_that_knows_a_little(probed):
    for e, own in own_and_others(probed["slight"]):
        if own:
            assert e["chance_high"] < e["score"] < 0.98, e


def test_truths_are_dealt_out_by_piece():
    piece = np.repeat(np.arange(10), 3)
    dealt = dealt_anew(piece, piece, np.random.default_rng(0))
    assert sorted(dealt[::3]) == list(range(10))
    np.testing.assert_array_equal(dealt, dealt[::3].repeat(3))
    assert (dealt != piece).any()
