from dataclasses import replace

import numpy as np
import pytest

from partwise import Part, PartwiseError
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.presence import (
    average_precision,
    best_threshold,
    calibration,
    presence_samples,
)
from partwise_lab.measure.stem_reader import StemReader
from stem_folder import RATE_HZ, write_stem_folder


def test_average_precision_is_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    truth = rng.random(200) < 0.4
    told = truth * 0.3 + rng.random(200)
    assert average_precision(told, truth) == pytest.approx(
        metrics.average_precision_score(truth, told)
    )


def test_threshold_separates():
    truth = np.repeat([True, False], 50)
    told = np.concatenate([np.linspace(0.6, 1.0, 50), np.linspace(0.0, 0.3, 50)])
    assert 0.3 < best_threshold([(told, truth)]) <= 0.6


def test_threshold_leaves_no_set_deaf():
    """Recordings are told less surely than what was rendered."""
    truth = np.repeat([True, False], 50)
    rendered = np.concatenate([np.linspace(0.7, 1.0, 50), np.linspace(0.0, 0.3, 50)])
    recorded = np.concatenate([np.linspace(0.2, 0.5, 10), np.zeros(10)])
    there = np.repeat([True, False], 10)
    threshold = best_threshold([(rendered, truth), (recorded, there)])
    assert np.mean(recorded[there] >= threshold) >= 0.8
    assert threshold < best_threshold([(rendered, truth)])


def test_truth_follows_the_stems(tmp_path):
    pieces = find_pieces(write_stem_folder(tmp_path / "stems", pieces=5, seconds=4.0))

    def embed(samples):
        return np.zeros((1, 5, 1)), np.full((1, 5), 0.5)

    told, truth, known = presence_samples(
        Trial(pieces, StemReader(pieces, RATE_HZ), embed), mixes=60, segment_s=1.0
    )
    assert told.shape == truth.shape
    assert 0.3 < truth.mean() < 0.95
    assert truth.any(axis=1).all()
    assert known.all()


def test_calibration_finds_the_slope_and_the_offset():
    rng = np.random.default_rng(0)
    logits = rng.normal(0.0, 2.0, 20000)
    truth = rng.random(20000) < 1.0 / (1.0 + np.exp(-(0.5 * logits - 1.0)))
    assert calibration(logits, truth) == pytest.approx((0.5, -1.0), abs=0.05)


def test_calibration_of_what_is_told_without_error_is_finite():
    logits = np.concatenate([np.full(50, 4.0), np.full(50, -4.0)])
    slope, offset = calibration(logits, logits > 0)
    assert 1.0 < slope < 20.0
    assert abs(offset) < 1.0


def test_voices_count_as_other_and_some_stems_are_alone(tmp_path):
    pieces = find_pieces(write_stem_folder(tmp_path / "stems", pieces=5, seconds=4.0))
    voice = 0.1 * np.sin(2 * np.pi * 700 * np.arange(3 * RATE_HZ) / RATE_HZ).astype(np.float32)

    def embed(samples):
        return np.zeros((1, 5, 1)), np.full((1, 5), 0.5)

    trial = Trial(pieces, StemReader(pieces, RATE_HZ), embed)
    plain = presence_samples(trial, mixes=80, segment_s=1.0).truth
    alone = presence_samples(trial, mixes=80, segment_s=1.0, alone=1.0).truth
    sung = presence_samples(trial, mixes=80, segment_s=1.0, alone=1.0, voices=[voice]).truth
    assert (alone.sum(axis=1) == 1).all()
    assert plain.sum(axis=1).mean() > 2
    assert sung[:, Part.OTHER.index].mean() > alone[:, Part.OTHER.index].mean() + 0.15


def test_truth_is_unknown_where_a_stem_may_hold_the_part(tmp_path):
    pieces = find_pieces(write_stem_folder(tmp_path / "stems", pieces=4, seconds=2.0))
    pieces[0] = replace(pieces[0], unknown=frozenset({Part.PIANO}))

    def embed(samples):
        return np.zeros((1, 5, 1)), np.full((1, 5), 0.5)

    samples = presence_samples(
        Trial(pieces, StemReader(pieces, RATE_HZ), embed, threads=2), mixes=60, segment_s=1.0
    )
    told, truth = samples.of(Part.PIANO)
    assert 0 < len(told) == len(truth) < len(samples.told)
    assert len(samples.of(Part.BASS)[0]) == len(samples.told)


def test_pieces_shorter_than_a_segment(tmp_path):
    pieces = find_pieces(write_stem_folder(tmp_path / "stems", pieces=2, seconds=0.5))
    nothing = Trial(pieces, StemReader(pieces, RATE_HZ), lambda _: pytest.fail("nothing to embed"))
    with pytest.raises(PartwiseError, match="as long as a segment of 10 s"):
        presence_samples(nothing)
