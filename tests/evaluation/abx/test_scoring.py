import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from listeners import RATE_HZ
from partwise import PartwiseError
from partwise.parts import Part
from partwise_lab.measure.abx.answers import Kind, Vote, triplets
from partwise_lab.measure.abx.clips import HeardClips, says_first
from partwise_lab.measure.abx.scoring import abx
from partwise_lab.measure.abx.split import PieceSplit
from partwise_lab.report.tables import report_text

pytest.importorskip("scipy")


def hears_pitch(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every subspace is the pitch of the loudest tone, as an angle: a perfect listener of stems."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(samples.shape[1]), n=1 << 17, axis=1))
    hz = np.maximum(spectrum.argmax(axis=1), 1) * RATE_HZ / (1 << 17)
    angle = 0.3 * np.log2(hz / 300.0)
    vector = np.stack([np.cos(angle), np.sin(angle)], axis=1)  # [n, 2]
    return np.repeat(vector[:, None], 5, axis=1), np.ones((len(samples), 5), np.float32)


def entry(report, kind, part, aspect="overall"):
    (found,) = [
        e
        for e in report["agreement"]
        if (e["kind"], e["part"], e["aspect"]) == (kind, part, aspect)
    ]
    return found


def test_a_perfect_model_agrees_with_every_majority(tree):
    report = abx(tree.answers, tree.clips("stem"), hears_pitch)
    for kind in ("XAB", "XYC"):
        for part in ("piano", "guitar"):
            for aspect in ("overall", "rhythm"):
                found = entry(report, kind, part, aspect)
                assert found["majority"]["value"] == found["consensus"]["value"] == 1.0
                assert found["votes"]["value"] == 1.0
                assert found["majority"]["p_value"] < 1e-6
                assert found["human"]["one_vs_rest"] == 1.0
    assert report["hears"] == "stem"
    assert report["undecided"] == 0
    assert report["mean"]["XAB"]["overall"]["majority"] == 1.0
    assert {e["aspect"] for e in report["agreement"]} == {"overall", "rhythm"}
    json.dumps(report)


def test_counts_of_the_report(tree):
    report = abx(tree.answers, tree.clips(), hears_pitch)
    # 40 questions of each kind about each of two parts, four listeners, one dummy
    assert report["answers"] == {
        "rows": 641,
        "malformed": {},
        "listeners": 4,
        "dummies": {"asked": 1, "passed": 1},
    }
    assert report["triplets"]["asked"] == {"XAB": 80, "XYC": 80}
    assert report["triplets"]["heard"] == 160
    assert report["missing"] == {"triplets": 0, "clips": 0, "reasons": {}}
    assert report["hears"] == "mix"
    assert entry(report, "XYC", "piano")["human"]["chose_same_song"] == 1.0


def test_shuffled_answers_are_chance(tree):
    rng = np.random.default_rng(0)
    shuffled = [
        replace(a, votes={k: Vote(bool(rng.random() < 0.5), v.sure) for k, v in a.votes.items()})
        for a in tree.answers.answers
    ]
    answers = replace(tree.answers, answers=tuple(shuffled))
    report = abx(answers, tree.clips("stem"), hears_pitch)
    for kind in ("XAB", "XYC"):
        for part in ("piano", "guitar"):
            for measure in ("votes", "majority"):
                found = entry(report, kind, part)[measure]
                assert found["low"] <= 0.5 <= found["high"]
                assert found["high"] - found["low"] < 0.5


def test_a_model_that_hears_nothing_is_neither_right_nor_wrong(tree):
    def deaf(samples):
        return np.ones((len(samples), 5, 2), np.float32), np.ones((len(samples), 5), np.float32)

    report = abx(tree.answers, tree.clips(), deaf)
    assert report["undecided"] == 160
    assert entry(report, "XAB", "piano")["votes"]["value"] == 0.5
    assert entry(report, "XAB", "piano")["majority"]["p_value"] == 1.0


def test_training_songs_are_not_scored_unnoticed(tree):
    split = PieceSplit.of(str(song.number) for song in tree.songs)
    report = abx(tree.answers, tree.clips("stem"), hears_pitch, tuned_on=split)
    whole = [t for t in tree.triplets if t.pieces <= split.train]
    assert report["triplets"]["trained_on"] == sum(t.kind is Kind.XAB for t in whole) > 0
    assert report["triplets"]["trained_songs"] > len(whole)
    assert "NOT HELD OUT: the model was tuned on" in report_text(report)
    kept = abx(tree.answers, tree.clips("stem"), hears_pitch, tuned_on=split, songs_of=split)
    assert kept["triplets"]["heard"] == split.count(tree.triplets)["test"] > 0
    assert kept["triplets"]["trained_on"] == kept["triplets"]["trained_songs"] == 0
    assert "NOT HELD OUT" not in report_text(kept)
    nobody = PieceSplit(split.train | split.test, split.valid, frozenset())
    with pytest.raises(PartwiseError, match="only test songs"):
        abx(tree.answers, tree.clips("stem"), hears_pitch, songs_of=nobody)


def test_the_text_says_what_the_report_says(tree, tmp_path):
    data = shutil.copytree(tree.data, tmp_path / "slakh")
    shutil.rmtree(data / "test" / "Track01880")
    partial = replace(tree, data=data, answers=replace(tree.answers, malformed={"odd": 3}))
    report = abx(partial.answers, partial.clips("stem"), hears_pitch)
    text = report_text(report)
    assert "641 answers of 4 listeners to 80 XAB and 80 XYC triplets" in text
    assert f"scored: {report['triplets']['heard']} triplets of 13 reference songs" in text
    assert "malformed rows: 3\n  3: odd" in text
    assert "Track01880 is not there" in text
    assert "piano     100.0%" in text
    assert "the part alone, as listeners did" in text


def vectors(*rows):
    return np.array(rows, np.float32)[:, None].repeat(5, axis=1)


def triplet_of(tree, part):
    found = triplets(tree.answers.answers)[0]
    clips = [replace(clip, part=part) for clip in found.clips]
    return replace(found, reference=clips[0], first=clips[1], second=clips[2])


def test_only_the_parts_own_subspace_decides(tree):
    triplet = triplet_of(tree, Part.BASS)
    embeddings = vectors([1.0, 0.0], [0.0, 1.0], [1.0, 0.1])  # the second is nearer everywhere
    embeddings[1, Part.BASS.index], embeddings[2, Part.BASS.index] = [5.0, 0.1], [0.0, 1.0]
    row = {clip.path: i for i, clip in enumerate(triplet.clips)}
    heard = HeardClips(row, embeddings, np.zeros((3, 5)))
    assert says_first(heard, [triplet], Part.BASS) == [1.0]
    assert says_first(heard, [triplet], Part.DRUMS) == [0.0]


def test_a_mix_is_judged_by_the_parts_present(tree):
    triplet = triplet_of(tree, None)
    embeddings = vectors([1.0, 0.0], [0.0, 1.0], [1.0, 0.1])
    embeddings[1, 0], embeddings[2, 0] = [1.0, 0.0], [0.0, 1.0]
    row = {clip.path: i for i, clip in enumerate(triplet.clips)}
    everything = np.ones((3, 5))
    assert says_first(HeardClips(row, embeddings, everything), [triplet], None) == [0.0]
    drums_only = everything.copy()
    drums_only[0, 1:] = 0.1  # the reference has drums alone, in which the first is nearer
    assert says_first(HeardClips(row, embeddings, drums_only), [triplet], None) == [1.0]
    lacking = drums_only.copy()
    lacking[1, 0] = 0.1  # and the first has no drums: nothing speaks for it
    embeddings[2, 0] = [1.0, 1.0]
    assert says_first(HeardClips(row, embeddings, lacking), [triplet], None) == [0.0]
    nothing = np.zeros((3, 5))
    assert says_first(HeardClips(row, embeddings, nothing), [triplet], None) == [0.0]
