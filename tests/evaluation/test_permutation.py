"""What every protocol must show: a perfect encoder is always right, one that draws its embeddings
is at chance within the interval, and one that knows a little is surely above it.

The pieces are tones (`stem_folder`): each part has a register of its own and each piece a pitch in
it, so an encoder can know the truth from the samples alone. A further protocol is a row of
`PROTOCOLS` and, where its report has numbers of its own, a few lines in `findings`.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest

from partwise import PARTS, Part
from partwise.datasets.stems import find_pieces
from partwise.evaluation import protocols
from partwise.evaluation.linear_probe import dealt_anew
from partwise.evaluation.probes import FACTS, Heard, PieceFacts, probe_report
from partwise.evaluation.pseudo_knn import Segments, knn_score
from partwise.evaluation.same_part import same_part
from partwise.evaluation.stem_reader import StemReader
from stem_folder import RATE_HZ, write_stem_folder

PIECES, DIM = 12, 16
# The registers of `stem_folder`, which do not overlap [Hz].
REGISTERS = ((2900, 6000), (55, 120), (290, 580), (690, 1400), (1480, 2880))
ENCODERS = {"perfect": (1.0, 1e-3), "chance": (0.0, 1.0), "slight": (0.5, 0.25)}
PROTOCOLS = {
    "pseudo-knn": lambda t: protocols.pseudo_knn(t, labels=6, mixes=3, segment_s=1.0, leakage=True),
    "presence": lambda t: protocols.presence(t, segment_s=1.0),
    "few-pieces": lambda t: protocols.few_pieces(t, mixes=10, segment_s=1.0),
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
    for e in report.get("probes", ()):
        if e["part"] == e["subspace"]:
            # What is found by chance has a spread of its own; R2 is a little below 0.
            chance = (e["chance_low"] + e["chance_high"]) / 2
            low = e["score"] - max(e["score"] - e["low"], chance - e["chance_low"])
            high = e["score"] + max(e["high"] - e["score"], e["chance_high"] - chance)
            yield Finding(e["fact"], e["score"], low, high, chance)


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
            inside = sum(f.low <= f.chance <= f.high for f in found)
            assert inside >= 0.75 * len(found), (reading, found)
            assert abs(z) < 2.5, (reading, z)


def encoder_of(known, noise):
    """An 'encoder': the piece of each part as it is, in its subspace, times `known`, and noise."""
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((PIECES, DIM))

    def embed(samples):
        spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.shape[1]), axis=1))
        hz = np.fft.rfftfreq(samples.shape[1], 1.0 / RATE_HZ)
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
    reader = StemReader(pieces, RATE_HZ)

    @cache
    def report(protocol, encoder):
        trial = protocols.Trial(pieces, reader, encoder_of(*ENCODERS[encoder]))
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
    table = np.array(report_of(protocol, "perfect")["leakage"])
    chance = report_of(protocol, "perfect")["scores"][0]["chance"]
    assert (table[own] == 1.0).all()
    assert table[~own].mean() == pytest.approx(chance, abs=0.04)
    assert np.array(report_of(protocol, "chance")["leakage"]).mean() == pytest.approx(
        chance, abs=0.04
    )
    assert np.array(report_of(protocol, "slight")["leakage"])[own].mean() > chance + 0.1


def test_other_subspaces_are_nearer_by_the_rest(report_of):
    """In the same-part check a perfect encoder has 1 on the diagonal and 0 off it."""
    table = np.array(report_of("same-part", "perfect")["auc"])
    np.testing.assert_array_equal(table, np.eye(len(PARTS)))


def perfect_segments(labels, seed):
    """[labels] x 4 mixes x 3 moments around a point for each label, in every subspace alike."""
    rng = np.random.default_rng(seed)
    label, mix, moment = (axis.ravel() for axis in np.mgrid[:labels, :4, :3])
    vectors = rng.standard_normal((labels, len(PARTS), DIM))[label]
    noise = 0.01 * rng.standard_normal(vectors.shape)
    return Segments(
        vectors + noise, np.ones((len(label), len(PARTS))), label, 4 * label + mix, moment
    )


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize(("labels", "asked"), [(30, 10), (30, 30)])
def test_shuffled_labels_are_at_chance(labels, asked, strict):
    """Labels dealt out anew to the mixes: chance lies in the 95 % interval about as often."""
    inside, gain = [], []
    for seed in range(12):
        data = perfect_segments(labels, seed)
        score = knn_score(data, Part.BASS, asked, strict=strict, draws=5)
        assert score.accuracy == 1.0
        rng = np.random.default_rng(seed)
        shuffled = replace(data, label=rng.permutation(data.label[::3]).repeat(3))
        score = knn_score(shuffled, Part.BASS, asked, strict=strict, draws=5, seed=seed)
        inside.append(score.low <= score.chance <= score.high)
        gain.append(score.accuracy - score.chance)
    assert np.mean(inside) >= 0.75
    assert abs(np.mean(gain)) < 3.0 * np.std(gain) / np.sqrt(len(gain)) + 0.01


def heard_facts(encoder, pieces=40, each=6, seed=2):
    """Segments in whose subspaces the facts of the own part are written plainly, or not at all."""
    known, noise = ENCODERS[encoder]
    rng = np.random.default_rng(seed)
    source = np.stack([rng.permutation(np.arange(pieces * each) % pieces) for _ in PARTS], axis=1)
    loudness_db, brightness = rng.standard_normal((2, *source.shape))
    instrument = np.arange(pieces) % 4
    scale = rng.permutation(pieces) % 5
    tempo_bpm = rng.uniform(60.0, 180.0, pieces)
    told = PieceFacts(
        [{part: f"sound {number}" for part in PARTS} for number in instrument],
        scale.tolist(),
        tempo_bpm.tolist(),
    )
    fifths = 2 * np.pi * (7 * scale % 12) / 12
    octave = 2 * np.pi * np.log2(tempo_bpm)
    columns = [3.0 * np.eye(4)[instrument][source], 3.0 * np.eye(5)[scale][source]]
    columns += [f(turns)[source][..., None] for f in (np.cos, np.sin) for turns in (fifths, octave)]
    columns += [loudness_db[..., None], brightness[..., None]]
    truths = np.concatenate(columns, axis=-1)
    vectors = known * truths + 4.0 * noise * rng.standard_normal(truths.shape)
    return Heard(vectors.astype(np.float32), source, loudness_db, brightness), told


def test_probes_of_a_perfect_encoder():
    report = probe_report(*heard_facts("perfect"), shuffles=4)
    for reading, found in by_reading(report).items():
        assert min(f.score for f in found) > 0.97 if reading in FACTS else None
    for fact, table in report["tables"].items():
        for row, part in zip(table, PARTS, strict=True):
            others = [value for value, s in zip(row, PARTS, strict=True) if s is not part]
            if row[part.index] is not None:
                assert np.mean(others) < 0.45, (fact, part)


@pytest.mark.parametrize("encoder", ["chance", "slight"])
def test_probes(encoder):
    report = probe_report(*heard_facts(encoder), shuffles=20)
    assert set(by_reading(report)) == set(FACTS)
    check(encoder, report)


def test_truths_are_dealt_out_by_piece():
    piece = np.repeat(np.arange(10), 3)
    dealt = dealt_anew(piece, piece, np.random.default_rng(0))
    assert sorted(dealt[::3]) == list(range(10))
    np.testing.assert_array_equal(dealt, dealt[::3].repeat(3))
    assert (dealt != piece).any()
