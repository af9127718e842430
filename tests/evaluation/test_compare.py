import json

import numpy as np
import pytest

from partwise import Part, PartwiseError
from partwise_lab.data.stems import find_pieces
from partwise_lab.measure.compare import compare
from partwise_lab.measure.contenders import Contender
from partwise_lab.measure.heard import Trial
from partwise_lab.measure.pseudo_knn import pseudo_knn
from partwise_lab.measure.stem_reader import StemReader
from partwise_lab.report.comparison import comparison_text
from partwise_lab.rivals.common import squared_distances
from stem_folder import RATE_HZ, write_stem_folder
from stem_trees import write_tone

OPTIONS = {"labels": 3, "pool": 6, "mixes": 2, "draws": 3, "segment_s": 1.0}


def spectrum(samples):
    return np.abs(np.fft.rfft(samples, n=2048, axis=1))[:, :200].astype(np.float32)


class Ear:
    """Hears a few bands of the spectrum, the same for every part."""

    part_at_a_time, bytes_per_segment = False, 800

    def __init__(self, hear=lambda samples, part: spectrum(samples)):
        self.hear = hear
        self.about = {"digest": "d", "parameters": 7, "note": "an ear"}
        self.about |= {"minutes": 2.0, "clock": "core"}

    def distances(self, features):
        return squared_distances(features)


class Sorting:
    """A perfect separator: it knows the registers of the synthetic stems."""

    name, digest, sample_rate_hz = "sorting", "s", RATE_HZ

    def __init__(self, *parts):
        self.parts = parts

    def separate(self, samples):
        bins = np.fft.rfft(samples)
        hz = np.fft.rfftfreq(len(samples), 1 / RATE_HZ)
        edges = {"bass": (0, 150), "piano": (250, 620)}
        return {
            part: np.fft.irfft(
                np.where((hz >= edges[part][0]) & (hz < edges[part][1]), bins, 0), len(samples)
            ).astype(np.float32)
            for part in self.parts
        }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_stem_folder(tmp_path_factory.mktemp("data"), pieces=6, seconds=4.0)


def run(folder, rows, separators=None, **more):
    pieces = find_pieces(folder)
    return compare(rows, separators or {}, pieces, StemReader(pieces, RATE_HZ), **OPTIONS | more)


def test_a_row_on_the_mix_has_the_numbers_of_pseudo_knn(folder):
    pieces = find_pieces(folder)

    def embed(samples):
        return np.repeat(spectrum(samples)[:, None], 5, axis=1), np.ones((len(samples), 5))

    alone = pseudo_knn(Trial(pieces, StemReader(pieces, RATE_HZ), embed), **OPTIONS)
    report = run(folder, [Contender("ear", "mix", Ear())])
    json.dumps(report, allow_nan=False)
    row = report["rows"][0]
    for ours, theirs in zip(row["scores"], alone["scores"], strict=True):
        for key in ("part", "reading", "labels", "accuracy", "chance", "segments"):
            assert ours[key] == theirs[key], key
    assert row["mean"] == pytest.approx(alone["mean"])
    assert row["mean_low"] <= row["mean"] <= row["mean_high"]


def test_stems_are_easier_than_mixes_and_the_difference_is_paired(folder):
    rows = [Contender("ear", hears, Ear()) for hears in ("oracle", "mix", "sorted")]
    seen = []
    report = run(
        folder,
        rows,
        {"sorted": Sorting(Part.BASS, Part.PIANO)},
        threads=2,
        progress=lambda *at: seen.append(at),
    )
    assert seen[-1] == (58, 58)
    oracle, mix, separated = report["rows"]
    assert oracle["mean"] > mix["mean"]
    assert oracle["differences"]["mean"] == [0.0, 0.0, 0.0]
    known, low, high = mix["differences"]["mean"]
    assert known == pytest.approx(mix["mean"] - oracle["mean"]) and known < 0
    assert low <= known <= high
    # What the separator does not tell apart is not measured.
    assert {score["part"] for score in separated["scores"]} == {"bass", "piano"}
    assert set(separated["differences"]) == {"bass", "piano", "mean"}
    assert separated["speed"]["separate"] > 0 and oracle["speed"]["separate"] is None
    assert separated["speed"]["together"] < separated["speed"]["embed"]
    text = comparison_text({**report, "options": OPTIONS})
    assert text.splitlines()[3].split()[:5] == [
        "ear",
        "sorted",
        "-",
        *text.splitlines()[3].split()[3:5],
    ]
    assert "chance 33%" in text


def test_costs_count_all_parts(folder):
    """Networks of stems are run five times for a track, the one network once."""
    rows = [Contender("once", "mix", Ear()), Contender("each", "oracle", Ear())]
    rows[1].hearer.part_at_a_time = True  # pyright: ignore
    report = run(folder, rows)
    once, each = (row["speed"]["embed"] for row in report["rows"])
    assert 2.0 < once / each < 12.0  # five, but for the noise of a clock
    assert report["rows"][0]["bytes_per_track"] == 47 * 800
    assert report["rows"][0]["parameters"] == 7
    assert report["rows"][0]["budget"] == "2 core min"


def test_threads_change_no_accuracy(folder):
    rows = [Contender("ear", "mix", Ear())]
    scores = [run(folder, rows, threads=threads)["rows"][0]["scores"] for threads in (1, 3)]
    assert scores[0] == scores[1]


def test_chance_and_perfection(folder):
    """Random features are at chance within the interval; features that know the piece find all."""
    rng = np.random.default_rng(0)
    blind = Ear(lambda samples, part: rng.normal(size=(len(samples), 8)))
    # Each stem has a tone of its own: its frequency in Hz, where the spectrum has its peak.
    knows = Ear(lambda samples, part: np.abs(np.fft.rfft(samples)).argmax(axis=1)[:, None] * 1.0)
    rows = [Contender("knows", "oracle", knows), Contender("blind", "mix", blind)]
    # Of few mixes a label has fewer than its share, as a segment's own mix may not vote.
    report = run(folder, rows, mixes=8)
    perfect, chance = report["rows"]
    assert perfect["mean"] == pytest.approx(1.0, abs=0.02)
    assert chance["mean"] == pytest.approx(1 / 3, abs=0.12)
    assert chance["differences"]["mean"][2] < -0.3


def test_too_few_pieces_for_the_labels_get_a_sentence(tmp_path):
    for number in range(3):
        write_tone(tmp_path / f"s{number}" / "drums.wav", 3000.0 + number, 3.0)
    with pytest.raises(PartwiseError, match=r"4 labels.*3 pieces with drums.*--labels 3"):
        run(tmp_path, [Contender("ear", "mix", Ear())], labels=4)


def test_too_few_pieces_in_which_a_part_sounds_get_a_sentence(tmp_path):
    for number in range(4):
        seconds = 3.0 if number < 2 else 0.5  # half of them are shorter than a segment
        write_tone(tmp_path / f"s{number}" / "drums.wav", 3000.0 + number, seconds)
    with pytest.raises(PartwiseError, match=r"drums sounds for 1 s in only 2 .*--labels 2"):
        run(tmp_path, [Contender("ear", "mix", Ear())])
